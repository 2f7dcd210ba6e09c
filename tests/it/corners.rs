//! The corners of MQTT, byte by byte: whatever comes, that connection ends with the right word, or
//! goes on as the specification says; and all others go on.

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    packet::{self, frame, properties, text, user_property},
    visitor::{id_of, texts},
};

/// A PUBLISH of MQTT 5 at QoS 1.
fn publish(topic: &str, list: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(0x32, &[text(topic), vec![0, 9], properties(list), payload.to_vec()].concat())
}

/// A SUBSCRIBE of MQTT 5.
fn subscribe(first: u8, rest: &[u8]) -> Vec<u8> {
    frame(first, &[&[0, 9, 0], rest].concat())
}

#[tokio::test]
async fn before_connect_anything_else_ends_the_connection() {
    let server = Server::start(Store::Sqlite).await;
    let good = Login::v5("x");
    let mut wrong_name = good.packet();
    wrong_name[4] = b'X';
    let mut reserved = good.packet();
    reserved[9] |= 1;
    let mut bytes: Vec<Vec<u8>> =
        (0..=15u8).filter(|kind| *kind != 1).map(|kind| frame(kind << 4, &[])).collect();
    bytes.extend([
        vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F],       // 256 MiB to come
        vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], // a length of five bytes
        vec![0x10, 0x80, 0x00],                   // a length longer than it need be
        wrong_name,
        reserved,
        frame(0x10, b""),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01], // TLS
    ]);
    for bytes in bytes {
        let mut peer = Peer::silent(server.mqtt).await;
        peer.send(&bytes).await;
        // A CONNACK that says no may come first.
        while let Some(answer) = peer.packet().await {
            assert_eq!((answer.kind, answer.body[1] >= 1), (packet::CONNACK, true), "{bytes:?}");
        }
    }
    Peer::connect(&server, &good).await.ping().await;
}

#[tokio::test]
async fn a_connect_that_cannot_be_is_refused_with_its_reason() {
    let server = Server::start(Store::Sqlite).await;
    let long = "x".repeat(60_000);
    for (login, codes) in [
        (Login { version: 6, ..Login::v5("level 6") }, &[0x84][..]),
        (Login { version: 3, ..Login::v4("level 3") }, &[1]),
        (Login { clean: false, ..Login::v4("") }, &[2]),
        (Login::v5(&"x".repeat(300)), &[0x85]),
        (Login::v5("unknown").user("nobody", "x"), &[0x86]),
        (Login::v4("unknown").user("nobody", "x"), &[4, 5]),
        (Login::v5("will").will("rooms/x", "x"), &[0x87, 0x90]),
    ] {
        let refused = Peer::try_connect(&server, &login).await.err();
        assert!(refused.is_some_and(|code| codes.contains(&code)), "{login:?}: {refused:?}");
    }
    assert!(!Peer::is_let_in(&server, &Login::v5("will").will("chat/+", "x")).await);
    let mut peer = Peer::silent(server.mqtt).await;
    peer.send(&Login::v5(&long).packet()).await;
    while let Some(answer) = peer.packet().await {
        assert_eq!((answer.kind, answer.body[1]), (packet::CONNACK, 0x95));
    }
    let assigned = Peer::connect(&server, &Login::v5("")).await;
    let older = Peer::connect(&server, &Login::v4("")).await;
    assigned.disconnect().await;
    older.disconnect().await;
}

