//! What a person with a shell does: `mosquitto_sub` and `mosquitto_pub` as Debian ships them, in
//! both versions of MQTT.

use std::process::Stdio;

use serde_json::json;

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images,
    mosquitto::{self, Subscriber, VERSIONS},
    on_each_store,
    visitor::{id_of, texts},
};

on_each_store!(
    the_directory_is_there_at_once_and_changes_live,
    subscribing_to_a_room_is_joining_it,
    whatever_a_device_publishes_is_said_in_the_room,
    a_room_that_is_not_open_is_refused,
    nobody_but_the_server_writes_the_directory,
    watching_everything_shows_nothing_of_locked_rooms,
);

async fn the_directory_is_there_at_once_and_changes_live(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let first = id_of(&host.create(json!({"title": "kitchen"})).await);
    for version in VERSIONS {
        let mut directory = Subscriber::start(&server, version, &["-t", "rooms/+", "-v"]);
        let topic = format!("rooms/{first} ");
        let card = directory.line_with(&[&topic, r#""title":"kitchen""#]).await;
        assert!(card.contains(r#""occupancy":0"#) && card.contains(r#""locked":false"#), "{card}");
        let second = id_of(&host.create(json!({"title": "hall", "password": "x"})).await);
        let topic = format!("rooms/{second} ");
        directory.line_with(&[&topic, r#""title":"hall""#, r#""locked":true"#]).await;
        assert_eq!(host.delete(&format!("/room/{second}")).await.status(), 204);
        directory.line_with(&[&topic, "(null)"]).await;
        directory.leave().await;
    }
}

async fn subscribing_to_a_room_is_joining_it(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    for version in VERSIONS {
        let directory = format!("rooms/{room}");
        let mut card = Subscriber::start(&server, version, &["-t", &directory]);
        card.line_with(&[r#""occupancy":0"#]).await;
        let client = format!("door-{version}");
        let mut door = Subscriber::start(&server, version, &["-t", &topic, "-i", &client]);
        let join = door.line_with(&[r#""type":"join""#]).await;
        assert!(join.contains(r#""user":"system""#) && join.contains("joined."), "{join}");
        card.line_with(&[r#""occupancy":1"#]).await;
        assert_eq!(host.occupants(&room).await.len(), 1);
        door.leave().await;
        card.line_with(&[r#""occupancy":0"#]).await;
        card.leave().await;
    }
}

async fn whatever_a_device_publishes_is_said_in_the_room(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let image = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(image.path(), images::gif()).unwrap();
    let path = image.path().to_str().unwrap();
    for version in VERSIONS {
        let mut listener = Subscriber::start(&server, version, &["-t", &topic, "-q", "2"]);
        listener.line_with(&[r#""type":"join""#]).await;
        for (qos, text) in [("0", "door open"), ("1", "21.5"), ("2", "문이 열렸다")] {
            let arguments = ["-t", &topic, "-q", qos, "-m", text];
            let (is_done, said) = mosquitto::publish(&server, version, &arguments).await;
            assert!(is_done && said.is_empty(), "{said}");
            listener.line_with(&[&format!(r#""chat":"{text}""#)]).await;
        }
        let draft = json!({"chat": "as a draft", "key": version, "user": "#000000"}).to_string();
        for _ in 0..2 {
            // The same key: said once.
            let arguments = ["-i", "device", "-t", &topic, "-q", "1", "-m", &draft];
            assert!(mosquitto::publish(&server, version, &arguments).await.0);
        }
        listener.line_with(&[r#""chat":"as a draft""#]).await;
        assert!(
            mosquitto::publish(&server, version, &["-t", &topic, "-q", "2", "-f", path]).await.0
        );
        let event = listener.line_with(&[r#""gif":""#]).await;
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        let gif = host.get(&format!("/gif/{}", event["gif"].as_str().unwrap())).await;
        assert_eq!(gif.headers()["content-type"], "image/gif");
        assert_eq!(gif.bytes().await.unwrap(), images::gif());
        listener.leave().await;
    }
    let chats = host.chats(&room).await;
    let each = ["door open", "21.5", "문이 열렸다", "as a draft"];
    assert_eq!(texts(&chats), [each, each].concat());
    assert_eq!(chats.len(), 10, "with an image each");
    assert!(chats.iter().all(|event| event["user"] != "#000000"));
}

async fn a_room_that_is_not_open_is_refused(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let locked = id_of(&host.create(json!({"password": "sesame", "keep": true})).await);
    let full = id_of(&host.create(json!({"max": 2, "keep": true})).await);
    let mut guests = [
        Peer::connect(&server, &Login::v5("one")).await,
        Peer::connect(&server, &Login::v4("two")).await,
    ];
    for guest in &mut guests {
        guest.join(&full).await;
    }
    for version in VERSIONS {
        for room in [locked.as_str(), full.as_str(), "0000zzzz0000", "nonsense"] {
            let topic = format!("chat/{room}");
            let listener = Subscriber::start(&server, version, &["-t", &topic]);
            let said = listener.ended().await;
            assert!(said.contains("denied"), "{version} {room}: {said}");
        }
        let topic = format!("chat/{locked}");
        let user = format!("room:{locked}");
        let wrong = ["-t", &topic, "-u", &user, "-P", "simsim"];
        let said = Subscriber::start(&server, version, &wrong).ended().await;
        assert!(said.contains("Connection") || said.contains("error"), "{version}: {said}");
        let right = ["-t", &topic, "-u", &user, "-P", "sesame"];
        let mut insider = Subscriber::start(&server, version, &right);
        insider.line_with(&[r#""type":"join""#]).await;
        insider.leave().await;
    }
    assert_eq!(host.occupants(&full).await.len(), 2);
}

async fn nobody_but_the_server_writes_the_directory(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for topic in [format!("rooms/{room}"), "rooms/x".into(), "$SYS/x".into(), "other".into()] {
        let forged = ["-t", &topic, "-q", "1", "-r", "-m", "forged"];
        let (_, said) = mosquitto::publish(&server, "mqttv5", &forged).await;
        assert!(said.contains("failed"), "{topic}: {said}");
        mosquitto::publish(&server, "mqttv311", &forged).await;
    }
    let mut directory = Subscriber::start(&server, "mqttv5", &["-t", "rooms/+", "-v"]);
    assert!(directory.line().await.contains(r#""title":"a room""#));
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
    assert!(directory.line().await.ends_with("(null)"), "nothing else was retained");
}

async fn watching_everything_shows_nothing_of_locked_rooms(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let locked = id_of(&host.create(json!({"password": "x", "keep": true})).await);
    let open = host.lasting_room().await;
    for version in VERSIONS {
        // The cards come after the other two are subscribed: then it listens.
        let all = ["-t", "chat/#", "-t", "chat/+", "-t", "rooms/+", "-v"];
        let mut watcher = Subscriber::start(&server, version, &all);
        watcher.line_with(&[&format!("rooms/{open}")]).await;
        host.say(&locked, "the secret").await;
        host.say(&open, &format!("the end {version}")).await;
        loop {
            let line = watcher.line().await;
            assert!(
                !line.contains("secret") && !line.contains(&format!("chat/{locked}")),
                "{line}"
            );
            if line.contains(&format!("the end {version}")) {
                break;
            }
        }
        let everything = Subscriber::start(&server, version, &["-t", "#", "-v"]);
        assert!(everything.ended().await.contains("denied"));
    }
    assert_eq!(host.occupants(&open).await.len(), 0, "who watches is not in the room");
}

#[tokio::test]
async fn a_listener_that_was_killed_leaves_after_the_grace() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_PRESENCE__GRACE_MS", "200")]).await;
    for version in VERSIONS {
        let topic = format!("chat/{}", Visitor::to(&server).lasting_room().await);
        let mut stays = Subscriber::start(&server, version, &["-t", &topic, "-i", "stays"]);
        stays.line_with(&[r#""type":"join""#]).await;
        let mut killed = Subscriber::start(&server, version, &["-t", &topic, "-i", "killed"]);
        killed.line_with(&[r#""type":"join""#]).await;
        killed.drop_dead().await;
        stays.line_with(&[r#""type":"exit""#, r#""occupancy":1"#]).await;
        stays.leave().await;
    }
}

#[tokio::test]
async fn a_device_with_a_token_is_itself_wherever_it_connects_from() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut add = server.command();
    let added = add.args(["device", "add", "thermometer"]).stdout(Stdio::piped()).output();
    let added = added.await.unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let said = String::from_utf8(added.stdout).unwrap();
    let token = said.split_whitespace().find(|word| word.len() == 52).expect("the token");
    for version in VERSIONS {
        let topic = format!("chat/{room}");
        let who = ["-u", "thermometer", "-P", token, "-t", &topic, "-q", "1", "-m", "21.5"];
        assert_eq!(mosquitto::publish(&server, version, &who).await, (true, String::new()));
    }
    let chats = host.chats(&room).await;
    assert_eq!(chats.len(), 2);
    assert_eq!(chats[0]["name"], "thermometer");
    assert_eq!(chats[0]["uid"], chats[1]["uid"]);
    let wrong = Login::v5("thermometer").user("thermometer", &"0".repeat(52));
    assert_eq!(Peer::try_connect(&server, &wrong).await.err(), Some(0x86));
    let unknown = Login::v5("thermometer").user("barometer", token);
    assert_eq!(Peer::try_connect(&server, &unknown).await.err(), Some(0x86));
}
