//! Who may hear what, to the moment: whispers, the end of a right under an open subscription, rooms
//! that change hands, what is never written down.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images, on_each_store, until,
    visitor::{id_of, texts},
    websocket,
};

on_each_store!(
    a_whisper_is_heard_by_two_on_all_their_connections_and_by_nobody_else,
    whoever_is_kicked_hears_nothing_more_on_any_connection,
    a_ban_is_seen_and_lifted_by_the_owner_alone,
    who_hands_a_locked_room_over_stays_until_put_out,
    an_owner_who_leaves_is_followed_by_whoever_has_been_there_longest,
    a_room_waits_for_its_owner_among_devices,
    what_the_room_says_of_itself_is_in_its_log,
    off_the_record_is_nowhere_on_the_disk,
);

async fn a_whisper_is_heard_by_two_on_all_their_connections_and_by_nobody_else(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let (one, other, third) = (Visitor::to(&server), Visitor::to(&server), Visitor::to(&server));
    let mut tabs = Vec::new();
    for (who, visitor) in [&one, &other, &third].into_iter().enumerate() {
        for tab in 0..2 {
            let mut page = websocket::page(&server, visitor, &format!("{who} {tab}")).await;
            page.join(&room).await;
            tabs.push((who, page));
        }
    }
    let mut monitor = Peer::connect(&server, &Login::v5("monitor")).await;
    monitor.subscribe("chat/#").await;
    let to = other.say(&room, "here I am").await["uid"].clone();
    let whisper = format!("{topic}/to/{}", to.as_str().unwrap());
    let draft = json!({"chat": "between us", "key": "k"}).to_string();
    assert_eq!(tabs[0].1.publish(&whisper, draft).await, 0);
    assert_eq!(tabs[0].1.publish_once(&whisper, "once more").await, 0);
    host.say(&room, "aloud").await;
    for (who, page) in &mut tabs {
        let heard = page.events_until("aloud").await;
        let whispers: Vec<&Value> = heard.iter().filter(|event| event["to"] == to).collect();
        let said: Vec<&str> =
            whispers.iter().map(|event| event["chat"].as_str().unwrap()).collect();
        let expected: &[&str] = if *who < 2 { &["between us", "once more"] } else { &[] };
        assert_eq!(said, expected, "person {who}");
        assert!(whispers.iter().all(|event| event.get("seq").is_none()));
    }
    let heard = monitor.events_until("aloud").await;
    assert!(heard.iter().all(|event| event["chat"] != "between us"), "{heard:?}");
    for visitor in [&host, &one, &other, &third] {
        let log = visitor.whole_log(&room).await;
        assert_eq!(log.len(), 5, "three joins, two lines");
        assert!(!texts(&log).contains(&"between us"));
    }
    assert_nowhere(server.home(), b"between us");
    // Whoever is not in the room is told nothing, and cannot be whispered to.
    let mut outsider = Peer::connect(&server, &Login::v5("outsider")).await;
    assert_eq!(
        tabs.remove(4).1.publish(&format!("{topic}/to/{}", "0".repeat(16)), "?").await,
        0x90
    );
    assert_ne!(outsider.subscribe(&whisper).await, 1);
}

