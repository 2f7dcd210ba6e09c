//! The seed's faults, one test each, so that none comes back. Each names what went wrong there and
//! shows that it cannot here.

use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images, on_each_store, until,
    visitor::{id_of, texts},
    websocket, within,
};

/// What a server answers to these bytes, until it closes.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within("an answer", stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

on_each_store!(
    fault_1_the_password_is_told_to_nobody_and_stored_nowhere,
    fault_2_nobody_reads_writes_or_removes_what_is_not_theirs,
    fault_3_capacity_counts_people_and_holds_at_every_door,
    fault_4_a_reload_a_restart_and_an_empty_room_are_told_apart,
    fault_8_what_no_room_or_message_can_be_is_422_and_never_500,
    fault_10_two_people_of_one_colour_are_two_people,
    fault_12_a_line_is_said_once_and_a_failure_is_told,
);

async fn fault_1_the_password_is_told_to_nobody_and_stored_nowhere(store: Store) {
    let server = Server::with(store, &[("PARLOR_LOG__LEVEL", "trace")]).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let password = "kimchi-stew-7391";
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    lobby.subscribe("rooms/+").await;
    let made = host.form("/room", &[("title", "t"), ("max", "5"), ("password", password)]).await;
    let address = made.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert!(!address.contains(password) && !address.contains('?'), "{address}");
    let card = String::from_utf8(lobby.message().await.payload).unwrap();
    assert!(!card.contains(password) && !card.contains("argon2"), "{card}");
    let entered = guest.form(&format!("{address}/enter"), &[("password", password)]).await;
    assert_eq!(entered.headers()[header::LOCATION], address);
    let room = address.trim_start_matches("/room/");
    let login = Login::v5("device").user(&format!("room:{room}"), password);
    Peer::connect(&server, &login).await.join(room).await;
    for visitor in [&host, &guest] {
        for path in ["/", &address, "/room"] {
            let page = visitor.page(path, "en").await.text().await.unwrap();
            assert!(!page.contains(password) && !page.contains("argon2"), "{path}");
        }
    }
    assert!(!server.log().contains(password), "the log");
    for file in std::fs::read_dir(server.data()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(password.len()).any(|part| part == password.as_bytes()));
    }
}

async fn fault_2_nobody_reads_writes_or_removes_what_is_not_theirs(store: Store) {
    let server = Server::start(store).await;
    let (host, stranger) = (Visitor::to(&server), Visitor::to(&server));
    let room = id_of(&host.create(json!({"password": "p", "keep": true})).await);
    let topic = format!("chat/{room}");
    host.say(&room, "among us").await;
    for login in [Login::v5("stranger"), Login::v4("stranger")] {
        let mut peer = Peer::connect(&server, &login).await;
        assert!(peer.subscribe(&topic).await >= 0x80);
        assert_eq!(peer.publish(&topic, "intruder").await >= 0x80, login.version == 5);
    }
    let mut page = websocket::page(&server, &stranger, "page").await;
    assert_eq!(page.subscribe(&topic).await, 0x87);
    let path = format!("/room/{room}");
    assert_eq!(stranger.post(&format!("{path}/chat"), json!({"chat": "x"})).await.status(), 403);
    assert_eq!(stranger.delete(&path).await.status(), 403);
    let nowhere = stranger.post("/room/zzzzzzzzzzzz/chat", json!({"chat": "orphan"})).await;
    assert_eq!(nowhere.status(), 404);
    assert_eq!(texts(&host.chats(&room).await), ["among us"]);

    let mut member = websocket::page(&server, &host, "member").await;
    member.join(&room).await;
    assert_eq!(host.delete(&path).await.status(), 204);
    member.event_of("removeRoom").await;
    assert!(member.publish(&topic, "after the end").await >= 0x80, "nobody posts on");
}

