//! What brokers have been broken by: slow senders, forged fields, rights that end, filters that are
//! too wide. `docs/edge.md` lists forty behaviours with their tests: the packets are in `corners.rs`,
//! masses in `floods.rs` and `control.rs`, limits in `limits.rs`, credentials in `logins.rs`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    packet::{self, frame, text},
    visitor::{id_of, texts},
    websocket, within,
};

#[test]
fn every_behaviour_of_the_list_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("docs/edge.md")).unwrap();
    let rows = list.lines().filter(|line| line.starts_with('|'));
    let mut numbers = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Ok(number) = cells[1].parse::<usize>() else { continue };
        numbers.push(number);
        let named = cells[4].split('`').filter(|part| part.contains("::"));
        let mut count = 0;
        for (file, test) in named.filter_map(|name| name.split_once("::")) {
            let path = match file.ends_with(".rs") {
                true => root.join(file),
                false => root.join("tests/it").join(file).with_extension("rs"),
            };
            let source = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(source.contains(&format!("fn {test}(")), "{number}: {file}::{test}");
            count += 1;
        }
        assert!(count > 0, "{number} has no test");
    }
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_connect_that_comes_byte_by_byte_has_one_deadline() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECT_MS", "300")]).await;
    let mut stream = TcpStream::connect(server.mqtt).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        for byte in Login::v5(&"x".repeat(200)).packet() {
            tick.tick().await;
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending().await
    };
    let mut answer = Vec::new();
    let cut_off = within("the end of a slow CONNECT", async {
        tokio::select! {
            () = drip => {}
            read = reader.read_to_end(&mut answer) => drop(read),
        }
    });
    cut_off.await;
    assert_ne!(answer.get(..4), Some(&[0x20, answer.len() as u8, 0, 0][..]), "not let in");
}

#[tokio::test]
async fn a_websocket_without_a_connect_is_closed() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECT_MS", "200")]).await;
    let mut socket = websocket::socket(&server, None).await;
    let all = async { while let Some(Ok(_)) = futures_util::StreamExt::next(&mut socket).await {} };
    within("the end of a silent WebSocket", all).await;
}

#[tokio::test]
async fn a_second_connect_or_a_long_silence_gives_the_will_out() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_TOPICS__OPEN", "wills/#")]).await;
    let mut heir = Peer::connect(&server, &Login::v5("heir")).await;
    assert_eq!(heir.subscribe("wills/+").await, 1);
    let login = Login::v5("x").will("wills/x", "twice");
    let mut twice = Peer::connect(&server, &login).await;
    twice.send(&login.packet()).await;
    assert_eq!(twice.closed().await, Some(0x82));
    assert_eq!(heir.message().await.payload, b"twice");
    let silent = Login { keep_alive: 1, ..Login::v4("y") }.will("wills/y", "silent");
    let mut silent = Peer::connect(&server, &silent).await;
    assert_eq!(silent.closed().await, None);
    assert_eq!(heir.message().await.payload, b"silent");
}

#[tokio::test]
async fn guesses_are_counted_by_address_and_those_who_do_not_guess_come_in() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__PASSWORD_TRIES", "2")]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"password": "right", "keep": true})).await);
    let user = format!("room:{room}");
    let mut codes = Vec::new();
    for number in 0..4 {
        let login = Login::v5(&format!("guess {number}")).user(&user, "wrong");
        codes.push(Peer::try_connect(&server, &login).await.err());
    }
    assert_eq!(codes[..2], [Some(0x86), Some(0x86)]);
    let right = Peer::try_connect(&server, &Login::v5("late").user(&user, "right")).await.err();
    for code in codes[2..].iter().chain([&right]) {
        assert!(matches!(code, Some(0x96..=0x9F)), "{codes:?}, {right:?}");
    }
    Peer::connect(&server, &Login::v5("other")).await.ping().await;
}