#[tokio::test]
async fn a_forbidden_packet_ends_its_connection_with_the_reason() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__PACKET", "20000")]).await;
    let room = Visitor::to(&server).lasting_room().await;
    let mut other = Peer::connect(&server, &Login::v5("other")).await;
    other.join(&room).await;
    let topic = format!("chat/{room}");
    let doubled = [[0x23, 0, 1], [0x23, 0, 1]].concat(); // topic alias, twice
    let many = user_property("a", "b").repeat(100);
    for (what, bytes, codes) in [
        ("a second CONNECT", Login::v5("x").packet(), &[0x82][..]),
        ("CONNACK", frame(0x20, &[0, 0, 0]), &[0x81, 0x82]),
        ("SUBACK", frame(0x90, &[0, 1, 0, 0]), &[0x81, 0x82]),
        ("PINGRESP", frame(0xD0, &[]), &[0x81, 0x82]),
        ("type 0", frame(0x00, &[]), &[0x81, 0x82]),
        ("AUTH unasked", frame(0xF0, &[0x18, 0]), &[0x81, 0x82, 0x8C]),
        ("QoS 3", frame(0x36, &[text(&topic), vec![0, 1, 0]].concat()), &[0x81, 0x82]),
        ("id 0", frame(0x32, &[text(&topic), vec![0, 0, 0]].concat()), &[0x81, 0x82]),
        ("no topic, no alias", frame(0x30, &[0, 0, 0]), &[0x81, 0x82, 0x90, 0x94]),
        ("alias 0", publish(&topic, &[0x23, 0, 0], b"x"), &[0x82, 0x94]),
        ("alias too high", publish(&topic, &[0x23, 0xFF, 0xFF], b"x"), &[0x94]),
        ("alias unknown", publish("", &[0x23, 0, 3], b"x"), &[0x82, 0x94]),
        ("alias twice", publish(&topic, &doubled, b"x"), &[0x81, 0x82]),
        ("unknown property", publish(&topic, &[0x7F, 0], b"x"), &[0x81, 0x82]),
        ("a property of CONNECT", publish(&topic, &[0x21, 0, 9], b"x"), &[0x81, 0x82]),
        ("too many user properties", publish(&topic, &many, b"x"), &[0x81, 0x82, 0x97, 0x95]),
        ("NUL in the topic", publish("chat/\0", &[], b"x"), &[0x81, 0x82, 0x90]),
        ("no UTF-8", frame(0x30, &[0, 1, 0xFF, 0]), &[0x81, 0x82]),
        ("an empty SUBSCRIBE", subscribe(0x82, &[]), &[0x81, 0x82]),
        ("SUBSCRIBE without its flag", subscribe(0x80, &[0, 1, b'x', 0]), &[0x81, 0x82]),
        ("QoS 3 asked", subscribe(0x82, &[0, 1, b'x', 3]), &[0x81, 0x82]),
        ("PUBREL without its flag", frame(0x60, &[0, 1]), &[0x81, 0x82]),
        ("a length of five bytes", vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1], &[0x81, 0x82]),
        ("a packet too large", vec![0x30, 0xFF, 0xFF, 0x7F], &[0x95]),
    ] {
        let mut peer = Peer::connect(&server, &Login::v5(what)).await;
        peer.send(&bytes).await;
        let code = peer.closed().await.unwrap_or_else(|| panic!("{what}: closed without a word"));
        assert!(codes.contains(&code), "{what}: {code:#x}");
        let mut older = Peer::connect(&server, &Login::v4(&format!("older, {what}"))).await;
        older.send(&frame(0x00, &bytes)).await;
        assert_eq!(older.closed().await, None, "{what}");
    }
    other.ping().await;
    assert_eq!(other.publish(&topic, "all well").await, 0);
    assert_eq!(texts(&other.events_until("all well").await)[1..], ["all well"]);
}

#[tokio::test]
async fn what_may_not_be_published_or_subscribed_is_refused_with_its_code() {
    let server = Server::start(Store::Sqlite).await;
    let room = Visitor::to(&server).lasting_room().await;
    let mut peer = Peer::connect(&server, &Login::v5("x")).await;
    for topic in [
        "rooms/x".to_owned(),
        format!("rooms/{room}"),
        "$SYS/x".into(),
        "$share/g/x".into(),
        "$control/x".into(),
        "other".into(),
        "chat".into(),
        "chat/".into(),
        "chat/nonsense".into(),
        "chat/000000000000".into(),
        format!("chat/{room}/x"),
        format!("/chat/{room}"),
    ] {
        for once in [false, true] {
            let code = match once {
                false => peer.publish(&topic, "x").await,
                true => peer.publish_once(&topic, "x").await,
            };
            assert!((0x80..=0x9F).contains(&code), "{topic}: {code:#x}");
        }
    }
    for filter in [
        "#",
        "+",
        "+/+",
        "other",
        "chat",
        "chat/nonsense",
        "chat/000000000000",
        "chat/#/x",
        "chat/x+",
        "$share/g",
        "$share//x",
        "/#",
    ] {
        let code = peer.subscribe(filter).await;
        assert!([0x80, 0x83, 0x87, 0x8F].contains(&code), "{filter}: {code:#x}");
    }
    for filter in ["rooms/+", "rooms/#", "chat/+", "chat/#", "$share/g/chat/+"] {
        assert!(peer.subscribe(filter).await <= 2, "{filter}");
    }
    let mut peer = Peer::connect(&server, &Login::v5("y")).await;
    peer.send(&publish("chat/+", &[], b"x")).await;
    let answer = peer.packet().await.unwrap();
    let code = if answer.kind == packet::PUBACK { answer.body[2] } else { answer.body[0] };
    assert_eq!(code, 0x90, "{answer:?}");
}