async fn fault_3_capacity_counts_people_and_holds_at_every_door(store: Store) {
    let server = Server::start(store).await;
    let (host, guest, late) = (Visitor::to(&server), Visitor::to(&server), Visitor::to(&server));
    let room = id_of(&host.create(json!({"max": 2, "keep": true})).await);
    let mut tabs = Vec::new();
    for (visitor, name) in [(&host, "a"), (&host, "b"), (&host, "c"), (&guest, "d")] {
        let mut tab = websocket::page(&server, visitor, name).await;
        tab.join(&room).await;
        tabs.push(tab);
    }
    assert_eq!(host.occupants(&room).await.len(), 2);
    assert_eq!(late.page(&format!("/room/{room}"), "en").await.status(), 409);
    let mut socket = websocket::page(&server, &late, "late").await;
    assert_eq!(socket.subscribe(&format!("chat/{room}")).await, 0x97);
    assert_eq!(guest.page(&format!("/room/{room}"), "en").await.status(), 200, "who is in, is in");
}

async fn fault_4_a_reload_a_restart_and_an_empty_room_are_told_apart(store: Store) {
    let mut server = Server::with(store, &[("PARLOR_PRESENCE__UNENTERED_MS", "60000")]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({})).await);
    let mut page = websocket::page(&server, &host, "before the reload").await;
    page.join(&room).await;
    assert_eq!(page.publish(&format!("chat/{room}"), "kept").await, 0);
    drop(page);
    let mut page = websocket::page(&server, &host, "after the reload").await;
    page.join(&room).await;
    server.kill().await;
    server.again().await;
    let mut page = websocket::page(&server, &host, "after the restart").await;
    page.join(&room).await;
    host.say(&room, "heard again").await;
    assert_eq!(page.event_of("chat").await["chat"], "heard again");
    assert_eq!(texts(&host.chats(&room).await), ["kept", "heard again"]);
    // A room that nobody enters: see presence::a_room_that_nobody_enters_goes_by_itself.
}

async fn fault_8_what_no_room_or_message_can_be_is_422_and_never_500(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    for fields in [
        vec![("title", "   "), ("max", "10")],
        vec![("max", "10")],
        vec![("title", "t"), ("max", "1")],
        vec![("title", "t"), ("max", "2.5")],
        vec![("title", "t"), ("max", "1e308")],
        vec![("title", "t"), ("max", "NaN")],
    ] {
        let refused = host.form("/room", &fields).await;
        assert_eq!(refused.status(), 422, "{fields:?}");
        let page = refused.text().await.unwrap();
        assert!(!page.contains("stack") && !page.contains(".rs:"), "{fields:?}");
    }
    let long = "x".repeat(50_000);
    assert_eq!(host.form("/room", &[("title", &long)]).await.status(), 422);
    let room = host.lasting_room().await;
    for fields in [vec![], vec![("chat", "")], vec![("chat", "  ")]] {
        let refused = host.form(&format!("/room/{room}/chat"), &fields).await;
        assert_eq!(refused.status(), 422, "{fields:?}");
    }
    for path in ["/room/x", "/room/000000000000", "/room/5f5f5f5f5f5f5f5f5f5f5f5f"] {
        assert_eq!(host.page(path, "ko").await.status(), 404, "{path}");
    }
    assert_eq!(host.log(&room).await, Vec::<Value>::new());
    // What the seed's body parser made an object of, and the database an operator, is a text.
    let said = host.form(&format!("/room/{room}/chat"), &[("chat[$ne]", "x")]).await;
    assert_eq!(said.status(), 201);
    assert_eq!(host.log(&room).await[0]["chat"], "chat%5B%24ne%5D=x");
}

