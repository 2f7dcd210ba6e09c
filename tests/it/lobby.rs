//! The directory of rooms: `GET /` and the retained cards of `rooms/+`.

use serde_json::{Value, json};

use crate::harness::{Login, Peer, Server, Store, Visitor, on_each_store, visitor::id_of};

on_each_store!(
    everybody_sees_rooms_come_change_and_go,
    a_late_visitor_sees_what_is_there_and_nothing_of_what_was,
);

async fn everybody_sees_rooms_come_change_and_go(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    assert_eq!(lobby.subscribe("rooms/+").await, 1);
    let card = host.create(json!({"title": "tea", "max": 3, "password": "p"})).await;
    let room = id_of(&card);

    let seen = lobby.message().await;
    assert_eq!(seen.topic, format!("rooms/{room}"));
    assert_eq!(seen.json(), card);
    let mut fields: Vec<&String> = card.as_object().unwrap().keys().collect();
    fields.sort();
    let known = [
        "createdAt",
        "id",
        "keep",
        "locked",
        "max",
        "occupancy",
        "offRecord",
        "owner",
        "ownerId",
        "title",
    ];
    assert_eq!(fields, known, "never the password, never its hash");

    let change = json!({"title": "coffee", "password": null});
    let path = format!("/room/{room}");
    let changed = host.ask(reqwest::Method::PATCH, &path).json(&change).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    let seen = lobby.message().await.json();
    assert_eq!((&seen["title"], &seen["locked"]), (&json!("coffee"), &json!(false)));

    assert_eq!(host.delete(&path).await.status(), 204);
    let gone = lobby.message().await;
    assert_eq!((gone.topic, gone.payload), (format!("rooms/{room}"), vec![]));
}

async fn a_late_visitor_sees_what_is_there_and_nothing_of_what_was(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let mut rooms = Vec::new();
    for number in 0..5 {
        rooms.push(id_of(&host.create(json!({"title": format!("room {number}")})).await));
    }
    let mut witness = Peer::connect(&server, &Login::v5("witness")).await;
    witness.subscribe("rooms/#").await;
    for gone in rooms.drain(..2) {
        assert_eq!(host.delete(&format!("/room/{gone}")).await.status(), 204);
        // The cards follow the answer.
        while !witness.message().await.payload.is_empty() {}
    }
    let listed: Value = host.get("/").await.json().await.unwrap();
    let listed: Vec<String> = listed["rooms"].as_array().unwrap().iter().map(id_of).collect();
    assert_eq!(listed, rooms.iter().rev().cloned().collect::<Vec<_>>(), "newest first");

    let mut lobby = Peer::connect(&server, &Login::v5("late")).await;
    assert_eq!(lobby.subscribe("rooms/#").await, 1);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let card = lobby.message().await;
        assert!(card.retain, "what was there before is marked as retained");
        seen.push(id_of(&card.json()));
    }
    // The next to come is a new one: nothing of the removed ones.
    let new = id_of(&host.create(json!({"title": "new"})).await);
    let card = lobby.message().await;
    assert_eq!((id_of(&card.json()), card.retain), (new, false));
    seen.sort();
    rooms.sort();
    assert_eq!(seen, rooms);

    let page = host.page("/", "en").await.text().await.unwrap();
    assert!(page.contains("room 4") && page.contains("new") && !page.contains("room 1"));
}

#[tokio::test]
async fn a_title_is_text_wherever_it_is_shown() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let title = r#"</script><img src=x onerror=alert(1)>"'&"#;
    let room = id_of(&host.create(json!({"title": title})).await);
    for path in ["/".to_owned(), format!("/room/{room}")] {
        let page = host.page(&path, "en").await.text().await.unwrap();
        assert!(!page.contains("<img src=x") && !page.contains("</script><img"), "{path}");
        assert!(page.contains("img src=x onerror"), "{path}: the words are there");
    }
}
