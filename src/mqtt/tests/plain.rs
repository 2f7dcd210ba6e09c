//! The directory, `$SYS`, and what the configuration opens.

use std::net::IpAddr;

use super::lab::Lab;
use crate::{
    chat::{Card, topic},
    mqtt::{
        Peer,
        codec::{Connect, Packet, Properties, Property, Publish, Qos, Version},
        reason::ReasonCode,
        scenario,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_there_for_everybody_and_follows_changes() {
    let lab = Lab::open(|config| config.rooms.per_identity = 0).await;
    let mut rooms = Vec::new();
    for _ in 0..150 {
        rooms.push(lab.room(|_| {}).await);
    }
    rooms.sort();
    for (filter, qos) in [("rooms/+", Qos::AtMostOnce), ("rooms/#", Qos::AtLeastOnce)] {
        let mut client = lab.client(Version::V4, "lobby").await;
        client.subscribe(filter, qos).await;
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < rooms.len() {
            let card: Card = serde_json::from_slice(&client.message().await.payload).unwrap();
            seen.insert(card.id);
        }
        assert!(seen.into_iter().eq(rooms.iter().copied()));
        client.disconnect().await;
    }
    let mut client = lab.client(Version::V4, "lobby").await;
    client.subscribe(&topic::card(rooms[0]), Qos::AtMostOnce).await;
    let first = client.message().await;
    assert!(first.retain);
    let mut guest = lab.client(Version::V4, "guest").await;
    guest.subscribe(&topic::chat(rooms[0]), Qos::AtMostOnce).await;
    let card: Card = serde_json::from_slice(&client.message().await.payload).unwrap();
    assert_eq!(card.occupancy, 1);
    let who = std::sync::Arc::new(super::lab::owner());
    lab.bridge.owner(&who, rooms[0]).unwrap().close().await.unwrap();
    while !client.message().await.payload.is_empty() {}
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_tells_its_own_machine_about_itself() {
    let lab = Lab::open(|_| {}).await;
    let mut local = lab.dial_from(Version::V4, Peer::tcp(IpAddr::from([127, 0, 0, 1])));
    local.connect(scenario::connect(Version::V4)).await;
    assert_eq!(local.subscribe("$SYS/broker/clients/connected", Qos::AtMostOnce).await, 0);
    while local.message().await.payload != "1" {}
    let mut remote = lab.client(Version::V5, "remote").await;
    assert_eq!(remote.subscribe("$SYS/#", Qos::AtMostOnce).await, 0x87);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_topics_are_plain_mqtt_with_queues_for_those_away() {
    let lab = Lab::open(|config| config.topics.open = vec!["sensors/#".into()]).await;
    let lasting = |present: bool| {
        (
            present,
            Connect {
                client_id: "away".into(),
                clean_start: false,
                properties: Properties::default().with(Property::SessionExpiryInterval(600)),
                ..scenario::connect(Version::V5)
            },
        )
    };
    let mut client = lab.dial(Version::V5);
    client.connect(lasting(false).1).await;
    assert_eq!(client.subscribe("sensors/+", Qos::ExactlyOnce).await, 2);
    drop(client);
    let mut sender = lab.client(Version::V5, "sender").await;
    loop {
        sender.publish("sensors/a", Qos::AtMostOnce, "not kept").await;
        sender.quiet().await;
        if lab.edge.0.sessions.away() == 1 {
            break;
        }
    }
    for (packet_id, text) in [(101, "first"), (102, "second")] {
        let publish = Publish {
            topic: "sensors/a".into(),
            retain: true,
            payload: text.as_bytes().to_vec().into(),
            ..scenario::publish(Qos::AtLeastOnce, packet_id)
        };
        sender.send(Packet::Publish(publish)).await;
        assert!(matches!(sender.next().await, Packet::PubAck(_)));
    }
    let mut client = lab.dial(Version::V5);
    let connack = client.connect(lasting(true).1).await;
    assert_eq!((connack.code, connack.session_present), (ReasonCode::Success, true));
    for expected in ["first", "second"] {
        let message = client.message().await;
        assert_eq!(
            (message.payload.as_ref(), message.qos),
            (expected.as_bytes(), Qos::AtLeastOnce)
        );
        assert!(!message.retain, "it is no retained replay");
    }
    client.quiet().await;
    let mut late = lab.client(Version::V4, "late").await;
    late.subscribe("sensors/#", Qos::AtMostOnce).await;
    let message = late.message().await;
    assert_eq!((message.payload.as_ref(), message.retain), (&b"second"[..], true));
    lab.close().await;
}
