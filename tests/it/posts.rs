//! What is said in a room over HTTP, and read there: by form, JSON and plain text, page by page.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, on_each_store,
    visitor::{id_of, texts},
    websocket,
};

on_each_store!(
    a_message_is_said_by_form_json_and_text,
    author_number_and_time_are_the_servers,
    the_same_key_is_one_message,
    what_cannot_be_said_is_refused_and_not_stored,
    the_log_is_read_page_by_page_from_both_ends,
    a_whisper_reaches_one_and_is_not_in_the_log,
    off_the_record_leaves_no_trace,
);

async fn a_message_is_said_by_form_json_and_text(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut listener = Peer::connect(&server, &Login::v5("listener")).await;
    listener.join(&room).await;
    let path = format!("/room/{room}/chat");

    let said = host.form(&path, &[("chat", "by form & button")]).await;
    assert_eq!(said.status(), 303);
    assert_eq!(said.headers()[header::LOCATION], format!("/room/{room}"));
    let by_json = host.say(&room, "by JSON").await;
    let text = host.request(Method::POST, &path).header("content-type", "text/plain");
    let text = text.body("by curl -d").send().await.unwrap();
    assert_eq!(text.status(), 201);

    let heard = listener.events_until("by curl -d").await;
    assert_eq!(texts(&heard)[1..], ["by form & button", "by JSON", "by curl -d"]);
    assert_eq!(heard[2], by_json, "what is answered is what everybody hears");
    assert_eq!(host.chats(&room).await, heard[1..], "and what is in the log");
    for (index, event) in heard.iter().enumerate() {
        assert_eq!(event["seq"], index + 1, "{event}");
        assert_eq!(event["room"], json!(room));
    }
    let page = host.page(&format!("/room/{room}"), "en").await.text().await.unwrap();
    assert!(page.contains("by form &#38; button") || page.contains("by form &amp; button"));
}

async fn author_number_and_time_are_the_servers(store: Store) {
    let server = Server::start(store).await;
    let (host, other) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let victim = host.say(&room, "it is me").await;
    let forged = json!({"chat": "no, me", "user": victim["user"], "uid": victim["uid"], "seq": 99,
        "name": "root", "type": "kick", "room": "000000000000", "createdAt": "2000-01-01T00:00:00Z",
        "id": victim["id"], "gif": "x.gif", "to": victim["uid"], "occupancy": 7});
    let path = format!("/room/{room}/chat");
    let by_http: Value = other.post(&path, forged.clone()).await.json().await.unwrap();
    let mut device = Peer::connect(&server, &Login::v5("device")).await;
    assert_eq!(device.publish(&format!("chat/{room}"), forged.to_string()).await, 0);
    let chats = host.chats(&room).await;
    assert_eq!(chats[1], by_http);
    for (event, seq) in [(&chats[1], 2), (&chats[2], 3)] {
        assert_eq!((&event["type"], &event["seq"]), (&json!("chat"), &json!(seq)));
        assert_eq!((&event["room"], &event["chat"]), (&json!(room), &json!("no, me")));
        assert_ne!(event["uid"], victim["uid"]);
        assert_ne!(event["id"], victim["id"]);
        assert!(event["createdAt"].as_str().unwrap() >= victim["createdAt"].as_str().unwrap());
        for field in ["name", "gif", "to", "occupancy"] {
            assert!(event.get(field).is_none(), "{field} in {event}");
        }
    }
}

async fn the_same_key_is_one_message(store: Store) {
    let server = Server::start(store).await;
    let (host, other) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let path = format!("/room/{room}/chat");
    let draft = json!({"chat": "once", "key": "k1"});
    let first: Value = host.post(&path, draft.clone()).await.json().await.unwrap();
    let again = host.post(&path, draft.clone()).await;
    assert!(again.status().is_success());
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    let mut page = websocket::page(&server, &host, "page").await;
    assert_eq!(page.publish(&format!("chat/{room}"), draft.to_string()).await, 0);
    // Somebody else's key, and another key, are other messages.
    other.post(&path, draft).await;
    host.post(&path, json!({"chat": "once", "key": "k2"})).await;
    assert_eq!(texts(&host.chats(&room).await), ["once"; 3]);
}

