//! The end of the process, wanted and not, and what is there after it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images, on_each_store, packet,
    visitor::{id_of, texts},
    websocket, within,
};

/// A room's whole log.
async fn whole_log(host: &Visitor, room: &str) -> Vec<Value> {
    let mut log: Vec<Value> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event["seq"].as_u64().unwrap());
        let page = host.get(&format!("/room/{room}/chats?after={after}")).await;
        let page: Value = page.json().await.unwrap();
        match page["chats"].as_array().unwrap().as_slice() {
            [] => return log,
            more => log.extend_from_slice(more),
        }
    }
}

on_each_store!(
    sigterm_ends_it_in_order_under_open_connections,
    what_was_acknowledged_survives_a_kill_once_and_in_order,
    everybody_comes_back_without_a_second_join,
    who_does_not_come_back_has_left,
    sessions_grants_and_owners_outlive_the_process,
);

async fn sigterm_ends_it_in_order_under_open_connections(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut modern = Peer::connect(&server, &Login::v5("modern")).await;
    let mut older = Peer::connect(&server, &Login::v4("older")).await;
    let mut page = websocket::page(&server, &host, "page").await;
    let mut silent = Peer::silent(server.mqtt).await;
    let mut lobby = Peer::silent(server.http).await;
    for peer in [&mut modern, &mut older, &mut page] {
        peer.join(&room).await;
    }
    assert_eq!(modern.publish(&format!("chat/{room}"), "before the end").await, 0);
    let ended = server.stop().await;
    assert!(ended.success(), "{ended}");
    assert!(!server.log().contains("cut off"), "all ended by itself: {}", server.log());
    assert_eq!(modern.closed().await, Some(0x8B));
    assert_eq!(page.closed().await, Some(0x8B));
    assert_eq!(older.closed().await, None);
    silent.closed().await;
    lobby.closed().await;
    server.again().await;
    assert_eq!(texts(&host.chats(&room).await), ["before the end"]);
}

