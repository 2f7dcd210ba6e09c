//! Sessions over several connections: take-over, resumption, wills.

use bytes::Bytes;

use super::lab::{Client, Lab};
use crate::{
    chat::{Kind, topic},
    mqtt::{
        codec::{Connect, Packet, Properties, Property, Qos, Version, Will},
        reason::ReasonCode,
        scenario,
    },
};

fn lasting(version: Version, client_id: &str) -> Connect {
    let mut connect =
        Connect { client_id: client_id.into(), clean_start: false, ..scenario::connect(version) };
    if version == Version::V5 {
        connect.properties.push(Property::SessionExpiryInterval(600));
    }
    connect
}

fn will(room: &str, delay_s: u32) -> Will {
    Will {
        qos: Qos::AtLeastOnce,
        retain: false,
        topic: room.into(),
        payload: Bytes::from_static(b"I am gone"),
        properties: Properties::default().with(Property::WillDelayInterval(delay_s)),
    }
}

async fn resumed(lab: &Lab, version: Version, client_id: &str) -> (Client, bool) {
    let mut client = lab.dial(version);
    let connack = client.connect(lasting(version, client_id)).await;
    (client, connack.session_present)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_meanwhile_comes_from_the_log() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    for version in [Version::V4, Version::V5] {
        let name = format!("{version:?}");
        let (mut client, present) = resumed(&lab, version, &name).await;
        assert!(!present);
        client.subscribe(&topic::chat(room), Qos::AtLeastOnce).await;
        while client.event().await.kind != Kind::Join {}
        let mut talker = lab.client(Version::V5, "talker").await;
        talker.say(room, "before").await;
        assert_eq!(client.chats(1).await[0].1, "before");
        client.quiet().await;
        drop(client);
        for n in 0..300 {
            talker.say(room, &format!("meanwhile {n}")).await;
        }
        let (mut client, present) = resumed(&lab, version, &name).await;
        assert!(present);
        talker.say(room, "after").await;
        let heard: Vec<String> =
            client.chats(301).await.into_iter().map(|(_, text)| text).collect();
        assert!(heard[..300].iter().enumerate().all(|(n, t)| *t == format!("meanwhile {n}")));
        assert_eq!(heard[300], "after");
        client.disconnect().await;
        talker.disconnect().await;
    }
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_takes_over_and_another_identity_does_not() {
    let lab = Lab::open(|_| {}).await;
    let mut first = lab.client(Version::V5, "same").await;
    let browser = crate::chat::Identity::browser(crate::chat::Uid::from_entropy([5; 16]));
    let address = std::net::IpAddr::from([192, 0, 2, 7]);
    let peer = crate::mqtt::Peer::websocket(address, Some(browser));
    let mut stranger = lab.dial_from(Version::V5, peer);
    let connect = Connect { client_id: "same".into(), ..scenario::connect(Version::V5) };
    assert_eq!(stranger.connect(connect).await.code, ReasonCode::Success);
    first.quiet().await;
    let mut second = lab.client(Version::V5, "same").await;
    let Packet::Disconnect(told) = first.next().await else { panic!() };
    assert_eq!(told.code, ReasonCode::SessionTakenOver);
    second.quiet().await;
    stranger.quiet().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_changes_hands_all_the_time_is_slowed_down() {
    let lab = Lab::open(|_| {}).await;
    let mut refused = None;
    for _ in 0..50 {
        let mut client = lab.dial(Version::V5);
        let connack = client.connect(scenario::connect(Version::V5)).await;
        if connack.code != ReasonCode::Success {
            refused = Some(connack.code);
            break;
        }
        tokio::spawn(async move { while client.try_next().await.is_some() {} });
    }
    assert_eq!(refused, Some(ReasonCode::ConnectionRateExceeded));
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_will_is_a_message_like_any_other() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut reader = lab.client(Version::V5, "reader").await;
    reader.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    for (client_id, polite) in [("lost", false), ("polite", true)] {
        let mut client = lab.dial(Version::V5);
        let will = Some(will(&topic::chat(room), 0));
        let connect =
            Connect { will, client_id: client_id.into(), ..scenario::connect(Version::V5) };
        assert_eq!(client.connect(connect).await.code, ReasonCode::Success);
        if polite { client.disconnect().await } else { drop(client) }
    }
    assert_eq!(reader.chats(1).await[0].1, "I am gone");
    reader.say(room, "last").await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_will_is_not_given_out_when_the_client_is_back() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut reader = lab.client(Version::V5, "reader").await;
    reader.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    let mut client = lab.dial(Version::V5);
    let will = Some(will(&topic::chat(room), 1));
    client.connect(Connect { will, ..lasting(Version::V5, "client") }).await;
    drop(client);
    let (mut client, _) = resumed(&lab, Version::V5, "client").await;
    client.say(room, "back").await;
    assert_eq!(reader.chats(1).await[0].1, "back");
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_will_that_is_not_allowed_is_refused_at_once() {
    let lab = Lab::open(|_| {}).await;
    let locked = lab.room(|draft| draft.password = Some("x".into())).await;
    for topic in ["rooms/000000000000", "$SYS/x", "sensors/a", &topic::chat(locked)] {
        let mut client = lab.dial(Version::V5);
        let connect = Connect { will: Some(will(topic, 0)), ..scenario::connect(Version::V5) };
        assert!(client.connect(connect).await.code.is_failure(), "{topic}");
    }
    lab.close().await;
}
