//! Rooms over HTTP: made, changed, handed over, closed; by whom, and by whom not.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, on_each_store, visitor::id_of, websocket,
};

on_each_store!(
    a_room_is_made_by_form_and_by_json,
    a_room_that_cannot_be_is_refused_and_nothing_is_kept,
    only_the_owner_closes_a_room_and_all_are_told,
    the_owner_hands_over_and_kicks,
);

async fn a_room_is_made_by_form_and_by_json(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let made =
        host.form("/room", &[("title", " Tea & cake "), ("max", "5"), ("password", "")]).await;
    assert_eq!(made.status(), 303);
    let address = made.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let card: Value = host.get(&address).await.json().await.unwrap();
    assert_eq!((&card["title"], &card["max"]), (&json!("Tea & cake"), &json!(5)));
    assert_eq!((&card["locked"], &card["occupancy"]), (&json!(false), &json!(0)));
    assert_eq!(host.page(&address, "en").await.status(), 200);

    let wish = json!({"title": "다방", "password": "a&b#c", "offRecord": true});
    let made = host.post("/room", wish).await;
    assert_eq!(made.status(), 201);
    let address = made.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let card: Value = made.json().await.unwrap();
    assert_eq!(address, format!("/room/{}", id_of(&card)));
    assert_eq!(card["max"], 10, "what is not given is as in the form");
    assert_eq!((&card["locked"], &card["offRecord"]), (&json!(true), &json!(true)));
    assert_eq!(host.get(&address).await.json::<Value>().await.unwrap(), card);
}

async fn a_room_that_cannot_be_is_refused_and_nothing_is_kept(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let long = "x".repeat(90_000);
    let fits = "x".repeat(101);
    let password = "p".repeat(129);
    for (wish, field) in [
        (json!({}), "title"),
        (json!({"title": ""}), "title"),
        (json!({"title": "   "}), "title"),
        (json!({"title": fits}), "title"),
        (json!({"title": ["a"]}), "title"),
        (json!({"title": {"$ne": ""}}), "title"),
        (json!({"title": "a", "max": 1}), "max"),
        (json!({"title": "a", "max": 0}), "max"),
        (json!({"title": "a", "max": -5}), "max"),
        (json!({"title": "a", "max": 2.5}), "max"),
        (json!({"title": "a", "max": 1e308}), "max"),
        (json!({"title": "a", "max": 1001}), "max"),
        (json!({"title": "a", "max": "many"}), "max"),
        (json!({"title": "a", "password": password}), "password"),
        (json!({"title": "a", "password": {"$ne": ""}}), "password"),
        (json!({"title": "a", "keep": "perhaps"}), "keep"),
    ] {
        let refused = host.post("/room", wish.clone()).await;
        assert_eq!(refused.status(), 422, "{wish}");
        assert_eq!(refused.headers()[header::CONTENT_TYPE], "application/problem+json");
        let problem: Value = refused.json().await.unwrap();
        assert!(problem["faults"][field].is_string(), "{wish}: {problem}");
    }
    for (body, status) in [("{", 400), ("[]", 400), ("null", 400)] {
        let request = host.ask(Method::POST, "/room");
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        assert_eq!(request.send().await.unwrap().status(), status, "{body}");
    }
    assert_eq!(host.post("/room", json!({"title": long})).await.status(), 413);
    for fields in [vec![("title", "a"), ("max", "2.5")], vec![("max", "3")], vec![("title", " ")]] {
        let refused = host.form("/room", &fields).await;
        assert_eq!(refused.status(), 422, "{fields:?}");
        let page = refused.text().await.unwrap();
        assert!(page.contains("aria-invalid"), "{fields:?}: the form comes back, marked");
    }
    let kept: Value = host.get("/").await.json().await.unwrap();
    assert_eq!(kept["rooms"], json!([]));
}

async fn only_the_owner_closes_a_room_and_all_are_told(store: Store) {
    let server = Server::start(store).await;
    let (host, other) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let path = format!("/room/{room}");
    let mut member = Peer::connect(&server, &Login::v5("member")).await;
    member.join(&room).await;
    for stranger in [&other, &Visitor::to(&server)] {
        let refused = stranger.delete(&path).await;
        assert_eq!(refused.status(), 403);
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["code"], "not-owner");
    }
    assert_eq!(host.delete(&path).await.status(), 204);
    assert_eq!(member.event_of("removeRoom").await["room"], json!(room));
    assert_ne!(member.publish(&format!("chat/{room}"), "anybody?").await, 0);
    assert_eq!(host.get(&path).await.status(), 404);
    assert_eq!(host.get(&format!("{path}/chats")).await.status(), 404);
    assert_eq!(host.delete(&path).await.status(), 404);
}

async fn the_owner_hands_over_and_kicks(store: Store) {
    let server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let mut host_page = websocket::page(&server, &host, "host").await;
    let mut guest_page = websocket::page(&server, &guest, "guest").await;
    host_page.join(&room).await;
    guest_page.join(&room).await;
    let who = guest.say(&room, "hello").await["uid"].clone();
    let path = |verb: &str| format!("/room/{room}/{verb}");

    let body = json!({"uid": who});
    assert_eq!(guest.post(&path("owner"), body.clone()).await.status(), 403);
    assert!(host.post(&path("owner"), body.clone()).await.status().is_success());
    let event = guest_page.event_of("owner").await;
    assert_eq!((&event["uid"], &event["user"]), (&who, &json!("system")));
    let card: Value = host.get(&format!("/room/{room}")).await.json().await.unwrap();
    assert_eq!(card["ownerId"], who);

    let old_owner = host.say(&room, "my turn to go").await["uid"].clone();
    let kick = json!({"uid": old_owner, "ban": true});
    assert_eq!(host.post(&path("kick"), kick.clone()).await.status(), 403);
    assert!(guest.post(&path("kick"), kick).await.status().is_success());
    let event = guest_page.event_of("kick").await;
    assert_eq!((&event["uid"], &event["occupancy"]), (&old_owner, &json!(1)));
    assert_eq!(host.post(&path("chat"), json!({"chat": "still here"})).await.status(), 403);
    assert_ne!(host_page.publish(&format!("chat/{room}"), "still here").await, 0);
    assert_eq!(host_page.subscribe(&format!("chat/{room}")).await, 0x87);
    assert_eq!(guest.occupants(&room).await.len(), 1);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("referer", "http://evil.example/"),
    ] {
        for (method, path) in [
            (Method::POST, "/room".to_owned()),
            (Method::POST, format!("/room/{room}/chat")),
            (Method::POST, format!("/room/{room}/gif")),
            (Method::POST, format!("/room/{room}/leave")),
            (Method::PATCH, format!("/room/{room}")),
            (Method::DELETE, format!("/room/{room}")),
        ] {
            let request = host.request(method.clone(), &path).header(name, value);
            let refused = request.form(&[("title", "x"), ("chat", "x")]).send().await.unwrap();
            assert_eq!(refused.status(), 403, "{method} {path} with {name}: {value}");
            assert!(refused.headers().get(header::SET_COOKIE).is_none());
        }
    }
    let rooms: Value = host.get("/").await.json().await.unwrap();
    assert_eq!(rooms["rooms"].as_array().unwrap().len(), 1);
    assert_eq!(host.log(&room).await, Vec::<Value>::new());
}