async fn whoever_is_kicked_hears_nothing_more_on_any_connection(store: Store) {
    let server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let mut pages = Vec::new();
    for tab in ["tab 1", "tab 2"] {
        let mut page = websocket::page(&server, &guest, tab).await;
        page.join(&room).await;
        pages.push(page);
    }
    let uid = guest.say(&room, "hello").await["uid"].clone();
    let kick = json!({"uid": uid});
    assert_eq!(host.post(&format!("/room/{room}/kick"), kick).await.status(), 204);
    host.say(&room, "now that they are gone").await;
    for page in &mut pages {
        page.event_of("kick").await;
        page.ping().await;
        let heard = page.messages_so_far();
        assert!(heard.is_empty(), "{heard:?}");
        // Kicked is not banned: the next subscription is a new join.
        page.join(&room).await;
    }
    let back = pages[0].event_of("join").await;
    assert_eq!((&back["uid"], &back["occupancy"]), (&uid, &json!(1)));

    let ban = json!({"uid": uid, "ban": true});
    assert_eq!(host.post(&format!("/room/{room}/kick"), ban).await.status(), 204);
    host.say(&room, "now that they are banned").await;
    for page in &mut pages {
        page.event_of("kick").await;
        page.ping().await;
        assert!(page.messages_so_far().is_empty());
        assert_eq!(page.subscribe(&topic).await, 0x87);
        assert_eq!(page.publish(&topic, "let me in").await, 0x87);
    }
    for path in ["", "/chats", "/occupants"] {
        assert_eq!(guest.get(&format!("/room/{room}{path}")).await.status(), 403, "{path}");
    }
    let mut again = websocket::page(&server, &guest, "tab 3").await;
    assert_eq!(again.subscribe(&topic).await, 0x87);
}

async fn a_ban_is_seen_and_lifted_by_the_owner_alone(store: Store) {
    let mut server = Server::with(store, &[("PARLOR_ROOMS__BANS", "2")]).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let said = guest.say(&room, "hello").await;
    let added = server.command().args(["device", "add", "camera"]).output().await.unwrap();
    let added = String::from_utf8(added.stdout).unwrap();
    let token = added.split_whitespace().find(|word| word.len() == 52).expect("the token");
    let mut camera = Peer::connect(&server, &Login::v5("c").user("camera", token)).await;
    camera.join(&room).await;
    let camera = camera.event_of("join").await["uid"].clone();
    let (kick, bans) = (format!("/room/{room}/kick"), format!("/room/{room}/bans"));
    for (uid, status) in
        [(said["uid"].clone(), 204), (camera.clone(), 204), (json!("d".repeat(16)), 409)]
    {
        let ban = json!({"uid": uid, "ban": true});
        assert_eq!(host.post(&kick, ban).await.status(), status, "{uid}");
    }
    server.kill().await;
    server.again().await;
    let answer: Value = host.get(&bans).await.json().await.unwrap();
    let listed = answer["bans"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&json!({"uid": said["uid"], "user": said["user"]})), "{answer}");
    assert!(listed.iter().any(|it| it["uid"] == camera && it["name"] == "camera"), "{answer}");

    let own = format!("{bans}/{}", said["uid"].as_str().unwrap());
    for stranger in [&guest, &Visitor::to(&server)] {
        assert_eq!(stranger.get(&bans).await.status(), 403);
        assert_eq!(stranger.delete(&own).await.status(), 403);
    }
    let mut page = websocket::page(&server, &guest, "page").await;
    assert_eq!(page.subscribe(&format!("chat/{room}")).await, 0x87);
    for _ in 0..2 {
        assert_eq!(host.delete(&own).await.status(), 204);
    }
    assert_eq!(host.delete(&format!("{bans}/nobody")).await.status(), 404);
    page.join(&room).await;
    server.kill().await;
    server.again().await;
    guest.say(&room, "back again").await;
    let answer: Value = host.get(&bans).await.json().await.unwrap();
    assert_eq!(answer["bans"].as_array().unwrap().len(), 1, "{answer}");
}