async fn fault_10_two_people_of_one_colour_are_two_people(store: Store) {
    let no_limits =
        [("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"), ("PARLOR_LIMITS__PUBLISH_PER_S", "0")];
    let server = Server::with(store, &no_limits).await;
    let room = Visitor::to(&server).lasting_room().await;
    // The colours are few: among this many visitors two share one, and no two share a uid.
    let mut uids = std::collections::BTreeMap::new();
    let mut said = 0;
    let twins = loop {
        let visitor = Visitor::to(&server);
        let event = visitor.say(&room, "hello").await;
        said += 1;
        let colour = event["user"].as_str().unwrap().to_owned();
        let uid = event["uid"].as_str().unwrap().to_owned();
        if let Some((other, first)) = uids.insert(colour, (uid.clone(), visitor)) {
            break (other, uid, first);
        }
        assert!(said < 5000, "no two of one colour");
    };
    assert_ne!(twins.0, twins.1);
    assert_eq!(twins.2.say(&room, "again").await["uid"], json!(twins.0));
}

async fn fault_12_a_line_is_said_once_and_a_failure_is_told(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let mut page = websocket::page(&server, &host, "page").await;
    page.join(&room).await;
    let draft = json!({"chat": "twice sent", "key": "k"}).to_string();
    assert_eq!(page.publish(&topic, &draft).await, 0);
    assert_eq!(page.publish(&topic, &draft).await, 0);
    assert!(page.publish(&topic, "").await >= 0x80, "the sender is told");
    server.kill().await;
    server.again().await;
    let mut page = websocket::page(&server, &host, "page").await;
    page.join(&room).await;
    assert_eq!(page.publish(&topic, &draft).await, 0);
    assert_eq!(page.publish(&topic, "after").await, 0);
    assert_eq!(page.event_of("chat").await["chat"], "after", "it hears its own lines again");
    assert_eq!(texts(&host.chats(&room).await), ["twice sent", "after"]);
    // The same file twice, and two tabs as one person: see uploads.rs and presence.rs.
}

#[tokio::test]
async fn fault_5_no_request_kills_the_server() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let http = server.http;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n";
    for referer in
        ["", "http://x/room/", "http://x/room/nonsense", "%%%", "\u{1}", "http://x/room//"]
    {
        let request =
            format!("GET /mqtt HTTP/1.1\r\nHost: {http}\r\n{upgrade}Referer: {referer}\r\n\r\n");
        let mut stream = TcpStream::connect(http).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
    }
    for request in [
        format!(
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"
        ),
        format!("GET /room/{room}/ HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        format!("POST /room/{room}/chat HTTP/1.1\r\nHost: {http}\r\nContent-Length: -1\r\n\r\n"),
        format!("GET /%%%/\u{7f} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"),
    ] {
        let answer = raw(&server, &request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{request}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 5"), "{request}: {answer}");
    }
    Peer::connect(&server, &Login::v5("x")).await.join(&room).await;
    host.say(&room, "alive").await;
}

#[tokio::test]
async fn fault_6_everybody_who_joins_is_somebody() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_SERVER__LOCALE", "ko")]).await;
    let room = Visitor::to(&server).lasting_room().await;
    let mut watcher = Peer::connect(&server, &Login::v5("watcher")).await;
    watcher.join(&room).await;
    watcher.event().await;
    for login in [Login::v5(""), Login::v4(""), Login::v5("device"), Login::v5("undefined")] {
        let mut peer = Peer::connect(&server, &login).await;
        peer.join(&room).await;
        let join = watcher.event_of("join").await;
        let sentence = join["chat"].as_str().unwrap();
        let who = sentence.strip_suffix("님이 입장하셨습니다.").expect("the seed's wording");
        let is_colour = who.len() == 7 && who.starts_with('#');
        assert!(is_colour && u32::from_str_radix(&who[1..], 16).is_ok(), "{sentence}");
        assert!(join["uid"].as_str().is_some_and(|uid| uid.len() == 16), "{join}");
        peer.disconnect().await;
        let exit = watcher.event_of("exit").await;
        assert_eq!(exit["chat"], format!("{who}님이 퇴장하셨습니다."));
    }
}