#[tokio::test]
async fn a_client_id_is_nobodys_identity() {
    let server = Server::start(Store::Sqlite).await;
    let room = Visitor::to(&server).lasting_room().await;
    let topic = format!("chat/{room}");
    for client_id in ["#", "+", "a/b", "$SYS", "\u{FEFF}", "가"] {
        let mut peer = Peer::connect(&server, &Login::v5(client_id)).await;
        peer.join(&room).await;
        assert_eq!(peer.publish(&topic, client_id).await, 0);
        let said = peer.event_of("chat").await;
        assert_ne!(said["uid"], client_id);
        peer.disconnect().await;
    }
    assert!(!Peer::is_let_in(&server, &Login::v5("a\0b")).await);
}

#[tokio::test]
async fn opening_everything_opens_neither_rooms_nor_the_broker() {
    let settings = [("PARLOR_TOPICS__OPEN", "#"), ("PARLOR_MQTT__SYS_INTERVAL_MS", "20")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"password": "p", "keep": true})).await);
    let mut curious = Peer::connect(&server, &Login::v5("curious")).await;
    for filter in ["#", "+/#", "+/+", "+/+/+", "$share/g/#", "chat/+", "chat/#", "$share/g/chat/#"]
    {
        assert!(curious.subscribe(filter).await <= 1, "{filter}");
    }
    for filter in [format!("chat/{room}"), format!("chat/{room}/#"), "chat/+/to/+".into()] {
        assert_eq!(curious.subscribe(&filter).await, 0x87, "{filter}");
    }
    host.say(&room, "among us").await;
    let mut monitor = Peer::connect(&server, &Login::v5("monitor")).await;
    monitor.subscribe("$SYS/broker/uptime").await;
    monitor.message().await;
    monitor.message().await;
    let mut sensor = Peer::connect(&server, &Login::v5("sensor")).await;
    assert_eq!(sensor.publish("sensors/door", "open").await, 0);
    assert_eq!(curious.message().await.topic, "sensors/door", "and nothing before it");
}

/// Five at once, then ten a second: fifteen more take a second and a half, however many
/// connections they come from. Only the lower bound is looked at, which no slow machine breaks.
#[tokio::test]
async fn who_publishes_too_fast_is_read_more_slowly_and_loses_nothing() {
    let settings = [("PARLOR_LIMITS__PUBLISH_PER_S", "10"), ("PARLOR_LIMITS__PUBLISH_BURST", "5")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let anonymous = Peer::connect(&server, &Login::v5("anonymous")).await;
    let pages = [
        websocket::page(&server, &guest, "one").await,
        websocket::page(&server, &guest, "two").await,
    ];
    let begun = Instant::now();
    let many = async |mut peer: Peer, count: usize| {
        let packets: Vec<u8> = (1..=count)
            .flat_map(|id| peer.publication(0x32, &topic, [0, id as u8], id.to_string().as_bytes()))
            .collect();
        peer.send(&packets).await;
        for id in 1..=count {
            let answer = peer.packet().await.unwrap();
            assert_eq!((answer.kind, &answer.body[..2]), (packet::PUBACK, &[0, id as u8][..]));
            assert!(answer.body.get(2).is_none_or(|code| *code == 0), "{answer:?}");
        }
        begun.elapsed()
    };
    let [one, two] = pages;
    let (alone, first, second) = tokio::join!(many(anonymous, 20), many(one, 10), many(two, 10));
    for took in [alone, first.max(second)] {
        assert!(took >= Duration::from_millis(1450), "{took:?}");
    }
    assert_eq!(host.chats(&room).await.len(), 40);
}

#[tokio::test]
async fn subscriptions_are_bounded_in_number_and_depth() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__SUBSCRIPTIONS", "50")]).await;
    let mut peer = Peer::connect(&server, &Login::v5("x")).await;
    let filters = (0..100).flat_map(|number| [text(format!("rooms/{number}")), vec![0]].concat());
    let body: Vec<u8> = [0, 9, 0].into_iter().chain(filters).collect();
    peer.send(&frame(0x82, &body)).await;
    let answer = peer.packet().await.unwrap();
    let codes = &answer.body[answer.body.len() - 100..];
    assert!(codes[..50].iter().all(|code| *code == 0), "{codes:?}");
    assert!(codes[50..].iter().all(|code| *code == 0x97), "{codes:?}");
    let mut peer = Peer::connect(&server, &Login::v5("y")).await;
    for deep in [format!("rooms{}", "/+".repeat(127)), "rooms/".to_owned() + &"x".repeat(5000)] {
        let code = peer.subscribe(&deep).await;
        assert!([0x8F, 0x97].contains(&code), "{code:#x}");
    }
    peer.ping().await;
}