async fn who_hands_a_locked_room_over_stays_until_put_out(store: Store) {
    let mut server = Server::start(store).await;
    let (first, second) = (Visitor::to(&server), Visitor::to(&server));
    let room = id_of(&first.create(json!({"keep": true, "password": "p"})).await);
    let enter = second.post(&format!("/room/{room}/enter"), json!({"password": "p"})).await;
    assert_eq!(enter.status(), 200);
    let mut page = websocket::page(&server, &first, "first").await;
    page.join(&room).await;
    let mut heir = websocket::page(&server, &second, "second").await;
    heir.join(&room).await;
    let to = json!({"uid": second.say(&room, "give it to me").await["uid"]});
    assert_eq!(first.post(&format!("/room/{room}/owner"), to).await.status(), 200);
    second.say(&room, "mine").await;
    page.events_until("mine").await;
    server.kill().await;
    server.again().await;
    let uid = first.say(&room, "still here").await["uid"].clone();
    assert_eq!(first.delete(&format!("/room/{room}")).await.status(), 403);

    let mut page = websocket::page(&server, &first, "first").await;
    page.join(&room).await;
    let kick = json!({"uid": uid});
    assert_eq!(second.post(&format!("/room/{room}/kick"), kick).await.status(), 204);
    page.event_of("kick").await;
    assert_eq!(page.subscribe(&format!("chat/{room}")).await, 0x87, "their right went, too");
    assert_eq!(first.get(&format!("/room/{room}/chats")).await.status(), 403);
}

async fn an_owner_who_leaves_is_followed_by_whoever_has_been_there_longest(store: Store) {
    let grace = ("PARLOR_PRESENCE__GRACE_MS", "100");
    let mut server = Server::with(store, &[grace]).await;
    let people = [0; 3].map(|_| Visitor::to(&server));
    let room = id_of(&people[0].create(json!({"max": 4})).await);
    let mut device = Peer::connect(&server, &Login::v5("sensor")).await;
    device.join(&room).await;
    let mut pages = Vec::new();
    let mut uids = Vec::new();
    for (n, visitor) in people.iter().enumerate() {
        let mut page = websocket::page(&server, visitor, &n.to_string()).await;
        page.join(&room).await;
        uids.push(visitor.say(&room, "here I am").await["uid"].clone());
        pages.push(page);
    }
    // On purpose: at once, to the person who came first, not to the device that came before.
    pages.remove(0).disconnect().await;
    let owner = device.event_of("owner").await;
    assert_eq!((&owner["uid"], &owner["user"]), (&uids[1], &json!("system")));
    let owner_of = async |visitor: &Visitor| -> Value {
        let card: Value = visitor.get(&format!("/room/{room}")).await.json().await.unwrap();
        card["ownerId"].clone()
    };
    assert_eq!(owner_of(&people[2]).await, uids[1]);
    // Who comes back is a guest.
    let mut back = websocket::page(&server, &people[0], "0").await;
    back.join(&room).await;
    let title = json!({"title": "mine"});
    let change = async |visitor: &Visitor| {
        let request = visitor.ask(reqwest::Method::PATCH, &format!("/room/{room}"));
        request.json(&title).send().await.unwrap().status()
    };
    assert_eq!(change(&people[0]).await, 403);
    assert_eq!(change(&people[1]).await, 200);
    // A lost connection: when the grace is over.
    drop(pages.remove(0));
    assert_eq!(device.event_of("owner").await["uid"], uids[2]);
    people[2].say(&room, "so be it").await;

    server.kill().await;
    server.again().await;
    assert_eq!(owner_of(&people[2]).await, uids[2]);
    let mut page = websocket::page(&server, &people[2], "2").await;
    page.join(&room).await;
    let mut device = Peer::connect(&server, &Login::v5("sensor")).await;
    device.join(&room).await;
    let mut back = websocket::page(&server, &people[0], "0").await;
    back.join(&room).await;
    page.disconnect().await;
    assert_eq!(back.event_of("owner").await["uid"], uids[0]);
    assert_eq!(device.event_of("owner").await["uid"], uids[0]);
    // With only a device left the room waits for its owner.
    back.disconnect().await;
    assert_eq!(device.event_of("exit").await["uid"], uids[0]);
    assert_eq!(owner_of(&people[1]).await, uids[0]);
}

