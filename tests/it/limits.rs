//! Every limit of a client is a setting, and whoever meets one is told in the protocol's words.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    packet::{self, Reader, frame, properties, text, user_property},
    until,
    visitor::{id_of, texts},
    websocket, within,
};

/// A property of MQTT 5 by its identifier, with a number in so many bytes.
fn number_in(list: &[u8], wanted: u8) -> Option<u64> {
    let mut list = Reader(list);
    while !list.0.is_empty() {
        let identifier = list.byte();
        let bytes = match identifier {
            0x11 | 0x27 => list.bytes(4).to_vec(),
            0x13 | 0x21 | 0x22 => list.bytes(2).to_vec(),
            0x12 | 0x1F => list.text().into_bytes(),
            other => panic!("property {other:#x}"),
        };
        if identifier == wanted {
            return Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }
    None
}

fn publish(topic: &str, id: u8, list: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(0x32, &[text(topic), vec![0, id], properties(list), payload.to_vec()].concat())
}

/// Each far from its default.
async fn strict() -> Server {
    let settings = [
        ("PARLOR_MQTT__KEEP_ALIVE_S", "20"),
        ("PARLOR_MQTT__SESSION_EXPIRY_S", "30"),
        ("PARLOR_TOPICS__OPEN", "s/#"),
        ("PARLOR_TOPICS__RETAINED", "2"),
        ("PARLOR_TOPICS__RETAINED_BYTES", "100"),
        ("PARLOR_LIMITS__PACKET_BEFORE_CONNECT", "300"),
        ("PARLOR_LIMITS__PACKET", "20000"),
        ("PARLOR_LIMITS__PACKET_OTHER", "1000"),
        ("PARLOR_LIMITS__INFLIGHT", "3"),
        ("PARLOR_LIMITS__SUBSCRIPTIONS", "2"),
        ("PARLOR_LIMITS__FILTER_BYTES", "30"),
        ("PARLOR_LIMITS__FILTER_LEVELS", "3"),
        ("PARLOR_LIMITS__CLIENT_ID_BYTES", "5"),
        ("PARLOR_LIMITS__USER_PROPERTIES", "2"),
        ("PARLOR_LIMITS__TOPIC_ALIASES", "2"),
    ];
    Server::with(Store::Sqlite, &settings).await
}

#[tokio::test]
async fn every_limit_is_a_setting_and_what_is_refused_is_told() {
    let server = strict().await;
    // What a client of MQTT 5 is told when it connects.
    let asks = Login { keep_alive: 0, ..Login::v5("x").lasting() };
    let mut peer = Peer::silent(server.mqtt).await;
    peer.send(&asks.packet()).await;
    let answer = peer.packet().await.unwrap();
    let told = Reader(&answer.body[2..]).properties();
    for (identifier, number) in [(0x13, 20), (0x11, 30), (0x27, 20_000), (0x21, 3), (0x22, 2)] {
        assert_eq!(number_in(told, identifier), Some(number), "{identifier:#x}");
    }
    for (filter, code) in [
        ("s/a", 1),
        ("s/a/b/c", 0x8F),
        (&format!("s/{}", "x".repeat(30)), 0x8F),
        ("s/b", 1),
        ("s/c", 0x97),
    ] {
        assert_eq!(peer.subscribe(filter).await, code, "{filter}");
    }
    for (topic, code) in [("s/a/b/c", 0x90), (&format!("s/{}", "x".repeat(30)), 0x90), ("s/a", 0)] {
        assert_eq!(peer.publish(topic, "x").await, code, "{topic}");
    }
    let mut other = Peer::connect(&server, &Login::v5("other")).await;
    for (topic, payload, code) in [
        ("s/1", "x".repeat(200), 0x97),
        ("s/1", "x".repeat(20), 0),
        ("s/2", "x".to_owned(), 0),
        ("s/3", "x".to_owned(), 0x97),
        ("s/1", String::new(), 0),
        ("s/3", "x".to_owned(), 0),
    ] {
        let retained = other.publication(0x33, topic, [0, 1], payload.as_bytes());
        other.send(&retained).await;
        let answer = other.packet().await.unwrap();
        let given = answer.body.get(2).copied().unwrap_or(0);
        assert!(answer.kind == packet::PUBACK && (given & 0x80 > 0) == (code > 0), "{answer:?}");
        assert!(code == 0 || given == code, "{topic}: {given:#x}");
    }
}

#[tokio::test]
async fn every_limit_is_a_setting_and_some_end_the_connection() {
    let server = strict().await;
    let aliased = |alias| publish("s/a", 9, &[0x23, 0, alias], b"x");
    let unreleased: Vec<u8> = (1..=4)
        .flat_map(|id| frame(0x34, &[text("s/a"), vec![0, id, 0], b"x".to_vec()].concat()))
        .collect();
    let named = |count| publish("s/a", 9, &user_property("a", "b").repeat(count), b"x");
    let many = [text("s/a"), vec![1]].concat().repeat(200);
    for (what, bytes, code) in [
        ("a PUBLISH too large", vec![0x30, 0xA1, 0x9C, 0x01], 0x95),
        ("a SUBSCRIBE too large", frame(0x82, &[vec![0, 1, 0], many].concat()), 0x95),
        ("an alias too high", aliased(3), 0x94),
        ("too many unreleased", unreleased, 0x93),
        ("too many user properties", named(3), 0x97),
    ] {
        let mut peer = Peer::connect(&server, &Login::v5("y")).await;
        peer.send(&aliased(2)).await;
        peer.send(&named(2)).await;
        peer.send(&bytes).await;
        assert_eq!(peer.closed().await, Some(code), "{what}");
    }
    assert_eq!(Peer::try_connect(&server, &Login::v5("123456")).await.err(), Some(0x85));
    let large = Login::v5("z").will("s/a", &"x".repeat(300));
    let mut large_peer = Peer::silent(server.mqtt).await;
    large_peer.send(&large.packet()).await;
    while let Some(answer) = large_peer.packet().await {
        assert_eq!((answer.kind, answer.body[1]), (packet::CONNACK, 0x95));
    }
    // In MQTT 3.1.1 there is no receive maximum: four times as many, and the end.
    let mut older = Peer::connect(&server, &Login::v4("older")).await;
    for id in 1..=13 {
        let publish = older.publication(0x34, "s/a", [0, id], b"x");
        older.send(&publish).await;
        match older.packet().await {
            Some(answer) => assert_eq!((answer.kind, id <= 12), (packet::PUBREC, true)),
            None => assert_eq!(id, 13),
        }
    }
}

#[tokio::test]
async fn a_silent_client_of_mqtt_3_has_its_time_too() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_MQTT__SILENCE_S", "1")]).await;
    for keep_alive in [0, 65_535] {
        let login = Login { keep_alive, ..Login::v4("x") };
        let mut silent = Peer::connect(&server, &login).await;
        assert_eq!(silent.closed().await, None, "closed, and without a word");
    }
}

