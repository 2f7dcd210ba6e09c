//! Images: what is taken, what is not, who may see them, and that they go with their room.

use reqwest::{Method, Response, header, multipart};
use serde_json::{Value, json};

use crate::harness::{
    Server, Store, Visitor, images, on_each_store, until,
    visitor::{id_of, texts},
    websocket,
};

async fn upload(visitor: &Visitor, room: &str, name: &str, bytes: Vec<u8>) -> Response {
    let part = multipart::Part::bytes(bytes).file_name(name.to_owned());
    let part = part.mime_str("image/gif").unwrap();
    let form = multipart::Form::new().part("gif", part);
    let path = format!("/room/{room}/gif");
    visitor.ask(Method::POST, &path).multipart(form).send().await.unwrap()
}

on_each_store!(
    an_image_is_posted_shown_and_gone_with_its_room,
    what_is_no_image_is_refused_and_not_kept,
    an_image_that_is_also_a_page_stays_an_image,
    an_image_posted_twice_with_one_key_is_kept_once,
);

async fn an_image_is_posted_shown_and_gone_with_its_room(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({})).await);
    let mut page = websocket::page(&server, &host, "page").await;
    page.join(&room).await;
    for (bytes, kind) in [
        (images::gif(), "image/gif"),
        (images::png(), "image/png"),
        (images::webp(), "image/webp"),
        (images::jpeg(), "image/jpeg"),
    ] {
        // The name and type that the client gives do not count.
        let posted = upload(&host, &room, "../../evil.html", bytes.clone()).await;
        assert_eq!(posted.status(), 201, "{kind}");
        let event: Value = posted.json().await.unwrap();
        assert_eq!(page.event_of("chat").await, event);
        let gif = event["gif"].as_str().unwrap();
        assert!(gif.starts_with(&room) && !gif.contains("evil"), "{gif}");
        let shown = host.get(&format!("/gif/{gif}")).await;
        let headers = shown.headers().clone();
        assert_eq!(headers[header::CONTENT_TYPE], kind);
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
        assert_eq!(shown.bytes().await.unwrap(), bytes);
    }
    let folder = server.images(&room);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
    let log = host.chats(&room).await;
    let shown = format!("/gif/{}", log[0]["gif"].as_str().unwrap());
    page.disconnect().await;
    until("the folder of the room to go", || async { !folder.exists() }).await;
    assert_eq!(host.get(&shown).await.status(), 404);
}

async fn what_is_no_image_is_refused_and_not_kept(store: Store) {
    let server = Server::with(store, &[("PARLOR_UPLOADS__BYTES", "100000")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let html = b"<!doctype html><script>alert(1)</script>".to_vec();
    for (name, bytes, statuses) in [
        ("a.svg", svg, &[415][..]),
        ("a.html", html.clone(), &[415]),
        ("a.gif", html, &[415]),
        ("a.gif", b"GIF89a".to_vec(), &[415, 422]),
        ("a.gif", images::sized_gif(65_535, 65_535), &[415, 422]),
        ("a.png", b"\x89PNG\r\n\x1a\n<script>".to_vec(), &[415, 422]),
        ("a.gif", vec![], &[415, 422]),
        ("a.gif", [images::gif(), vec![0; 100_000]].concat(), &[413]),
        ("a.gif", vec![b'G'; 300_000], &[413]),
    ] {
        let refused = upload(&host, &room, name, bytes).await;
        assert!(statuses.contains(&refused.status().as_u16()), "{name}: {}", refused.status());
        let problem: Value = refused.json().await.unwrap();
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    let form = multipart::Form::new().text("other", "x");
    let path = format!("/room/{room}/gif");
    let refused = host.ask(Method::POST, &path).multipart(form).send().await.unwrap();
    assert_eq!(refused.status(), 422);
    let refused = host.ask(Method::POST, &path).body("plain").send().await.unwrap();
    assert_eq!(refused.status(), 415);
    assert_eq!(host.log(&room).await, Vec::<Value>::new());
    let kept = std::fs::read_dir(server.images(&room)).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing was kept");
    let fits = [images::gif(), vec![0; 99_000]].concat();
    assert_eq!(upload(&host, &room, "a.gif", fits).await.status(), 201);
}

async fn an_image_that_is_also_a_page_stays_an_image(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let polyglot = [images::gif(), b"<script>alert(document.cookie)</script>".to_vec()].concat();
    let posted = upload(&host, &room, "a.html", polyglot).await;
    assert_eq!(posted.status(), 201);
    let event: Value = posted.json().await.unwrap();
    let gif = event["gif"].as_str().unwrap();
    assert!(gif.ends_with(".gif"));
    let shown = host.page(&format!("/gif/{gif}"), "en").await;
    assert_eq!(shown.headers()[header::CONTENT_TYPE], "image/gif");
    assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
}

async fn an_image_posted_twice_with_one_key_is_kept_once(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut events: Vec<Value> = Vec::new();
    for _ in 0..2 {
        let part = multipart::Part::bytes(images::gif()).file_name("a.gif");
        let form = multipart::Form::new().text("key", "k").text("chat", "look").part("gif", part);
        let path = format!("/room/{room}/gif");
        let posted = host.ask(Method::POST, &path).multipart(form).send().await.unwrap();
        assert_eq!(posted.status(), 201);
        events.push(posted.json().await.unwrap());
    }
    assert_eq!(events[0], events[1]);
    assert_eq!(texts(&host.chats(&room).await), ["look"]);
    assert_eq!(std::fs::read_dir(server.images(&room)).unwrap().count(), 1);
}

#[tokio::test]
async fn images_have_a_limit_together() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_UPLOADS__TOTAL_BYTES", "1000")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let image = || [images::gif(), vec![0; 600]].concat();
    assert_eq!(upload(&host, &room, "a.gif", image()).await.status(), 201);
    assert_eq!(upload(&host, &room, "a.gif", image()).await.status(), 507);
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
    let room = host.lasting_room().await;
    assert_eq!(upload(&host, &room, "a.gif", image()).await.status(), 201, "there is space again");
}