#[tokio::test]
async fn a_right_that_ended_meanwhile_does_not_come_back_with_the_session() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"password": "old", "keep": true})).await);
    let login = Login::v5("guest").lasting();
    let known = login.clone().user(&format!("room:{room}"), "old");
    let mut guest = Peer::connect(&server, &known).await;
    guest.join(&room).await;
    drop(guest);
    let change = json!({"password": "new"});
    let path = format!("/room/{room}");
    assert_eq!(host.ask(Method::PATCH, &path).json(&change).send().await.unwrap().status(), 200);
    host.say(&room, "now among us").await;
    let mut back = Peer::connect(&server, &login).await;
    host.say(&room, "still among us").await;
    assert_eq!(back.subscribe("rooms/+").await, 1);
    let message = back.message().await;
    assert!(message.topic.starts_with("rooms/"), "{message:?}");
    assert_eq!(back.subscribe(&format!("chat/{room}")).await, 0x87);
}

#[tokio::test]
async fn forged_fields_mean_nothing_in_a_publish_or_a_will() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_PRESENCE__GRACE_MS", "50")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let mut reader = Peer::connect(&server, &Login::v5("reader")).await;
    reader.join(&room).await;
    let forged = |chat: &str| {
        let system = json!({"user": "system", "uid": "x", "name": "admin", "type": "kick"});
        let mut draft = json!({"chat": chat, "seq": 999, "id": "x", "createdAt": "1970"});
        draft.as_object_mut().unwrap().extend(system.as_object().unwrap().clone());
        draft.to_string()
    };
    let login = Login::v5("forger").will(&topic, &forged("a will"));
    let mut forger = Peer::connect(&server, &login).await;
    assert_eq!(forger.publish(&topic, forged("a text")).await, 0);
    drop(forger);
    let mut authors = Vec::new();
    for chat in ["a text", "a will"] {
        let event = reader.events_until(chat).await.pop().unwrap();
        assert_eq!(event["type"], "chat");
        assert!(event["user"].as_str().unwrap().starts_with('#'), "{event}");
        assert!(event["seq"].as_u64().unwrap() < 20 && event["id"] != "x", "{event}");
        assert!(event.get("name").is_none() && event["createdAt"] != "1970", "{event}");
        authors.push(event["uid"].clone());
    }
    assert!(authors[0] == authors[1] && authors[0] != "x", "{authors:?}");
}

#[tokio::test]
async fn what_is_retained_by_a_client_stays_out_of_rooms() {
    let server = Server::start(Store::Sqlite).await;
    let room = Visitor::to(&server).lasting_room().await;
    let topic = format!("chat/{room}");
    let mut poisoner = Peer::connect(&server, &Login::v5("poisoner")).await;
    let retained = poisoner.publication(0x33, &topic, [0, 1], b"for ever");
    poisoner.send(&retained).await;
    assert_eq!(poisoner.packet().await.unwrap().kind, packet::PUBACK);
    // Who joins right after may still hear it live: once somebody has heard it, nobody new does.
    let mut witness = Peer::connect(&server, &Login::v5("witness")).await;
    witness.join(&room).await;
    witness.event_of("join").await;
    let remove = poisoner.publication(0x33, &format!("rooms/{room}"), [0, 2], b"");
    poisoner.send(&remove).await;
    assert_eq!(poisoner.packet().await.unwrap().body[2], 0x87);
    let mut late = Peer::connect(&server, &Login::v5("late")).await;
    late.join(&room).await;
    assert_eq!(late.publish(&topic, "the first that I hear").await, 0);
    let heard = late.events_until("the first that I hear").await;
    assert!(!texts(&heard).contains(&"for ever"), "{heard:?}");
    assert_eq!(late.subscribe(&format!("rooms/{room}")).await, 1);
    assert!(late.message().await.retain, "the card is there");
}