#[tokio::test]
async fn over_capacity_everybody_is_told_so() {
    for (setting, v5) in [("CONNECTIONS", 0x89), ("CONNECTIONS_PER_ADDRESS", 0x97)] {
        let key = format!("PARLOR_LIMITS__{setting}");
        let server = Server::with(Store::Sqlite, &[(&key, "1")]).await;
        let mut inside = Peer::connect(&server, &Login::v5("inside")).await;
        for (login, code) in [(Login::v5("x"), v5), (Login::v4("x"), 3)] {
            assert_eq!(Peer::try_connect(&server, &login).await.err(), Some(code), "{setting}");
        }
        let http = if setting == "CONNECTIONS" { 503 } else { 429 };
        let visitor = Visitor::to(&server);
        let answer = visitor.request(Method::GET, "/").send().await.unwrap();
        assert_eq!(answer.status(), http, "{setting}");
        assert!(answer.headers().contains_key("retry-after"));
        let mqtt = [("sec-websocket-protocol", "mqtt")];
        assert_eq!(websocket::upgrade(&server, &mqtt).await.err(), Some(http), "{setting}");
        inside.ping().await;
        inside.disconnect().await;
        until("a place", async || Peer::is_let_in(&server, &Login::v5("later")).await).await;
    }
}

/// Joined, with one delivery at a time, of which the first is never acknowledged.
async fn who_acknowledges_nothing(server: &Server, room: &str) -> Peer {
    let login = Login { properties: vec![0x21, 0, 1], ..Login::v5("slow") };
    let mut slow = Peer::connect(server, &login).await;
    let body = [vec![0, 9, 0], text(format!("chat/{room}")), vec![1]].concat();
    slow.send(&frame(0x82, &body)).await;
    assert_eq!(slow.packet().await.unwrap().kind, packet::SUBACK);
    assert_eq!(slow.packet().await.unwrap().kind, packet::PUBLISH, "its own join");
    slow
}