async fn what_cannot_be_said_is_refused_and_not_stored(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let path = format!("/room/{room}/chat");
    let long = "가".repeat(2001);
    for (draft, status) in [
        (json!({}), 422),
        (json!({"chat": ""}), 422),
        (json!({"chat": " \n\t "}), 422),
        (json!({"chat": 5}), 422),
        (json!({"chat": ["a"]}), 422),
        (json!({"chat": long}), 422),
        (json!({"chat": "x", "key": "k".repeat(65)}), 422),
    ] {
        let refused = host.post(&path, draft.clone()).await;
        assert_eq!(refused.status(), status, "{draft:.80}");
        let problem: Value = refused.json().await.unwrap();
        assert!(problem["detail"].is_string(), "{problem}");
    }
    let huge = "x".repeat(70_000);
    assert_eq!(host.post(&path, json!({"chat": huge})).await.status(), 413);
    for nowhere in ["/room/000000000000/chat", "/room/nonsense/chat", "/room/%00/chat"] {
        let refused = host.post(nowhere, json!({"chat": "x"})).await;
        assert_eq!(refused.status(), 404, "{nowhere}");
    }
    let too_long = host.form(&path, &[("chat", &long)]).await;
    assert_eq!(too_long.status(), 422);
    assert!(too_long.text().await.unwrap().contains(&long), "what was typed is given back");

    let mut device = Peer::connect(&server, &Login::v5("device")).await;
    let topic = format!("chat/{room}");
    for payload in [&b""[..], b" ", b"{\"chat\":\"\"}", b"\xff\xfe\xfd", long.as_bytes()] {
        assert!(device.publish(&topic, payload).await >= 0x80, "{payload:.20?}");
    }
    let longest = "가".repeat(2000);
    assert_eq!(device.publish(&topic, &longest).await, 0);
    assert_eq!(texts(&host.chats(&room).await), [longest]);
}

async fn the_log_is_read_page_by_page_from_both_ends(store: Store) {
    let server = Server::with(store, &[("PARLOR_LIMITS__PUBLISH_PER_S", "0")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for number in 1..=25 {
        host.say(&room, &format!("message {number}")).await;
    }
    let mut read = Vec::new();
    let mut next = String::new();
    loop {
        let page = host.get(&format!("/room/{room}/chats?limit=10{next}")).await;
        let page: Value = page.json().await.unwrap();
        let chats = page["chats"].as_array().unwrap().clone();
        read.splice(0..0, chats);
        match page["before"].as_u64() {
            Some(before) => next = format!("&before={before}"),
            None => break,
        }
    }
    let numbers: Vec<u64> = read.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
    assert_eq!(texts(&read)[24], "message 25");
    for (query, from, to) in [
        ("after=20", 21, 25),
        ("after=3&limit=2", 4, 5),
        ("before=4", 1, 3),
        ("limit=3", 23, 25),
        ("limit=100000", 1, 25),
        ("after=25", 1, 0),
        ("before=1", 1, 0),
    ] {
        let page: Value =
            host.get(&format!("/room/{room}/chats?{query}")).await.json().await.unwrap();
        let chats = page["chats"].as_array().unwrap();
        let numbers: Vec<u64> = chats.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (from..=to).collect::<Vec<u64>>(), "{query}");
    }
    for query in ["limit=x", "before=-1", "after=1e9", "before=2&after=1"] {
        let refused = host.get(&format!("/room/{room}/chats?{query}")).await;
        assert_eq!(refused.status(), 400, "{query}");
    }
}

async fn a_whisper_reaches_one_and_is_not_in_the_log(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut peers = Vec::new();
    for name in ["sender", "receiver", "bystander"] {
        let mut peer = Peer::connect(&server, &Login::v5(name)).await;
        peer.join(&room).await;
        peers.push(peer);
    }
    let who = host.occupants(&room).await;
    assert_eq!(who.len(), 3);
    peers[1].publish(&format!("chat/{room}"), "I am the receiver").await;
    let uid = peers[0].events_until("I am the receiver").await.pop().unwrap()["uid"].clone();
    let to = format!("chat/{room}/to/{}", uid.as_str().unwrap());
    assert_eq!(peers[0].publish(&to, "psst").await, 0);
    assert_eq!(peers[0].publish(&format!("chat/{room}"), "aloud").await, 0);
    for (index, hears) in [(0, true), (1, true), (2, false)] {
        let heard = peers[index].events_until("aloud").await;
        let whisper = heard.iter().find(|event| event["chat"] == "psst");
        assert_eq!(whisper.is_some(), hears, "peer {index}: {heard:?}");
        if let Some(whisper) = whisper {
            assert_eq!(whisper["to"], uid);
            assert!(whisper.get("seq").is_none());
        }
    }
    assert_eq!(texts(&host.chats(&room).await), ["I am the receiver", "aloud"]);
}

async fn off_the_record_leaves_no_trace(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"offRecord": true, "keep": true})).await);
    assert_eq!(host.say(&room, "between us").await["seq"], 1);
    assert_eq!(host.say(&room, "and now").await["seq"], 2);
    assert_eq!(texts(&host.chats(&room).await), ["between us", "and now"]);
    assert!(server.stop().await.success());
    server.again().await;
    assert_eq!(host.get(&format!("/room/{room}")).await.status(), 404);
    if store == Store::Sqlite {
        for file in std::fs::read_dir(server.data()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(10).any(|part| part == b"between us"));
        }
    }
}