#[tokio::test]
async fn a_message_split_at_every_byte_is_the_same_message() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    // Each its own client: one that comes back at once and over and over is held off.
    let packets = |kind: char, at: usize| {
        let client_id = format!("{kind}{at:03}");
        [Login::v5(&client_id).packet(), publish(&topic, &[], b"whole")].concat()
    };
    for at in 1..packets('x', 0).len() {
        let (all, other) = (packets('x', at), packets('z', at));
        let mut stream = TcpStream::connect(server.mqtt).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&all[..at]).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&all[at..]).await.unwrap();
        let mut peer = Peer::on(stream, 5);
        let kinds = [peer.packet().await.unwrap().kind, peer.packet().await.unwrap().kind];
        assert_eq!(kinds, [packet::CONNACK, packet::PUBACK], "split at {at}");
        // And what ends there is lost, and harms nobody.
        let mut cut = TcpStream::connect(server.mqtt).await.unwrap();
        cut.write_all(&other[..at]).await.unwrap();
    }
    Peer::connect(&server, &Login::v5("y")).await.ping().await;
    assert!(host.chats(&room).await.iter().all(|event| event["chat"] == "whole"));
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECT_MS", "200")]).await;
    let mut silent = Peer::silent(server.mqtt).await;
    silent.closed().await;
    let mut half = Peer::silent(server.mqtt).await;
    half.send(&Login::v5("x").packet()[..5]).await;
    half.closed().await;
    let mut quiet = Peer::connect(&server, &Login { keep_alive: 1, ..Login::v5("x") }).await;
    assert_eq!(quiet.closed().await, Some(0x8D));
}

#[tokio::test]
async fn a_client_id_has_one_connection_of_one_identity() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"password": "p", "keep": true})).await);
    let mut first = Peer::connect(&server, &Login::v5("same")).await;
    let mut second = Peer::connect(&server, &Login::v5("same")).await;
    assert_eq!(first.closed().await, Some(0x8E));
    // Somebody else with that client id takes nothing over.
    let device = crate::harness::websocket::page(&server, &host, "same").await;
    second.ping().await;
    drop(device);
    let login = Login::v5("same").user(&format!("room:{room}"), "p");
    let mut third = Peer::connect(&server, &login).await;
    third.join(&room).await;
}

#[tokio::test]
async fn a_repeated_qos_2_message_is_said_once() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut peer = Peer::connect(&server, &Login::v5("x")).await;
    let topic = format!("chat/{room}");
    for first in [0x34, 0x3C, 0x3C] {
        let publish = peer.publication(first, &topic, [0, 5], b"once");
        peer.send(&publish).await;
        let answer = peer.packet().await.unwrap();
        assert_eq!((answer.kind, &answer.body[..2]), (packet::PUBREC, &[0, 5][..]));
    }
    peer.send(&frame(0x62, &[0, 5])).await;
    assert_eq!(peer.packet().await.unwrap().kind, packet::PUBCOMP);
    assert_eq!(texts(&host.chats(&room).await), ["once"]);
}

