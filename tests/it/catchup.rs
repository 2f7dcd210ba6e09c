//! Clients behind a network that cuts, stalls, half-closes and delays them, who do as the page does:
//! connect again, ask over HTTP for what came after the last number, put all in order by `seq`. Each
//! sees the whole log, once.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, on_each_store, packet,
    packet::Reader as Body,
    proxy::{Fault, Proxy, Way},
    seeded::Seeded,
    visitor::{id_of, texts},
    websocket, within,
};

/// How long a client hears nothing before it takes the connection for dead.
const SILENCE: Duration = Duration::from_millis(500);

/// What a client has of a room: everything up to `seen`, and what came too early.
#[derive(Default)]
struct Log {
    ids: Vec<String>,
    early: BTreeMap<u64, String>,
}

impl Log {
    fn seen(&self) -> u64 {
        self.ids.len() as u64
    }

    fn take(&mut self, event: &Value) {
        let (seq, id) = (event["seq"].as_u64().unwrap(), event["id"].as_str().unwrap());
        if seq <= self.seen() {
            assert_eq!(self.ids[seq as usize - 1], id, "two events of number {seq}");
        } else {
            self.early.insert(seq, id.to_owned());
        }
        while let Some(next) = self.early.remove(&(self.seen() + 1)) {
            self.ids.push(next);
        }
    }
}

/// One client and its bad network.
struct Client {
    name: String,
    room: String,
    http: Visitor,
    proxy: Proxy,
    chance: Seeded,
    /// Events between two faults, at most.
    calm: usize,
    log: Log,
    connections: usize,
    /// The number of the last message, once that is known.
    last: watch::Receiver<Option<u64>>,
}

impl Client {
    async fn reads_everything(mut self) -> Self {
        while !self.has_all() {
            self.proxy.set(Way::Open);
            self.connections += 1;
            let Ok(stream) = tokio::net::TcpStream::connect(self.proxy.address).await else {
                continue;
            };
            let login = Login::v5(&self.name);
            let Ok(peer) = timeout(SILENCE * 10, Peer::on(stream, 5).log_in(&login)).await else {
                continue;
            };
            let mut peer = peer.expect("nobody refuses it");
            if timeout(SILENCE * 10, peer.join(&self.room)).await.is_ok() {
                self.listens(peer).await;
            }
        }
        self
    }

    /// Until the connection is at its end, dead, or no longer needed.
    async fn listens(&mut self, mut peer: Peer) {
        self.asks_for_the_rest().await;
        let mut until_fault = self.chance.between(10, self.calm);
        let mut live = 0;
        let mut held = peer.messages_so_far().into_iter();
        while !self.has_all() {
            let event = match held.next() {
                Some(message) => message.json(),
                None => match timeout(SILENCE, peer.packet()).await {
                    Ok(Some(packet)) if packet.kind == packet::PUBLISH => {
                        let (id, event) = event(&packet.body);
                        peer.send(&packet::frame(0x40, &id)).await;
                        event
                    }
                    Ok(Some(packet)) if packet.kind == packet::DISCONNECT => return,
                    Ok(Some(other)) => panic!("nobody asked for {other:?}"),
                    // The end; or nothing is said, or nothing gets through.
                    Ok(None) | Err(_) => return,
                },
            };
            let seq = event["seq"].as_u64().unwrap();
            assert!(seq > live, "{seq} after {live} on one connection");
            live = seq;
            self.log.take(&event);
            if !self.log.early.is_empty() {
                self.asks_for_the_rest().await;
            }
            until_fault -= 1;
            if until_fault == 0 {
                self.strikes();
                until_fault = self.chance.between(10, self.calm);
            }
        }
    }

    fn strikes(&mut self) {
        match self.chance.below(5) {
            0 | 1 => self.proxy.strike(Fault::Cut),
            2 => self.proxy.strike(Fault::HalfClose),
            3 => self.proxy.set(Way::Stalled),
            _ => self.proxy.set(Way::Slow(Duration::from_millis(3))),
        }
    }

    async fn asks_for_the_rest(&mut self) {
        loop {
            let path = format!("/room/{}/chats?after={}", self.room, self.log.seen());
            let page: Value = self.http.get(&path).await.json().await.unwrap();
            let chats = page["chats"].as_array().unwrap();
            chats.iter().for_each(|event| self.log.take(event));
            if chats.len() < 200 {
                return;
            }
        }
    }

    fn has_all(&self) -> bool {
        self.last.borrow().is_some_and(|last| self.log.seen() >= last)
    }
}

/// Packet id and event of a PUBLISH of QoS 1.
fn event(body: &[u8]) -> ([u8; 2], Value) {
    let mut body = Body(body);
    body.text();
    let id = body.number().to_be_bytes();
    body.properties();
    (id, serde_json::from_slice(body.rest()).unwrap())
}

