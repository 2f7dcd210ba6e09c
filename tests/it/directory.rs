//! The retained cards are the truth: after a storm of joins, after a kill, after many rooms have come
//! and gone; and a room that is gone has none.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, on_each_store, peer::Message, seeded::Seeded, until,
    visitor::id_of, within,
};

on_each_store!(
    the_last_card_after_a_storm_is_true,
    the_directory_after_a_kill_is_what_the_store_has,
    who_hears_that_a_room_is_gone_does_not_find_its_card,
);

async fn the_last_card_after_a_storm_is_true(store: Store) {
    const CLIENTS: usize = 100;
    let settings = [
        ("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
        ("PARLOR_PRESENCE__GRACE_MS", "1"),
        ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
    ];
    let server = Server::with(store, &settings).await;
    let host = Visitor::to(&server);
    let mut rooms = Vec::new();
    for _ in 0..4 {
        rooms.push(id_of(&host.create(json!({"keep": true, "max": 30})).await));
    }
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    lobby.subscribe("rooms/+").await;
    let mut chance = Seeded::new();
    let storm = (0..CLIENTS).map(|number| {
        let (server, rooms, mut chance) = (&server, &rooms, chance.branch());
        async move {
            let login = Login::v5(&format!("client {number}"));
            let mut peer = Peer::connect(server, &login).await;
            for _ in 0..4 {
                let topic = format!("chat/{}", chance.pick(rooms));
                let code = peer.subscribe(&topic).await;
                assert!([1, 0x97].contains(&code), "{code:#x}");
                match chance.below(3) {
                    0 => peer.unsubscribe(&topic).await,
                    1 => {
                        drop(peer);
                        peer = Peer::connect(server, &login).await;
                    }
                    _ => {}
                }
            }
            peer
        }
    });
    let peers = within("the end of the storm", join_all(storm)).await;
    for room in &rooms {
        let connected = async || {
            let occupants = host.occupants(room).await;
            occupants.iter().all(|one| one["connections"].as_u64() > Some(0))
        };
        until("everybody who was lost has left", connected).await;
        let count = host.occupants(room).await.len();
        let mut last = json!(null);
        let what = format!("a card that says {count}");
        within(&what, async {
            while last["occupancy"] != count {
                let card = lobby.message().await;
                if card.topic == format!("rooms/{room}") {
                    last = card.json();
                }
            }
        })
        .await;
        until("the log says the same", async || {
            let log = host.log(room).await;
            log.last().map_or(0, |event| event["occupancy"].as_u64().unwrap()) as usize == count
        })
        .await;
        newcomers_are_told(&server, room, count).await;
        // The lobby starts over for the next room: what it has read is behind it.
        lobby = Peer::connect(&server, &Login::v5("lobby")).await;
        lobby.subscribe("rooms/+").await;
    }
    drop(peers);
}

/// A card that was on its way may come first; the last one is true.
async fn newcomers_are_told(server: &Server, room: &str, occupancy: usize) {
    let mut late = Peer::connect(server, &Login::v5("late")).await;
    late.subscribe(&format!("rooms/{room}")).await;
    within("the retained card", async {
        while late.message().await.json()["occupancy"] != occupancy {}
    })
    .await;
}

async fn the_directory_after_a_kill_is_what_the_store_has(store: Store) {
    let mut server = Server::start(store).await;
    let host = Visitor::to(&server);
    let mut kept = Vec::new();
    for number in 0..20 {
        let wish = json!({"keep": true, "title": format!("room {number}")});
        kept.push(id_of(&host.create(wish).await));
    }
    for room in kept.split_off(15) {
        assert_eq!(host.delete(&format!("/room/{room}")).await.status(), 204);
    }
    for room in &kept[..5] {
        let change = host.ask(Method::PATCH, &format!("/room/{room}"));
        let change = change.json(&json!({"title": "renamed", "max": 7})).send().await.unwrap();
        assert_eq!(change.status(), 200);
    }
    let before = rooms_of(&host).await;
    assert_eq!(before.keys().collect::<BTreeSet<_>>(), kept.iter().collect());
    // The cards of the last changes are on their way for a moment.
    until("the directory is what the server has", async || directory(&server).await == before)
        .await;
    server.kill().await;
    server.again().await;
    assert_eq!(rooms_of(&host).await, before);
    until("the directory is what it was", async || directory(&server).await == before).await;
}

/// Every room as HTTP tells it, which is what the bridge has.
async fn rooms_of(host: &Visitor) -> BTreeMap<String, Value> {
    let lobby: Value = host.get("/").await.json().await.unwrap();
    let rooms = lobby["rooms"].as_array().unwrap().iter();
    rooms.map(|card| (card["id"].as_str().unwrap().to_owned(), card.clone())).collect()
}

/// Every retained card, by room: all that comes before what is asked for next.
async fn directory(server: &Server) -> BTreeMap<String, Value> {
    const LAST: &str = "$SYS/broker/version";
    let mut late = Peer::connect(server, &Login::v5("late")).await;
    late.subscribe("rooms/+").await;
    late.subscribe(LAST).await;
    let mut cards = BTreeMap::new();
    loop {
        let message = late.message().await;
        if message.topic == LAST {
            late.disconnect().await;
            return cards;
        }
        take(&mut cards, &message);
    }
}

fn take(cards: &mut BTreeMap<String, Value>, card: &Message) {
    let room = card.topic.strip_prefix("rooms/").expect("a card").to_owned();
    match card.payload.is_empty() {
        true => drop(cards.remove(&room)),
        false => drop(cards.insert(room, card.json())),
    }
}

/// The directory follows the store: asks until it has so many cards.
async fn directory_of(server: &Server, count: usize) -> BTreeMap<String, Value> {
    let mut cards = directory(server).await;
    let what = format!("{count} cards");
    within(&what, async {
        while cards.len() != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
            cards = directory(server).await;
        }
    })
    .await;
    cards
}