async fn a_room_waits_for_its_owner_among_devices(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut device = Peer::connect(&server, &Login::v5("sensor")).await;
    device.join(&room).await;
    for company in [true, false] {
        if !company {
            device.unsubscribe(&format!("chat/{room}")).await;
        }
        let mut page = websocket::page(&server, &host, "page").await;
        page.join(&room).await;
        let uid = host.say(&room, "here I am").await["uid"].clone();
        page.disconnect().await;
        let is_gone = async || host.occupants(&room).await.iter().all(|it| it["uid"] != uid);
        until("the owner is gone", is_gone).await;
        let log = host.log(&room).await;
        assert!(log.iter().all(|event| event["type"] != "owner"), "{log:?}");
        let card: Value = host.get(&format!("/room/{room}")).await.json().await.unwrap();
        assert_eq!(card["ownerId"], uid);
    }
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
}

async fn what_the_room_says_of_itself_is_in_its_log(store: Store) {
    let mut server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let mut page = websocket::page(&server, &guest, "page").await;
    page.join(&room).await;
    let uid = guest.say(&room, "hello").await["uid"].clone();
    let whom = json!({"uid": uid});
    assert_eq!(host.post(&format!("/room/{room}/owner"), whom).await.status(), 200);
    page.event_of("owner").await;
    page.disconnect().await;
    let mut other = Peer::connect(&server, &Login::v5("other")).await;
    other.join(&room).await;
    let other = other.event_of("join").await["uid"].clone();
    let kick = json!({"uid": other});
    assert_eq!(guest.post(&format!("/room/{room}/kick"), kick).await.status(), 204);
    guest.say(&room, "the end").await;
    let before = host.whole_log(&room).await;
    server.kill().await;
    server.again().await;
    let log = host.whole_log(&room).await;
    assert_eq!(log, before);
    let told: Vec<(&str, &str)> = log
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["user"].as_str().unwrap()))
        .collect();
    let colour = log[1]["user"].as_str().unwrap();
    assert_eq!(
        told,
        [
            ("join", "system"),
            ("chat", colour),
            ("owner", "system"),
            ("exit", "system"),
            ("join", "system"),
            ("kick", "system"),
            ("chat", colour),
        ]
    );
    assert!(log.iter().all(|event| event["uid"].is_string() && event["chat"].is_string()));
}

async fn off_the_record_is_nowhere_on_the_disk(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let title = "a title for nobody";
    let wish = json!({"offRecord": true, "keep": true, "title": title, "password": "sesame"});
    let room = id_of(&host.create(wish).await);
    let login = Login::v5("device").user(&format!("room:{room}"), "sesame");
    let mut device = Peer::connect(&server, &login).await;
    device.join(&room).await;
    let topic = format!("chat/{room}");
    assert_eq!(device.publish(&topic, "said off the record").await, 0);
    assert_eq!(device.publish_once(&topic, "and once more").await, 0);
    assert_eq!(device.events_until("and once more").await.last().unwrap()["seq"], 3);
    host.say(&room, "by the host").await;
    let picture = images::gif();
    assert_eq!(device.publish(&topic, &picture).await, 0);
    for moment in ["while it runs", "after a kill", "after a start", "after a stop"] {
        for secret in [title, "off the record", "and once more", "by the host", &room, "sesame"] {
            assert_nowhere(server.home(), secret.as_bytes());
        }
        assert_nowhere(server.home(), &picture);
        match moment {
            "while it runs" => server.kill().await,
            "after a kill" => server.again().await,
            "after a start" => assert!(server.stop().await.success()),
            _ => {}
        }
    }
}

/// No file in or under the folder holds these bytes, or is named so.
fn assert_nowhere(folder: &Path, bytes: &[u8]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().as_encoded_bytes();
        assert!(!holds(name, bytes), "{}", path.display());
        if path.is_dir() {
            assert_nowhere(&path, bytes);
        } else {
            assert!(!holds(&fs::read(&path).unwrap(), bytes), "{}", path.display());
        }
    }
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