#[tokio::test]
async fn who_does_not_read_is_told_and_cut_off_and_catches_up() {
    let settings =
        [("PARLOR_LIMITS__QUEUED_MESSAGES", "20"), ("PARLOR_LIMITS__PUBLISH_PER_S", "0")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    // One delivery at a time, and the first is never acknowledged.
    let login = Login { properties: vec![0x21, 0, 1], ..Login::v5("slow") };
    let mut slow = Peer::connect(&server, &login).await;
    slow.send(&subscribe(0x82, &[text(&topic), vec![1]].concat())).await;
    let mut reader = Peer::connect(&server, &Login::v5("reader")).await;
    reader.join(&room).await;
    for number in 1..=40 {
        host.say(&room, &format!("message {number}")).await;
    }
    let mut deliveries = 0;
    let code = loop {
        match slow.packet().await.expect("a reason before the end") {
            packet if packet.kind == packet::PUBLISH => deliveries += 1,
            packet if packet.kind == packet::DISCONNECT => break packet.body[0],
            _ => {}
        }
    };
    assert_eq!((code, deliveries), (0x97, 1));
    let heard = reader.events_until("message 40").await;
    assert_eq!(heard.iter().filter(|event| event["type"] == "chat").count(), 40, "no gap");
    let mut back = Peer::connect(&server, &Login::v5("slow")).await;
    let since = user_property("since", "1");
    assert_eq!(back.subscribe_with(&topic, 1, &since).await, 1);
    let heard = back.events_until("message 40").await;
    let numbers: Vec<u64> = heard.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let last = *numbers.last().unwrap();
    assert_eq!(numbers, (2..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn history_comes_before_what_is_new_without_a_hole() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for number in 1..=5 {
        host.say(&room, &format!("message {number}")).await;
    }
    let mut peer = Peer::connect(&server, &Login::v5("x")).await;
    let history = user_property("history", "2");
    assert_eq!(peer.subscribe_with(&format!("chat/{room}"), 1, &history).await, 1);
    let mut heard = vec![peer.event().await];
    host.say(&room, "new").await;
    heard.extend(peer.events_until("new").await);
    let numbers: Vec<u64> = heard.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let first = numbers[0];
    assert!(first == 4 || first == 5, "{numbers:?}: two, of which one may be the join");
    assert_eq!(numbers, (first..=7).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lasting_session_gets_what_it_missed() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for login in [Login::v5("modern").lasting(), Login::v4("older").lasting()] {
        let mut away = Peer::connect(&server, &login).await;
        assert!(!away.resumed);
        away.join(&room).await;
        let who = &login.client_id;
        assert_eq!(away.publish(&format!("chat/{room}"), format!("{who} is here")).await, 0);
        away.events_until(&format!("{who} is here")).await;
        drop(away);
        for number in 1..=3 {
            host.say(&room, &format!("{who} missed {number}")).await;
        }
        let mut back = Peer::connect(&server, &login).await;
        assert!(back.resumed, "{who}");
        let heard = back.events_until(&format!("{who} missed 3")).await;
        let missed = [1, 2, 3].map(|number| format!("{who} missed {number}"));
        assert_eq!(texts(&heard), missed);
        back.disconnect().await;
    }
}

#[tokio::test]
async fn connections_have_a_limit_per_address() {
    let server =
        Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "2")]).await;
    let mut one = Peer::connect(&server, &Login::v5("one")).await;
    let two = Peer::connect(&server, &Login::v5("two")).await;
    let mut three = Peer::silent(server.mqtt).await;
    three.send(&Login::v5("three").packet()).await;
    while let Some(answer) = three.packet().await {
        assert!([0x89, 0x97, 0x9F].contains(&answer.body[1]), "{answer:?}");
    }
    one.ping().await;
    two.disconnect().await;
    crate::harness::until("a place to be free", || async {
        Peer::is_let_in(&server, &Login::v5("four")).await
    })
    .await;
}

#[tokio::test]
async fn an_open_topic_is_plain_mqtt() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_TOPICS__OPEN", "sensors/#")]).await;
    let mut sensor = Peer::connect(&server, &Login::v5("sensor")).await;
    let retained = sensor.publication(0x33, "sensors/door", [0, 1], b"open");
    sensor.send(&retained).await;
    assert_eq!(sensor.packet().await.unwrap().kind, packet::PUBACK);
    for login in [Login::v5("modern"), Login::v4("older")] {
        let mut reader = Peer::connect(&server, &login).await;
        assert_eq!(reader.subscribe("sensors/+").await, 1);
        let message = reader.message().await;
        assert_eq!((message.payload.as_slice(), message.retain), (&b"open"[..], true));
        assert_eq!(sensor.publish_once("sensors/door", "shut").await, 0);
        let message = reader.message().await;
        assert_eq!((message.payload.as_slice(), message.retain), (&b"shut"[..], false));
        assert_eq!(message.qos, 1, "the lower of the two");
    }
}

#[tokio::test]
async fn the_broker_tells_of_itself() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_MQTT__SYS_INTERVAL_MS", "100")]).await;
    let mut monitor = Peer::connect(&server, &Login::v5("monitor")).await;
    assert!(monitor.subscribe("$SYS/#").await <= 2, "from loopback");
    let mut seen = std::collections::BTreeSet::new();
    while !(seen.contains("$SYS/broker/uptime") && seen.contains("$SYS/broker/clients/connected")) {
        seen.insert(monitor.message().await.topic);
    }
}