async fn many_messages_over_bad_networks(store: Store) {
    let (clients, count) = match store {
        Store::Sqlite => (8, 10_000),
        Store::Mongo => (4, 800),
    };
    let count = std::env::var("PARLOR_TEST_MESSAGES").map_or(count, |many| many.parse().unwrap());
    let settings = [
        ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
        ("PARLOR_PRESENCE__GRACE_MS", "600000"),
        ("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
    ];
    let server = Server::with(store, &settings).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"keep": true, "max": 100})).await);
    let (end, last) = watch::channel(None);
    let mut chance = Seeded::new();
    let mut readers = Vec::new();
    for number in 0..clients {
        let client = Client {
            name: format!("client {number}"),
            room: room.clone(),
            http: Visitor::to(&server),
            proxy: Proxy::to(server.mqtt).await,
            chance: chance.branch(),
            calm: count / 8,
            log: Log::default(),
            connections: 0,
            last: last.clone(),
        };
        readers.push(tokio::spawn(client.reads_everything()));
    }
    let speakers = (0..4).map(|number| speak(&server, &room, number, count / 4));
    join_all(speakers).await;
    let newest = host.log(&room).await.last().unwrap()["seq"].as_u64().unwrap();
    end.send_replace(Some(newest));
    let whole = host.whole_log(&room).await;
    let mut connections = 0;
    for reader in readers {
        let reader = within("the end of a client", reader).await.unwrap();
        let ids: Vec<&str> = whole
            .iter()
            .map(|event| event["id"].as_str().unwrap())
            .take(reader.log.ids.len())
            .collect();
        assert_eq!(reader.log.ids, ids, "{} has what is stored, in order", reader.name);
        connections += reader.connections;
    }
    println!("{count} messages, {clients} clients, {connections} connections");
}

/// Says so much, a good deal of it at a time.
async fn speak(server: &Server, room: &str, number: usize, count: usize) {
    const WINDOW: usize = 32;
    let topic = format!("chat/{room}");
    let mut peer = Peer::connect(server, &Login::v5(&format!("speaker {number}"))).await;
    let (mut said, mut settled) = (0, 0);
    while settled < count {
        while said < count && said - settled < WINDOW {
            said += 1;
            let id = (said as u16 | 1 << 15).to_be_bytes();
            let text = format!("{number}: {said}");
            peer.send(&peer.publication(0x32, &topic, id, text.as_bytes())).await;
        }
        let answer = peer.packet().await.expect("an answer");
        assert_eq!((answer.kind, answer.body.len()), (packet::PUBACK, 2), "{answer:?}");
        settled += 1;
    }
    peer.disconnect().await;
}

on_each_store!(
    many_messages_over_bad_networks,
    a_room_that_was_silent_is_caught_up_with_twice,
    who_was_banned_meanwhile_gets_nothing,
);

async fn a_room_that_was_silent_is_caught_up_with_twice(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let since = packet::user_property("since", "0");
    for round in 0..3 {
        for _ in 0..2 {
            let mut peer = Peer::connect(&server, &Login::v5("patient").lasting()).await;
            let code = peer.subscribe_with(&format!("chat/{room}"), 1, &since).await;
            assert_eq!(code, 1);
            assert_eq!(peer.event().await["type"], "join", "its own, and the only one");
            peer.ping().await;
            assert!(peer.messages_so_far().is_empty());
        }
        if round < 2 {
            server.kill().await;
            server.again().await;
        }
    }
    let mut peer = Peer::connect(&server, &Login::v5("patient").lasting()).await;
    assert!(peer.resumed);
    assert_eq!(host.say(&room, "at last").await["seq"], 2);
    assert_eq!(peer.event_of("chat").await["seq"], 2);
    assert_eq!(host.whole_log(&room).await.len(), 2);
}

async fn who_was_banned_meanwhile_gets_nothing(store: Store) {
    let server = Server::start(store).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let (topic, path) = (format!("chat/{room}"), format!("/room/{room}/chats?after=1"));
    let mut page = websocket::page(&server, &guest, "page").await;
    let mut device = Peer::connect(&server, &Login::v5("device").lasting()).await;
    page.join(&room).await;
    device.join(&room).await;
    let people = host.occupants(&room).await;
    drop((page, device));
    for person in &people {
        let ban = json!({"uid": person["uid"], "ban": true});
        assert_eq!(host.post(&format!("/room/{room}/kick"), ban).await.status(), 204);
    }
    host.say(&room, "among us").await;
    assert_eq!(guest.get(&path).await.status(), 403);
    let since = packet::user_property("since", "0");
    let mut page = websocket::page(&server, &guest, "page").await;
    let mut device = Peer::connect(&server, &Login::v5("device").lasting()).await;
    for banned in [&mut page, &mut device] {
        assert_eq!(banned.subscribe_with(&topic, 1, &since).await, 0x87);
        assert_eq!(banned.subscribe("chat/+").await, 1);
        host.say(&room, "still among us").await;
        assert_eq!(banned.subscribe("rooms/+").await, 1);
        banned.ping().await;
        let heard = banned.messages_so_far();
        assert!(heard.iter().all(|message| message.topic.starts_with("rooms/")), "{heard:?}");
    }
    assert_eq!(texts(&host.chats(&room).await).len(), 3);
}
