//! Rooms over MQTT: joining, speaking, leaving, watching.

use super::lab::{Lab, owner};
use crate::{
    bridge::Wish,
    chat::{Card, Identity, Kind, topic},
    mqtt::codec::{Packet, Qos, SubscribeOptions, Version},
    store::Page,
};

use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_says_everybody_in_the_room_hears_in_one_order() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut one = lab.client(Version::V5, "one").await;
    let mut other = lab.client(Version::V4, "other").await;
    assert_eq!(one.subscribe(&topic::chat(room), Qos::AtLeastOnce).await, 1);
    assert_eq!(other.subscribe(&topic::chat(room), Qos::AtMostOnce).await, 0);
    assert_eq!(other.event().await.kind, Kind::Join, "one's own join is part of it");
    for n in 0..50 {
        one.publish(&topic::chat(room), Qos::AtLeastOnce, &format!("a{n}")).await;
        other.publish(&topic::chat(room), Qos::AtMostOnce, &format!("b{n}")).await;
    }
    let heard = one.chats(100).await;
    assert_eq!(heard, other.chats(100).await);
    let seqs: Vec<u64> = heard.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (3..103).collect::<Vec<_>>());
    for who in ["a", "b"] {
        let own: Vec<_> = heard.iter().filter(|(_, text)| text.starts_with(who)).collect();
        assert!(own.iter().enumerate().all(|(n, (_, text))| *text == format!("{who}{n}")));
    }
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_message_is_in_the_store() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    for (version, qos) in [
        (Version::V4, Qos::AtLeastOnce),
        (Version::V5, Qos::AtLeastOnce),
        (Version::V5, Qos::ExactlyOnce),
    ] {
        let mut client = lab.client(version, "writer").await;
        let id = client.publish(&topic::chat(room), qos, "kept").await.unwrap();
        match (client.next().await, qos) {
            (Packet::PubAck(ack), Qos::AtLeastOnce) | (Packet::PubRec(ack), Qos::ExactlyOnce) => {
                assert_eq!(ack.packet_id, id);
                assert!(!ack.code.is_failure());
            }
            other => panic!("{other:?}"),
        }
        let newest = lab.store.page(room, Page::Newest, 1).await.unwrap();
        assert_eq!(newest[0].chat.as_deref(), Some("kept"));
        client.disconnect().await;
    }
    assert_eq!(lab.store.page(room, Page::Newest, 10).await.unwrap().len(), 3);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsubscribing_and_disconnecting_leave_at_once_and_a_lost_connection_does_not() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut stays = lab.client(Version::V5, "stays").await;
    stays.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    assert_eq!(stays.event().await.occupancy, Some(1));
    let mut one = lab.client(Version::V5, "one").await;
    one.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    assert_eq!(stays.event().await.occupancy, Some(2));
    one.unsubscribe(&topic::chat(room)).await;
    assert_eq!(stays.event().await.kind, Kind::Exit);
    one.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    assert_eq!(stays.event().await.kind, Kind::Join);
    one.disconnect().await;
    assert_eq!(stays.event().await.kind, Kind::Exit);

    let mut lost = lab.client(Version::V5, "lost").await;
    lost.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    assert_eq!(stays.event().await.kind, Kind::Join);
    drop(lost);
    let mut back = lab.client(Version::V5, "lost").await;
    back.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    back.say(room, "still here").await;
    let next = stays.event().await;
    assert_eq!(next.chat.as_deref(), Some("still here"), "neither exit nor join: {next:?}");
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_refused_by_its_reason() {
    let lab = Lab::open(|_| {}).await;
    let locked = lab.room(|draft| draft.password = Some("open sesame".into())).await;
    let full = lab.room(|draft| draft.max = 2).await;
    let mut others = Vec::new();
    for name in ["a", "b"] {
        let mut other = lab.client(Version::V5, name).await;
        other.subscribe(&topic::chat(full), Qos::AtMostOnce).await;
        others.push(other);
    }
    let absent = "chat/000000000000";
    for (version, expected) in
        [(Version::V5, [0x87, 0x97, 0x8F, 0x87]), (Version::V4, [0x80, 0x80, 0x80, 0x80])]
    {
        let mut client = lab.client(version, "guest").await;
        let filters = [&topic::chat(locked), &topic::chat(full), absent, "sensors/#"];
        for (filter, code) in filters.into_iter().zip(expected) {
            assert_eq!(client.subscribe(filter, Qos::AtLeastOnce).await, code, "{filter}");
        }
        client.quiet().await;
        client.disconnect().await;
    }
    let mut client = lab.client(Version::V5, "guest").await;
    assert_eq!(client.say(locked, "hello").await, 0x87);
    client.publish(absent, Qos::AtLeastOnce, "hello").await;
    let Packet::PubAck(ack) = client.next().await else { panic!() };
    assert_eq!(ack.code.value(), 0x90);
    assert_eq!(lab.bridge.card(full).unwrap().occupancy, 2);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_hears_what_it_may_and_is_no_occupant() {
    let lab = Lab::open(|_| {}).await;
    let open = lab.room(|_| {}).await;
    let locked = lab.room(|draft| draft.password = Some("open sesame".into())).await;
    for filter in ["chat/+", "chat/#", "$share/g/chat/+"] {
        let mut monitor = lab.client(Version::V5, "monitor").await;
        assert_eq!(monitor.subscribe(filter, Qos::AtMostOnce).await, 0);
        let who = Arc::new(owner());
        let secret = lab.bridge.member(&who, locked).unwrap();
        let draft = |text: &str| crate::chat::Draft::text(text, None, 100).unwrap();
        secret.post(draft("secret")).await.unwrap();
        let mut guest = lab.client(Version::V5, "guest").await;
        guest.say(open, "public").await;
        assert_eq!(monitor.event().await.chat.as_deref(), Some("public"), "{filter}");
        assert_eq!(lab.bridge.card(open).unwrap().occupancy, 0);
        monitor.quiet().await;
        monitor.disconnect().await;
        guest.disconnect().await;
    }
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_ends_ends_the_stream() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut guest = lab.client(Version::V5, "guest").await;
    guest.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    assert_eq!(guest.event().await.kind, Kind::Join);
    let who = Arc::new(owner());
    let rights = lab.bridge.owner(&who, room).unwrap();
    let wish = Wish { password: Some("locked now".into()), ..Wish::default() };
    rights.change(wish, super::lab::HOME).await.unwrap();
    let member = lab.bridge.member(&who, room).unwrap();
    let draft = crate::chat::Draft::text("secret", None, 100).unwrap();
    member.post(draft).await.unwrap();
    let mut witness = lab.client(Version::V5, "witness").await;
    witness.subscribe("rooms/+", Qos::AtMostOnce).await;
    while !serde_json::from_slice::<Card>(&witness.message().await.payload).unwrap().locked {}
    guest.quiet().await;
    assert_eq!(guest.subscribe(&topic::chat(room), Qos::AtMostOnce).await, 0x87);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_kicked_hears_it_and_nothing_more() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut guest = lab.client(Version::V5, "guest").await;
    guest.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    let uid = guest.event().await.uid;
    let who = Arc::new(owner());
    lab.bridge.owner(&who, room).unwrap().kick(uid, false).await.unwrap();
    assert_eq!(guest.event().await.kind, Kind::Kick);
    let member = lab.bridge.member(&who, room).unwrap();
    let draft = crate::chat::Draft::text("without you", None, 100).unwrap();
    member.post(draft).await.unwrap();
    guest.quiet().await;
    assert_eq!(guest.subscribe(&topic::chat(room), Qos::AtMostOnce).await, 0);
    while guest.event().await.kind != Kind::Join {}
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whisper_reaches_both_and_nobody_else() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut clients = Vec::new();
    for name in ["from", "to", "other"] {
        let mut client = lab.client(Version::V5, name).await;
        client.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
        while client.event().await.uid != Identity::anonymous(name).uid {}
        clients.push(client);
    }
    let mut monitor = lab.client(Version::V5, "monitor").await;
    monitor.subscribe("chat/#", Qos::AtMostOnce).await;
    let to = Identity::anonymous("to").uid;
    clients[0].publish(&topic::whisper(room, to), Qos::AtLeastOnce, "psst").await;
    clients[0].say(room, "aloud").await;
    let mut first = Vec::new();
    for client in &mut clients[1..] {
        first.push(client.chats(1).await.remove(0).1);
    }
    assert_eq!(first, ["psst", "aloud"]);
    assert_eq!(monitor.event().await.chat.as_deref(), Some("aloud"));
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_local_is_for_this_connection_only() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut one = lab.client(Version::V5, "one").await;
    let options = SubscribeOptions { no_local: true, ..SubscribeOptions::default() };
    one.ask(&topic::chat(room), options, &[]).await;
    one.suback().await;
    let mut other = lab.client(Version::V5, "other").await;
    other.subscribe(&topic::chat(room), Qos::AtMostOnce).await;
    for n in 0..20 {
        one.publish(&topic::chat(room), Qos::AtMostOnce, &format!("own {n}")).await;
    }
    assert_eq!(other.chats(20).await.len(), 20);
    other.say(room, "theirs").await;
    assert_eq!(one.chats(1).await[0].1, "theirs");
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_comes_first_then_what_is_said_without_hole_or_double() {
    let lab = Lab::open(|_| {}).await;
    let room = lab.room(|_| {}).await;
    let mut talker = lab.client(Version::V5, "talker").await;
    for n in 1..=500 {
        talker.publish(&topic::chat(room), Qos::AtLeastOnce, &n.to_string()).await;
    }
    for _ in 0..500 {
        talker.next().await;
    }
    for (property, from_the_end) in [(("since", "250"), None), (("history", "30"), Some(30))] {
        let newest = lab.store.page(room, Page::Newest, 1).await.unwrap()[0].seq.unwrap();
        let mut seq = from_the_end.map_or(251, |count| newest + 1 - count);
        let mut reader = lab.client(Version::V5, "reader").await;
        let options = SubscribeOptions { qos: Qos::AtLeastOnce, ..SubscribeOptions::default() };
        reader.ask(&topic::chat(room), options, &[property]).await;
        assert_eq!(reader.suback().await, 1);
        let talking = async {
            for n in 0..50 {
                talker.publish(&topic::chat(room), Qos::AtMostOnce, &format!("live {n}")).await;
            }
        };
        let reading = async {
            let event = reader.event().await;
            let first = event.seq.unwrap();
            // What the newest are is decided when they are read: some may be live ones by then.
            let exact = from_the_end.is_none();
            assert!(first == seq || (first > seq && !exact), "{property:?}: {first}, not {seq}");
            seq = first;
            loop {
                let event = reader.event().await;
                seq += 1;
                assert_eq!(event.seq, Some(seq), "{property:?}");
                if event.chat.as_deref() == Some("live 49") {
                    return;
                }
            }
        };
        tokio::join!(talking, reading);
        reader.disconnect().await;
    }
    lab.close().await;
}