async fn who_hears_that_a_room_is_gone_does_not_find_its_card(store: Store) {
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let mut asker = Peer::connect(&server, &Login::v5("asker")).await;
    for round in 0..20 {
        let room = host.lasting_room().await;
        let mut guest = Peer::connect(&server, &Login::v5("guest")).await;
        guest.join(&room).await;
        let path = format!("/room/{room}");
        let removed = host.delete(&path);
        let (farewell, removed) = tokio::join!(guest.event_of("removeRoom"), removed);
        assert_eq!((farewell["occupancy"].as_u64(), removed.status().as_u16()), (Some(0), 204));
        asker.subscribe(&format!("rooms/{room}")).await;
        asker.ping().await;
        let found = asker.messages_so_far();
        assert!(found.is_empty(), "round {round}: {found:?}");
    }
}

#[tokio::test]
async fn thousands_of_rooms_come_and_go_and_the_directory_is_right() {
    const VISITORS: usize = 20;
    const ROOMS: usize = 100;
    let settings = [
        ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
        ("PARLOR_LIMITS__ROOMS_PER_MINUTE", "0"),
        ("PARLOR_ROOMS__PER_IDENTITY", "0"),
    ];
    let mut server = Server::with(Store::Sqlite, &settings).await;
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    lobby.subscribe("rooms/+").await;
    let heard = tokio::spawn(async move {
        let mut cards = BTreeMap::new();
        while !cards.values().any(|card: &Value| card["title"] == "the last") {
            take(&mut cards, &lobby.message().await);
        }
        cards
    });
    let visits = (0..VISITORS).map(|number| {
        let visitor = Visitor::to(&server);
        async move {
            for room in 0..ROOMS {
                let wish = json!({"keep": true, "title": format!("{number} {room}")});
                let room = id_of(&visitor.create(wish).await);
                if number % 2 == 0 {
                    let path = format!("/room/{room}");
                    assert_eq!(visitor.delete(&path).await.status(), 204);
                }
            }
        }
    });
    within("all visits", join_all(visits)).await;
    directory_of(&server, VISITORS / 2 * ROOMS).await;
    Visitor::to(&server).create(json!({"keep": true, "title": "the last"})).await;
    let cards = directory_of(&server, VISITORS / 2 * ROOMS + 1).await;
    assert_eq!(within("every card", heard).await.unwrap(), cards);
    server.kill().await;
    server.again().await;
    assert_eq!(directory_of(&server, cards.len()).await, cards);
}
