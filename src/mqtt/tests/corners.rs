//! Strange and hostile clients.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::lab::{DEADLINE, Lab};
use crate::{
    chat::topic,
    mqtt::{
        codec::{
            Connect, Packet, Properties, Publish, Qos, Subscribe, SubscribeOptions, Subscription,
            Version, encode,
        },
        reason::ReasonCode,
        scenario,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_and_byte_by_byte_is_the_same() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let connect = Connect { client_id: "once".into(), ..scenario::connect(Version::V4) };
    let mut wire = bytes::BytesMut::new();
    let topic = topic::chat(room);
    let subscription = Subscription {
        filter: topic.clone(),
        options: SubscribeOptions { qos: Qos::AtLeastOnce, ..SubscribeOptions::default() },
    };
    let subscribe = Subscribe {
        packet_id: scenario::id(1),
        properties: Properties::default(),
        subscriptions: vec![subscription],
    };
    let publish = Publish { topic, ..scenario::publish(Qos::AtLeastOnce, 2) };
    for packet in
        [Packet::Connect(Box::new(connect)), Packet::Subscribe(subscribe), Packet::Publish(publish)]
    {
        encode(&packet, Version::V4, 1000, &mut wire).unwrap();
    }
    for chunk in [wire.len(), 1, 7] {
        let mut client = lab.dial(Version::V4);
        for part in wire.chunks(chunk) {
            client.raw(part).await;
            tokio::task::yield_now().await;
        }
        assert!(matches!(client.next().await, Packet::ConnAck(_)));
        assert!(matches!(client.next().await, Packet::SubAck(_)));
        let said = client.chats(1).await.remove(0).1;
        assert_eq!(said, "hello");
        client.disconnect().await;
    }
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_mqtt_is_closed_without_a_word() {
    let lab = Lab::open(|_| {}).await;
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x00\x00",
        b"\xc0\x00",
        b"\x10\xff\xff\xff\x7f",
        b"\x10\xff\xff\xff\xff\x01",
        b"\x30\xff\xff\xff\x7f",
        b"\x20\x02\x00\x00",
    ] {
        let mut client = lab.dial(Version::V4);
        client.raw(bytes).await;
        assert_eq!(client.try_next().await, None, "{bytes:x?}");
    }
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_is_let_go() {
    let lab = Lab::open(|config| config.limits.connect_ms = 50).await;
    let mut silent = lab.dial(Version::V4);
    assert_eq!(silent.try_next().await, None);
    let mut slow = lab.dial(Version::V4);
    for byte in b"\x10\x10\0\x04MQTT" {
        slow.raw(&[*byte]).await;
    }
    assert_eq!(slow.try_next().await, None);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_the_right_one_opens_the_room() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|draft| draft.password = Some("open sesame".into())).await;
    for version in [Version::V4, Version::V5] {
        for (user, password, expected) in [
            (format!("room:{room}"), "wrong", ReasonCode::BadUserNameOrPassword),
            ("room:000000000000".to_owned(), "x", ReasonCode::BadUserNameOrPassword),
            ("no-such-device".to_owned(), "x", ReasonCode::BadUserNameOrPassword),
            (format!("room:{room}"), "open sesame", ReasonCode::Success),
        ] {
            let mut client = lab.dial(version);
            let connect = Connect {
                user_name: Some(user),
                password: Some(password.into()),
                ..scenario::connect(version)
            };
            assert_eq!(client.connect(connect).await.code, expected);
            if expected == ReasonCode::Success {
                assert_eq!(client.subscribe(&topic::chat(room), Qos::AtMostOnce).await, 0);
                assert!(
                    !ReasonCode::from_value(client.say(room, "in").await).unwrap().is_failure()
                );
                client.disconnect().await;
            } else {
                assert_eq!(client.try_next().await, None);
            }
        }
    }
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anonymous_clients_nobody_comes_in_unnamed() {
    let lab = Lab::open(|config| config.mqtt.anonymous = false).await;
    let mut client = lab.dial(Version::V5);
    let connack = client.connect(scenario::connect(Version::V5)).await;
    assert_eq!(connack.code, ReasonCode::NotAuthorized);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_told_to_go_and_holds_nobody_up() {
    let lab = Lab::open(|config| config.limits.queued_messages = 50).await;
    let room = lab.room(|_| {}).await;
    let mut deaf = lab.client(Version::V5, "deaf").await;
    deaf.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    let mut talker = lab.client(Version::V5, "talker").await;
    let text = "x".repeat(1900);
    let flood = async {
        // Until the transport's and the edge's buffers and the mailbox are full.
        while lab.edge.counters().sessions_slow.value() == 0 {
            assert_eq!(talker.say(room, &text).await, 0);
        }
    };
    tokio::time::timeout(DEADLINE * 3, flood).await.expect("the slow one is let go");
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_tells_everybody() {
    let lab = Lab::open(|_| {}).await;
    let mut client = lab.client(Version::V5, "client").await;
    let edge = lab.edge.clone();
    let stop = tokio::spawn(async move { edge.stop(DEADLINE).await });
    let Packet::Disconnect(told) = client.next().await else { panic!() };
    assert_eq!(told.code, ReasonCode::ServerShuttingDown);
    drop(client);
    stop.await.unwrap();
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_no_place_is_told_so() {
    let lab = Lab::open(|config| config.limits.connections = 1).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(lab.edge.clone().serve_tcp(listener));
    let _only_place = lab.edge.admit(address.ip()).unwrap();
    let mut second = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut wire = bytes::BytesMut::new();
    let connect = Packet::Connect(Box::new(scenario::connect(Version::V5)));
    encode(&connect, Version::V5, 1000, &mut wire).unwrap();
    second.write_all(&wire).await.unwrap();
    let mut answer = Vec::new();
    let read = second.read_to_end(&mut answer);
    tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
    assert_eq!((answer[0], answer[3]), (0x20, 0x89));
    lab.close().await;
    serving.await.unwrap().unwrap();
}