/// Somebody is kicked, and banned or not; their connection is taken over, so that the will is due.
#[tokio::test]
async fn the_will_of_somebody_banned_is_not_given_out() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let mut owner = websocket::page(&server, &host, "owner").await;
    owner.join(&room).await;
    for (client_id, ban) in [("kicked", false), ("banned", true)] {
        let will = format!("the will of {client_id}");
        let login = Login::v5(client_id).will(&topic, &will);
        let mut gone = Peer::connect(&server, &login).await;
        gone.join(&room).await;
        let hello = format!("{client_id} is here");
        assert_eq!(gone.publish(&topic, &hello).await, 0);
        let uid = owner.events_until(&hello).await.pop().unwrap()["uid"].clone();
        let kick = json!({"uid": uid, "ban": ban});
        assert!(host.post(&format!("/room/{room}/kick"), kick).await.status().is_success());
        // The will is given out, or not, before the new connection is answered.
        let again = Peer::connect(&server, &Login::v5(client_id)).await;
        assert!(gone.closed().await.is_some());
        again.disconnect().await;
        let quiet = format!("{client_id} has gone");
        host.say(&room, &quiet).await;
        let heard = owner.events_until(&quiet).await;
        let is_given_out = texts(&heard).contains(&will.as_str());
        assert_eq!(is_given_out, !ban, "{client_id}: {heard:?}");
        let refused = Peer::try_connect(&server, &login).await.err();
        assert_eq!(refused, ban.then_some(0x87), "{client_id}");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_opened_is_no_start() {
    let server = Server::start(Store::Sqlite).await;
    for (key, filter) in [("open", "a/#/b"), ("open", "a+"), ("closed", "#/a")] {
        let mut parlor = server.command();
        parlor.args(["--set", &format!("topics.{key}={filter}"), "--set", "server.data_dir=other"]);
        let output = within("the refusal to start", parlor.output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(filter), "{said}");
    }
}

#[tokio::test]
async fn frames_against_the_rules_end_their_connection_and_no_other() {
    let server = Server::start(Store::Sqlite).await;
    let mut other = websocket::page(&server, &Visitor::to(&server), "other").await;
    let upgrade = format!(
        "GET /mqtt HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n",
        server.http
    );
    let zeroes = [0u8; 4];
    for (what, bytes) in [
        ("unmasked", vec![0x82, 2, 0xC0, 0]),
        ("a reserved bit", [&[0xC2, 0x82][..], &zeroes, &[0xC0, 0]].concat()),
        ("a reserved kind", [&[0x83, 0x80][..], &zeroes].concat()),
        ("a fragment of nothing", [&[0x80, 0x80][..], &zeroes].concat()),
        ("a ping in fragments", [&[0x09, 0x80][..], &zeroes].concat()),
        ("a ping too large", [&[0x89, 0xFE, 0, 126][..], &zeroes, &[0; 126]].concat()),
        ("2^62 bytes to come", [&[0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0][..], &zeroes].concat()),
    ] {
        let mut stream = TcpStream::connect(server.http).await.unwrap();
        stream.write_all(upgrade.as_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut all = Vec::new();
        let read = within(what, stream.read_to_end(&mut all)).await;
        assert!(read.is_err() || all.starts_with(b"HTTP/1.1 101"), "{what}");
    }
    other.ping().await;
}