async fn what_was_acknowledged_survives_a_kill_once_and_in_order(store: Store) {
    const SENDERS: usize = 4;
    const ENOUGH: usize = 120;
    let mut server = Server::with(store, &[("PARLOR_LIMITS__PUBLISH_PER_S", "0")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let (acknowledged, mut acknowledgements) = mpsc::unbounded_channel();
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let mut peer = Peer::connect(&server, &Login::v5(&format!("sender {sender}"))).await;
        let (acknowledged, topic) = (acknowledged.clone(), topic.clone());
        senders.push(tokio::spawn(async move {
            for number in 0.. {
                let id = u16::try_from(number + 1).unwrap().to_be_bytes();
                let draft = draft(sender, number);
                let publish = peer.publication(0x32, &topic, id, draft.as_bytes());
                peer.send(&publish).await;
                // Until the connection is at its end: the last one has no answer.
                let Some(answer) = peer.packet().await else { return number };
                assert_eq!((answer.kind, &answer.body[..2]), (packet::PUBACK, &id[..]));
                assert!(answer.body.get(2).is_none_or(|code| *code == 0), "{answer:?}");
                acknowledged.send(key(sender, number)).unwrap();
            }
            unreachable!()
        }));
    }
    drop(acknowledged);
    let mut sure = BTreeSet::new();
    while sure.len() < ENOUGH {
        sure.insert(within("an acknowledgement", acknowledgements.recv()).await.unwrap());
    }
    server.kill().await;
    while let Some(key) = acknowledgements.recv().await {
        sure.insert(key);
    }
    let tried: Vec<usize> =
        join_all(senders).await.into_iter().map(|sender| sender.unwrap()).collect();

    server.again().await;
    let log = whole_log(&host, &room).await;
    let mut times_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, event) in log.iter().enumerate() {
        assert_eq!(event["seq"], index + 1, "contiguous");
        *times_of.entry(event["key"].as_str().unwrap()).or_default() += 1;
    }
    assert!(times_of.values().all(|times| *times == 1), "{times_of:?}");
    for key in &sure {
        assert!(times_of.contains_key(key.as_str()), "{key} was acknowledged and is lost");
    }

    // Who is in doubt sends the last ones again: nothing is doubled, nothing is missing.
    for (sender, tried) in tried.iter().enumerate() {
        let mut peer = Peer::connect(&server, &Login::v5(&format!("sender {sender}"))).await;
        for number in tried.saturating_sub(3)..=*tried {
            assert_eq!(peer.publish(&topic, draft(sender, number)).await, 0);
        }
    }
    let mut expected = Vec::new();
    for (sender, tried) in tried.iter().enumerate() {
        expected.extend((0..=*tried).map(|number| key(sender, number)));
    }
    let log = whole_log(&host, &room).await;
    let mut keys: Vec<&str> = log.iter().map(|event| event["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

async fn everybody_comes_back_without_a_second_join(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"password": "p"})).await);
    let login = Login::v5("device").user(&format!("room:{room}"), "p");
    let mut device = Peer::connect(&server, &login).await;
    let mut page = websocket::page(&server, &host, "page").await;
    device.join(&room).await;
    page.join(&room).await;
    assert_eq!(device.publish(&format!("chat/{room}"), images::gif()).await, 0);
    server.kill().await;
    device.closed().await;

    server.again().await;
    assert_eq!(host.occupants(&room).await.len(), 2, "they have a while to come back");
    let mut device = Peer::connect(&server, &login).await;
    let mut page = websocket::page(&server, &host, "page").await;
    device.join(&room).await;
    page.join(&room).await;
    assert_eq!(page.publish(&format!("chat/{room}"), "back").await, 0);
    assert_eq!(texts(&device.events_until("back").await), ["back"]);
    let log = host.log(&room).await;
    let kinds: Vec<&str> = log.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["join", "join", "chat", "chat"]);
    let gif = host.get(&format!("/gif/{}", log[2]["gif"].as_str().unwrap())).await;
    assert_eq!(gif.bytes().await.unwrap(), images::gif());
}

async fn who_does_not_come_back_has_left(store: Store) {
    let mut server = Server::with(store, &[("PARLOR_PRESENCE__RESTART_MS", "2000")]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"keep": false})).await);
    let mut stays = Peer::connect(&server, &Login::v5("stays")).await;
    let mut goes = Peer::connect(&server, &Login::v5("goes")).await;
    stays.join(&room).await;
    goes.join(&room).await;
    // A join counts when it is in the log, and then it is told: the second one, which may come
    // after the first.
    while goes.event_of("join").await["occupancy"] != 2 {}
    server.kill().await;
    server.again().await;
    let mut stays = Peer::connect(&server, &Login::v5("stays")).await;
    stays.join(&room).await;
    let exit = stays.event_of("exit").await;
    assert_eq!((&exit["occupancy"], &exit["seq"]), (&json!(1), &json!(3)));
    assert_eq!(host.occupants(&room).await.len(), 1);
}

async fn sessions_grants_and_owners_outlive_the_process(store: Store) {
    let mut server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = id_of(&host.create(json!({"password": "p", "keep": true})).await);
    let enter = guest.post(&format!("/room/{room}/enter"), json!({"password": "p"})).await;
    assert_eq!(enter.status(), 200);
    let before = guest.say(&room, "before").await;
    server.kill().await;
    server.again().await;
    let after = guest.say(&room, "after").await;
    assert_eq!(before["uid"], after["uid"]);
    assert_eq!(after["seq"], before["seq"].as_u64().unwrap() + 1);
    assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
}

fn key(sender: usize, number: usize) -> String {
    format!("{sender}-{number:05}")
}

fn draft(sender: usize, number: usize) -> String {
    let key = key(sender, number);
    json!({"chat": format!("message {key}"), "key": key}).to_string()
}
