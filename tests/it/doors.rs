//! Locked rooms: who comes in, by which door, for how long; and what the others see: nothing.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images, on_each_store, visitor::id_of, websocket,
};

on_each_store!(
    the_password_opens_the_door_for_this_session,
    a_new_password_ends_what_the_old_one_opened,
    nothing_of_a_locked_room_leaks,
    guessing_is_slowed_down,
);

async fn the_password_opens_the_door_for_this_session(store: Store) {
    let server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    // The characters that locked creators out of their own rooms when they stood in a URL.
    let password = "a&b#c? d%=가";
    let room = id_of(&host.create(json!({"password": password, "keep": true})).await);
    let path = format!("/room/{room}");
    assert_eq!(host.page(&path, "en").await.status(), 200, "its creator is in");
    host.say(&room, "the secret").await;

    let door = guest.page(&path, "en").await;
    assert_eq!(door.status(), 403);
    let page = door.text().await.unwrap();
    assert!(page.contains(&format!("{path}/enter")) && !page.contains("the secret"));
    for (language, text) in [("ko", "비밀번호가 틀렸습니다."), ("en", "Wrong password.")]
    {
        let enter = guest.request(Method::POST, &format!("{path}/enter"));
        let enter = enter.header(header::ACCEPT, "text/html").header("accept-language", language);
        let refused = enter.form(&[("password", "wrong")]).send().await.unwrap();
        assert_eq!(refused.status(), 403);
        assert!(refused.text().await.unwrap().contains(text), "{language}");
    }
    let entered = guest.form(&format!("{path}/enter"), &[("password", password)]).await;
    assert_eq!(
        (entered.status().as_u16(), &entered.headers()["location"]),
        (303, &path.parse().unwrap())
    );
    let page = guest.page(&path, "en").await.text().await.unwrap();
    assert!(page.contains("the secret"));
    assert_eq!(guest.say(&room, "thank you").await["seq"], 2);
    let mut socket = websocket::page(&server, &guest, "guest").await;
    socket.join(&room).await;
    assert_eq!(Visitor::to(&server).page(&path, "en").await.status(), 403, "nobody else");
}

async fn a_new_password_ends_what_the_old_one_opened(store: Store) {
    let server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = id_of(&host.create(json!({"password": "old", "keep": true})).await);
    let path = format!("/room/{room}");
    let topic = format!("chat/{room}");
    let mut owner = websocket::page(&server, &host, "owner").await;
    owner.join(&room).await;
    let entered = guest.post(&format!("{path}/enter"), json!({"password": "old"})).await;
    assert_eq!(entered.status(), 200);
    let mut page = websocket::page(&server, &guest, "guest").await;
    page.join(&room).await;
    let login = Login::v5("device").user(&format!("room:{room}"), "old");
    let mut device = Peer::connect(&server, &login).await;
    device.join(&room).await;

    let change = json!({"password": "new"});
    let changed = host.ask(Method::PATCH, &path).json(&change).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    host.say(&room, "now among us").await;
    owner.events_until("now among us").await;
    assert_eq!(guest.get(&format!("{path}/chats")).await.status(), 403);
    for outsider in [&mut page, &mut device] {
        assert_ne!(outsider.publish(&topic, "me too").await, 0);
        assert_eq!(outsider.subscribe(&topic).await, 0x87);
        // Heard by all, and before it nothing of the room.
        assert_eq!(outsider.subscribe("rooms/+").await, 1);
        let next = outsider.message().await;
        assert!(!String::from_utf8_lossy(&next.payload).contains("now among us"), "{next:?}");
    }
    assert_eq!(Peer::try_connect(&server, &login).await.err(), Some(0x86));
}

async fn nothing_of_a_locked_room_leaks(store: Store) {
    let server = Server::start(store).await;
    let (host, thief) = (Visitor::to(&server), Visitor::to(&server));
    let locked = id_of(&host.create(json!({"password": "p", "keep": true})).await);
    let open = host.lasting_room().await;
    let gif = post_image(&host, &locked).await;
    host.say(&locked, "the secret").await;

    let path = format!("/room/{locked}");
    for read in [format!("{path}/chats"), format!("{path}/occupants"), path.clone(), gif] {
        let refused = thief.get(&read).await;
        assert!(matches!(refused.status().as_u16(), 403 | 404), "{read}: {}", refused.status());
        assert!(!refused.text().await.unwrap().contains("secret"));
    }
    assert_eq!(thief.post(&format!("{path}/chat"), json!({"chat": "x"})).await.status(), 403);

    let mut watcher = Peer::connect(&server, &Login::v5("thief")).await;
    let to_all = format!("chat/{locked}/#");
    for filter in [
        "#",
        "+/+",
        "+/#",
        "chat/#",
        "chat/+",
        "chat/+/#",
        "chat/+/to/+",
        "$share/g/chat/+",
        "$share/g/chat/#",
        "$share/g/#",
        &to_all,
    ] {
        watcher.subscribe(filter).await;
    }
    assert_eq!(watcher.subscribe(&format!("chat/{locked}")).await, 0x87);
    let history = crate::harness::packet::user_property("history", "50");
    assert_eq!(watcher.subscribe_with(&format!("chat/{locked}"), 1, &history).await, 0x87);
    assert_eq!(watcher.publish(&format!("chat/{locked}"), "x").await, 0x87);
    host.say(&locked, "another secret").await;
    host.say(&open, "for everybody").await;
    for event in watcher.events_until("for everybody").await {
        assert_eq!(event["room"], json!(open), "{event}");
    }
    assert_eq!(host.chats(&locked).await.len(), 3);
}

async fn guessing_is_slowed_down(store: Store) {
    let settings =
        [("PARLOR_LIMITS__PASSWORD_TRIES", "5"), ("PARLOR_LIMITS__PASSWORD_WAIT_MS", "60000")];
    let server = Server::with(store, &settings).await;
    let (host, thief) = (Visitor::to(&server), Visitor::to(&server));
    let room = id_of(&host.create(json!({"password": "p", "keep": true})).await);
    let enter = format!("/room/{room}/enter");
    let mut answers = Vec::new();
    for number in 0..8 {
        let answer = thief.post(&enter, json!({"password": format!("{number}")})).await;
        if answer.status() == 429 {
            let wait = answer.headers()[header::RETRY_AFTER].to_str().unwrap();
            assert!(wait.parse::<u64>().unwrap() > 0);
        }
        answers.push(answer.status().as_u16());
    }
    assert_eq!(answers, [403, 403, 403, 403, 403, 429, 429, 429]);
    assert_eq!(
        thief.post(&enter, json!({"password": "p"})).await.status(),
        429,
        "nor the right one"
    );
    let user = format!("room:{room}");
    let login = Login::v5("thief").user(&user, "p");
    let refused = Peer::try_connect(&server, &login).await.err().expect("a refusal");
    assert!(matches!(refused, 0x86 | 0x89 | 0x97 | 0x9F), "{refused:#x}: by no other door");
    host.say(&room, "undisturbed").await;
}

async fn post_image(visitor: &Visitor, room: &str) -> String {
    let part = reqwest::multipart::Part::bytes(images::gif()).file_name("a.gif");
    let form = reqwest::multipart::Form::new().part("gif", part);
    let path = format!("/room/{room}/gif");
    let posted = visitor.ask(Method::POST, &path).multipart(form).send().await.unwrap();
    assert_eq!(posted.status(), 201);
    let event: Value = posted.json().await.unwrap();
    format!("/gif/{}", event["gif"].as_str().unwrap())
}