#[tokio::test]
async fn what_waits_for_a_slow_client_is_bounded_once() {
    let text = "x".repeat(1000);
    for (setting, most) in [
        ("QUEUED_MESSAGES", ("20", 20)),
        // Topic and event are some hundred bytes more than the text.
        ("QUEUED_BYTES", ("15000", 14)),
        ("QUEUED_TOTAL_BYTES", ("10000", 16)),
    ] {
        let key = format!("PARLOR_LIMITS__{setting}");
        let settings = [(key.as_str(), most.0), ("PARLOR_LIMITS__PUBLISH_PER_S", "0")];
        let server = Server::with(Store::Sqlite, &settings).await;
        let host = Visitor::to(&server);
        let room = host.lasting_room().await;
        let mut slow = who_acknowledges_nothing(&server, &room).await;
        let mut reader = Peer::connect(&server, &Login::v5("reader")).await;
        reader.join(&room).await;
        let mut said = 0;
        // The join of the reader waits, too.
        for number in 2..=most.1 {
            let chat =
                if setting == "QUEUED_MESSAGES" { format!("{number}") } else { text.clone() };
            host.say(&room, &chat).await;
            said += 1;
            if setting == "QUEUED_MESSAGES" {
                slow.send(packet::PINGREQ).await;
                assert_eq!(slow.packet().await.unwrap().kind, packet::PINGRESP, "{number} wait");
            }
        }
        host.say(&room, "one more").await;
        assert_eq!(slow.closed().await, Some(0x97), "{setting}");
        let heard = reader.events_until("one more").await;
        assert_eq!(heard.iter().filter(|event| event["type"] == "chat").count(), said + 1);
    }
}

#[tokio::test]
async fn who_stops_reading_is_cut_off_and_the_others_hear_everything() {
    let settings =
        [("PARLOR_LIMITS__QUEUED_MESSAGES", "100"), ("PARLOR_LIMITS__PUBLISH_PER_S", "0")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let room = Visitor::to(&server).lasting_room().await;
    let topic = format!("chat/{room}");
    let mut reader = Peer::connect(&server, &Login::v5("reader")).await;
    reader.join(&room).await;
    // One over TCP, with little space on its side, and one over WebSocket.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let deaf = Peer::on(socket.connect(server.mqtt).await.unwrap(), 5);
    let mut deaf = deaf.log_in(&Login::v5("deaf")).await.unwrap();
    deaf.join(&room).await;
    let mut page = websocket::page(&server, &Visitor::to(&server), "deaf page").await;
    page.join(&room).await;
    let mut talker = Peer::connect(&server, &Login::v5("talker")).await;
    let text = "x".repeat(1900);
    let mut said = 0u16;
    let cut_off = || server.log().matches("too many messages waiting to be read").count();
    let talking = async {
        while cut_off() < 2 {
            let batch: Vec<u8> = (0..20)
                .flat_map(|_| {
                    said += 1;
                    talker.publication(0x32, &topic, said.to_be_bytes(), text.as_bytes())
                })
                .collect();
            talker.send(&batch).await;
            for _ in 0..20 {
                assert_eq!(talker.packet().await.unwrap().kind, packet::PUBACK);
            }
        }
        assert_eq!(talker.publish(&topic, "the end").await, 0);
        said + 1
    };
    let listening = async {
        let mut events = Vec::new();
        while !events.last().is_some_and(|event: &Value| event["chat"] == "the end") {
            events.push(reader.event().await);
        }
        events
    };
    let both = async { tokio::join!(listening, talking) };
    let (heard, said) = within("the end of those who do not read", both).await;
    let chats = heard.iter().filter(|event| event["type"] == "chat").count();
    assert_eq!(chats, usize::from(said));
    let seqs: Vec<u64> = heard.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap: {seqs:?}");
}

#[tokio::test]
async fn a_monitor_that_was_away_gets_what_it_may_read_of_what_was_said_meanwhile() {
    let settings = [("PARLOR_LIMITS__QUEUED_MESSAGES", "10")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let host = Visitor::to(&server);
    let rooms = [host.lasting_room().await, host.lasting_room().await];
    let secret = id_of(&host.create(json!({"keep": true})).await);
    for (login, filter) in [
        (Login::v5("modern").lasting(), "chat/+"),
        (Login::v4("older").lasting(), "chat/#"),
        (Login::v5("shared").lasting(), "$share/group/chat/+"),
    ] {
        let who = &login.client_id;
        let mut monitor = Peer::connect(&server, &login).await;
        assert_eq!(monitor.subscribe(filter).await, 1);
        // In one of the rooms it is, too: nothing of it comes twice.
        monitor.join(&rooms[0]).await;
        monitor.event_of("join").await;
        drop(monitor);
        until("its going", async || said_gone(&server, who)).await;
        host.say(&secret, "not for long").await;
        for (number, room) in [&rooms[0], &rooms[1], &rooms[0], &rooms[1]].into_iter().enumerate() {
            host.say(room, &format!("{who} {number}")).await;
        }
        let lock = host.ask(Method::PATCH, &format!("/room/{secret}"));
        let lock = lock.json(&json!({"password": "locked"})).send().await.unwrap();
        assert_eq!(lock.status(), 200);
        let mut back = Peer::connect(&server, &login).await;
        assert!(back.resumed, "{who}");
        host.say(&rooms[1], "and now").await;
        // One room comes from the store, the other from what waited: each in its order.
        let mut heard = Vec::new();
        while heard.len() < 5 {
            heard.push(back.event_of("chat").await);
        }
        let mut heard = texts(&heard);
        heard.sort_unstable();
        let missed = [0, 1, 2, 3].map(|number| format!("{who} {number}"));
        assert_eq!(heard, [&["and now"][..], &missed.each_ref().map(String::as_str)].concat());
        back.unsubscribe(&format!("chat/{}", rooms[0])).await;
        drop(back);
        until("its going again", async || said_gone(&server, who)).await;
        // More than may wait: it is told that its session is gone.
        for number in 0..11 {
            host.say(&rooms[1], &format!("too many {number}")).await;
        }
        let lost = Peer::connect(&server, &login).await;
        assert!(!lost.resumed, "{who}");
        lost.disconnect().await;
        let open = host.ask(Method::PATCH, &format!("/room/{secret}"));
        open.json(&json!({"password": null})).send().await.unwrap();
    }
}

/// Whether the client's last line in the log is that it has gone.
fn said_gone(server: &Server, client: &str) -> bool {
    let log = server.log();
    let last = log.lines().rev().find(|line| line.contains(client) && line.contains("connected"));
    last.is_some_and(|line| line.contains("disconnected"))
}

#[tokio::test]
async fn what_was_on_its_way_does_not_come_again_when_the_right_has_ended() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"password": "old", "keep": true})).await);
    for (version, qos, kind) in [(5, 1, 0x32), (5, 2, 0x34), (4, 2, 0x34)] {
        let client_id = format!("guest {version} {qos}");
        let login = match version {
            5 => Login::v5(&client_id).lasting(),
            _ => Login::v4(&client_id).lasting(),
        };
        let known = login.clone().user(&format!("room:{room}"), "old");
        let mut guest = Peer::connect(&server, &known).await;
        assert_eq!(guest.subscribe_with(&format!("chat/{room}"), qos, &[]).await, qos);
        guest.event_of("join").await;
        host.say(&room, "never acknowledged").await;
        let delivery = loop {
            // The PUBREL of the join, at QoS 2.
            let packet = guest.packet().await.unwrap();
            if packet.kind == packet::PUBLISH {
                break packet;
            }
        };
        assert_eq!(delivery.kind << 4 | delivery.flags, kind);
        drop(guest);
        let change = async |password: &str| {
            let path = format!("/room/{room}");
            let change = host.ask(Method::PATCH, &path).json(&json!({"password": password}));
            assert_eq!(change.send().await.unwrap().status(), 200);
        };
        change("new").await;
        let mut back = Peer::connect(&server, &login).await;
        assert!(back.resumed);
        back.ping().await;
        let heard = back.messages_so_far();
        assert!(heard.is_empty(), "{heard:?}");
        back.disconnect().await;
        change("old").await;
    }
}