#[tokio::test]
async fn fault_7_an_upload_is_an_image_and_goes_with_its_room() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let post = async |name: &str, bytes: Vec<u8>| {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("gif", part);
        let path = format!("/room/{room}/gif");
        // As a page sends it, so that the answer is a page.
        let request = host.request(Method::POST, &path).header(header::ACCEPT, "text/html");
        request.multipart(form).send().await.unwrap()
    };
    for name in ["x.html", "x.svg", "x.gif"] {
        let refused = post(name, b"<svg onload=alert(1)>".to_vec()).await;
        assert_eq!(refused.status(), 415, "{name}");
    }
    let too_large = post("x.gif", [images::gif(), vec![0; 6 * 1024 * 1024]].concat()).await;
    assert_eq!(too_large.status(), 413);
    let page = too_large.text().await.unwrap();
    assert!(
        page.contains("larger than this server accepts") || page.contains("image"),
        "a word about it"
    );
    assert_eq!(post("x.html", images::gif()).await.status(), 303);
    let event = host.chats(&room).await.pop().unwrap();
    assert!(event["gif"].as_str().unwrap().ends_with(".gif"));
    let folder = server.images(&room);
    assert!(folder.exists());
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
    until("the files to go with the room", || async { !folder.exists() }).await;
}

#[tokio::test]
async fn fault_9_a_page_says_what_the_server_says_at_any_address() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let page = host.page("/?error=Call+0900-SCAM+now", "en").await.text().await.unwrap();
    assert!(!page.contains("SCAM"));
    let elsewhere = ("host", "chat.example:8080");
    for path in ["/".to_owned(), "/room".into(), format!("/room/{room}")] {
        let request = host.request(Method::GET, &path).header(elsewhere.0, elsewhere.1);
        let page = request.header(header::ACCEPT, "text/html").send().await.unwrap();
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        for bound in ["localhost", "127.0.0.1", "8005", "//cdn", "https://", "http://"] {
            assert!(!page.contains(bound), "{path} is bound to {bound}");
        }
        assert!(page.contains("viewport"), "{path}: for phones");
    }
    let own = host.request(Method::POST, "/room").header("host", elsewhere.1);
    let own = own.header("origin", "http://chat.example:8080");
    let made = own.form(&[("title", "t"), ("max", "2")]).send().await.unwrap();
    assert_eq!(made.status(), 303, "our own origin by another name");
}

#[tokio::test]
async fn fault_11_passwords_of_any_characters_few_guesses_and_no_forged_leaving() {
    let server = Server::start(Store::Sqlite).await;
    let (host, thief) = (Visitor::to(&server), Visitor::to(&server));
    let fields = [("title", "t"), ("max", "5"), ("password", "a&b#c%?+ /"), ("keep", "on")];
    let made = host.form("/room", &fields).await;
    let address = made.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(host.page(&address, "en").await.status(), 200, "its creator is not locked out");
    let mut page = websocket::page(&server, &host, "page").await;
    page.join(address.trim_start_matches("/room/")).await;

    let mut passed = 0;
    for number in 0..30 {
        let guess = json!({"password": format!("guess {number}")});
        let answer = thief.post(&format!("{address}/enter"), guess).await;
        passed += usize::from(answer.status() == 403);
    }
    assert!(passed <= 11, "{passed} guesses were looked at");

    // A Referer is no identity: neither leaves nor deletes for somebody else.
    let forge = |method: Method, path: String| {
        let referer = format!("http://{}{address}", server.http);
        thief.request(method, &path).header(header::REFERER, referer)
    };
    for (method, path) in [
        (Method::POST, format!("{address}/leave")),
        (Method::DELETE, address.clone()),
        (Method::GET, format!("{address}/")),
    ] {
        forge(method, path).send().await.unwrap();
    }
    let room = address.trim_start_matches("/room/");
    assert_eq!(host.occupants(room).await.len(), 1);
    host.say(room, "still here").await;
    assert_eq!(page.event_of("chat").await["chat"], "still here");
}
