//! Images: what is taken, what is not, who may see them, and that they go with their room.

use reqwest::{Method, Response, header, multipart};
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images, mosquitto, on_each_store, until,
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
    a_photo_tells_no_place_whichever_way_it_comes,
    an_off_the_record_image_is_in_memory_and_gone_with_its_room,
    what_somebody_may_store_is_counted_exactly,
);

async fn an_image_is_posted_shown_and_gone_with_its_room(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({})).await);
    let mut page = websocket::page(&server, &host, "page").await;
    page.join(&room).await;
    for (bytes, kind, shape) in [
        (images::gif(), "image/gif", json!([1, 1, null])),
        (images::animation(3), "image/gif", json!([1, 1, true])),
        (images::png(), "image/png", json!([1, 1, null])),
        (images::webp(), "image/webp", json!([1, 1, null])),
        (images::jpeg(), "image/jpeg", json!([16, 8, null])),
    ] {
        // The name and type that the client gives do not count.
        let posted = upload(&host, &room, "../../evil.html", bytes.clone()).await;
        assert_eq!(posted.status(), 201, "{kind}");
        let event: Value = posted.json().await.unwrap();
        assert_eq!(page.event_of("chat").await, event);
        assert_eq!(json!([event["width"], event["height"], event["animated"]]), shape);
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
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 5);
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
    assert_eq!(shown.bytes().await.unwrap(), images::gif(), "and what is no image of it is cut");
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

const PLACE: &[u8] = b"37.5665N 126.9780E";

fn tells_the_place(bytes: &[u8]) -> bool {
    bytes.windows(PLACE.len()).any(|window| window == PLACE)
}

async fn a_photo_tells_no_place_whichever_way_it_comes(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let file = server.home().join("photo.jpg");
    for (image, size) in
        [(images::phone_photo(PLACE), (8, 16)), (images::commented_gif(PLACE), (1, 1))]
    {
        assert!(tells_the_place(&image));
        assert_eq!(upload(&host, &room, "photo.jpg", image.clone()).await.status(), 201);
        std::fs::write(&file, image).unwrap();
        let topic = format!("chat/{room}");
        let send = ["-t", &topic, "-q", "1", "-f", file.to_str().unwrap()];
        assert_eq!(mosquitto::publish(&server, "mqttv5", &send).await, (true, String::new()));
        std::fs::remove_file(&file).unwrap();
        let chats = host.chats(&room).await;
        for event in &chats[chats.len() - 2..] {
            // Upright, a photo that lay on its side is as high as it was wide.
            assert_eq!((&event["width"], &event["height"]), (&json!(size.0), &json!(size.1)));
            let shown = host.get(&format!("/gif/{}", event["gif"].as_str().unwrap())).await;
            assert!(!tells_the_place(&shown.bytes().await.unwrap()));
        }
    }
    for image in std::fs::read_dir(server.images(&room)).unwrap() {
        assert!(!tells_the_place(&std::fs::read(image.unwrap().path()).unwrap()));
    }
}

async fn an_off_the_record_image_is_in_memory_and_gone_with_its_room(store: Store) {
    let settings =
        [("PARLOR_UPLOADS__OFF_RECORD_BYTES", "1500"), ("PARLOR_ROOMS__OFF_RECORD_EVENTS", "3")];
    let server = Server::with(store, &settings).await;
    let host = Visitor::to(&server);
    let wish = json!({"offRecord": true, "keep": true, "password": "p"});
    let room = id_of(&host.create(wish.clone()).await);
    let posted = upload(&host, &room, "a.gif", images::large_gif(1000)).await;
    let event: Value = posted.json().await.unwrap();
    let address = format!("/gif/{}", event["gif"].as_str().unwrap());
    let shown = host.get(&address).await;
    assert_eq!(shown.headers()[header::CONTENT_TYPE], "image/gif");
    assert!(shown.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert_eq!(shown.bytes().await.unwrap(), images::large_gif(1000));
    assert_eq!(Visitor::to(&server).get(&address).await.status(), 403, "locked to others");
    assert!(!server.images(&room).exists(), "not on the disk");
    let refused = upload(&host, &room, "a.gif", images::large_gif(1000)).await;
    assert_eq!(refused.status(), 507);
    // It goes when nobody who comes can see it any more, and with its room.
    for n in 0..3 {
        host.say(&room, &n.to_string()).await;
    }
    assert_eq!(host.get(&address).await.status(), 404);
    let posted = upload(&host, &room, "a.gif", images::large_gif(1000)).await;
    let event: Value = posted.json().await.unwrap();
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
    let address = format!("/gif/{}", event["gif"].as_str().unwrap());
    assert_eq!(host.get(&address).await.status(), 404);
    let room = id_of(&host.create(wish).await);
    let again = upload(&host, &room, "a.gif", images::large_gif(1000)).await;
    assert_eq!(again.status(), 201, "there is space again");
}

async fn what_somebody_may_store_is_counted_exactly(store: Store) {
    let mut server = Server::with(store, &[("PARLOR_UPLOADS__IDENTITY_BYTES", "1000")]).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let rooms = [host.lasting_room().await, host.lasting_room().await];
    let image = || images::large_gif(600);
    assert_eq!(upload(&host, &rooms[0], "a.gif", image()).await.status(), 201);
    for moment in ["at once", "after a kill"] {
        let refused = upload(&host, &rooms[1], "a.gif", image()).await;
        assert_eq!(refused.status(), 507, "{moment}");
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(
            (&problem["code"], &problem["limit"]),
            (&json!("quota-used"), &json!("uploads.identity_bytes"))
        );
        server.kill().await;
        server.again().await;
    }
    // Everybody has a quota of their own: over MQTT, too.
    assert_eq!(upload(&guest, &rooms[1], "a.gif", image()).await.status(), 201);
    let mut device = Peer::connect(&server, &Login::v5("camera")).await;
    let topic = format!("chat/{}", rooms[1]);
    assert_eq!(device.publish(&topic, image()).await, 0);
    assert_eq!(device.publish(&topic, image()).await, 0x97);
    // What is refused takes nothing, and what goes with its room is free again.
    let problem = upload(&host, &rooms[1], "a.gif", images::large_gif(900)).await;
    assert_eq!(problem.status(), 507);
    assert_eq!(host.delete(&format!("/room/{}", rooms[0])).await.status(), 204);
    assert_eq!(upload(&host, &rooms[1], "a.gif", image()).await.status(), 201);
}

#[tokio::test]
async fn images_have_a_limit_together() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_UPLOADS__TOTAL_BYTES", "1000")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let image = || images::large_gif(600);
    assert_eq!(upload(&host, &room, "a.gif", image()).await.status(), 201);
    let refused = upload(&host, &room, "a.gif", image()).await;
    assert_eq!(refused.status(), 507);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(
        (&problem["code"], &problem["limit"]),
        (&json!("storage-full"), &json!("uploads.total_bytes"))
    );
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
    let room = host.lasting_room().await;
    assert_eq!(upload(&host, &room, "a.gif", image()).await.status(), 201, "there is space again");
}