#[tokio::test]
async fn overlapping_filters_are_one_copy_and_many_of_them_hold_nobody_up() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_TOPICS__OPEN", "a/#")]).await;
    let mut many = Peer::connect(&server, &Login::v5("many")).await;
    let name = ["a", "b", "c", "d", "e", "f", "g"];
    for wild in 0..64 {
        let level = |at: usize| if at > 0 && wild >> (at - 1) & 1 == 1 { "+" } else { name[at] };
        let filter: Vec<&str> = (0..name.len()).map(level).collect();
        assert_eq!(many.subscribe(&filter.join("/")).await, 1);
    }
    let mut sender = Peer::connect(&server, &Login::v5("sender")).await;
    for number in 0..100 {
        assert_eq!(sender.publish(&name.join("/"), number.to_string()).await, 0);
    }
    for number in 0..100 {
        assert_eq!(many.message().await.payload, number.to_string().as_bytes());
    }
    many.ping().await;
    assert!(many.messages_so_far().is_empty());
}

#[tokio::test]
async fn a_hangup_without_tls_is_a_line_in_the_log() {
    let server = Server::start(Store::Sqlite).await;
    let mut peer = Peer::connect(&server, &Login::v5("stays")).await;
    server.signal("HUP").await;
    until("the line", async || server.log().contains("no certificate to read again")).await;
    peer.ping().await;
    assert_eq!(Visitor::to(&server).get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn an_upgrade_that_is_never_complete_is_closed() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECT_MS", "200")]).await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: webs").await.unwrap();
    within("the end", stream.read_to_end(&mut Vec::new())).await.ok();
    Peer::connect(&server, &Login::v5("x")).await.ping().await;
}
