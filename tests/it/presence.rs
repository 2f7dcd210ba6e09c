//! Who is in a room: exact after joins, tabs, drops and races; and what happens when nobody is.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images, on_each_store, until,
    visitor::{id_of, texts},
    websocket,
};

const LONG_GRACE: (&str, &str) = ("PARLOR_PRESENCE__GRACE_MS", "600000");
const SHORT_GRACE: (&str, &str) = ("PARLOR_PRESENCE__GRACE_MS", "200");

/// Waits until the server has noticed how many connections the room's occupants have.
async fn connections(host: &Visitor, room: &str, wanted: &[u64]) {
    until("the right number of connections", || async {
        let occupants = host.occupants(room).await;
        let counts = occupants.iter().map(|who| who["connections"].as_u64().unwrap());
        counts.collect::<Vec<_>>() == wanted
    })
    .await;
}

/// The types of a room's events, in order.
fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

on_each_store!(
    the_last_to_leave_takes_the_room_along,
    a_lost_connection_keeps_its_place_for_the_grace,
    a_lost_connection_leaves_after_the_grace,
    three_tabs_are_one_occupant,
    a_race_for_the_last_places_has_exact_winners,
    a_room_that_nobody_enters_goes_by_itself,
    a_device_announces_its_own_death,
);

async fn the_last_to_leave_takes_the_room_along(store: Store) {
    let server = Server::with(store, &[LONG_GRACE]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({})).await);
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    lobby.subscribe("rooms/+").await;
    let mut one = Peer::connect(&server, &Login::v5("one")).await;
    let mut two = Peer::connect(&server, &Login::v4("two")).await;
    one.join(&room).await;
    two.join(&room).await;
    assert_eq!(one.publish(&format!("chat/{room}"), images::gif()).await, 0);
    let gif = one.event_of("chat").await["gif"].clone();
    one.unsubscribe(&format!("chat/{room}")).await;
    let exit = two.event_of("exit").await;
    assert_eq!(exit["occupancy"], 1, "unsubscribing is leaving");
    let folder = server.images(&room);
    assert!(folder.exists());
    two.disconnect().await;
    loop {
        let card = lobby.message().await;
        if card.payload.is_empty() {
            assert_eq!(card.topic, format!("rooms/{room}"));
            break;
        }
    }
    assert_eq!(host.get(&format!("/room/{room}")).await.status(), 404);
    assert_eq!(host.get(&format!("/room/{room}/chats")).await.status(), 404);
    assert_eq!(host.get(&format!("/gif/{}", gif.as_str().unwrap())).await.status(), 404);
    until("the images to go", || async { !folder.exists() }).await;
    let mut late = Peer::connect(&server, &Login::v5("late")).await;
    late.subscribe("rooms/+").await;
    let next = host.create(json!({})).await;
    assert_eq!(late.message().await.json(), next, "no card of the old room is left");
}

async fn a_lost_connection_keeps_its_place_for_the_grace(store: Store) {
    let server = Server::with(store, &[LONG_GRACE]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({})).await);
    for login in [Login::v5("device"), Login::v4("device")] {
        let mut lost = Peer::connect(&server, &login).await;
        lost.join(&room).await;
        connections(&host, &room, &[1]).await;
        drop(lost);
        connections(&host, &room, &[0]).await;
        let card: Value = host.get(&format!("/room/{room}")).await.json().await.unwrap();
        assert_eq!(card["occupancy"], 1);
    }
    let mut back = Peer::connect(&server, &Login::v5("device")).await;
    back.join(&room).await;
    host.say(&room, "the end").await;
    assert_eq!(kinds(&host.log(&room).await), ["join", "chat"], "one join, no exit");
}

async fn a_lost_connection_leaves_after_the_grace(store: Store) {
    let server = Server::with(store, &[SHORT_GRACE]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({})).await);
    let mut stays = Peer::connect(&server, &Login::v5("stays")).await;
    stays.join(&room).await;
    let mut lost = Peer::connect(&server, &Login::v5("lost")).await;
    lost.join(&room).await;
    drop(lost);
    let exit = stays.event_of("exit").await;
    assert_eq!((&exit["occupancy"], &exit["user"]), (&json!(1), &json!("system")));
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    lobby.subscribe("rooms/+").await;
    drop(stays);
    while !lobby.message().await.payload.is_empty() {}
    assert_eq!(host.get(&format!("/room/{room}")).await.status(), 404);
}

async fn three_tabs_are_one_occupant(store: Store) {
    let server = Server::with(store, &[LONG_GRACE]).await;
    let (host, guest) = (Visitor::to(&server), Visitor::to(&server));
    let room = host.lasting_room().await;
    let mut watcher = Peer::connect(&server, &Login::v5("watcher")).await;
    watcher.join(&room).await;
    let mut tabs = Vec::new();
    for name in ["tab 1", "tab 2", "tab 3"] {
        let mut tab = websocket::page(&server, &guest, name).await;
        tab.join(&room).await;
        tabs.push(tab);
    }
    let occupants = host.occupants(&room).await;
    let mut counts: Vec<_> = occupants.iter().map(|who| who["connections"].clone()).collect();
    counts.sort_by_key(Value::as_u64);
    assert_eq!(counts, [1, 3]);
    drop(tabs.pop());
    tabs.pop().unwrap().disconnect().await;
    host.say(&room, "two of three are gone").await;
    let heard = watcher.events_until("two of three are gone").await;
    assert_eq!(kinds(&heard), ["join", "join", "chat"]);
    tabs.pop().unwrap().disconnect().await;
    // One tab was lost, not left: only leaving by the button says that it will not be back.
    let left = guest.ask(Method::POST, &format!("/room/{room}/leave")).send().await.unwrap();
    assert_eq!(left.status(), 204);
    let exit = watcher.event_of("exit").await;
    assert_eq!(exit["occupancy"], 1);
    host.say(&room, "the end").await;
    assert_eq!(kinds(&watcher.events_until("the end").await), ["chat"]);
}

async fn a_race_for_the_last_places_has_exact_winners(store: Store) {
    const RACERS: usize = 64;
    const PLACES: usize = 20;
    let server = Server::start(store).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"max": PLACES, "keep": true})).await);
    let racers = (0..RACERS).map(|number| {
        let (login, server) = (Login::v5(&format!("racer {number}")), &server);
        async move { Peer::connect(server, &login).await }
    });
    let mut racers = join_all(racers).await;
    let topic = format!("chat/{room}");
    let answers = join_all(racers.iter_mut().map(|racer| racer.subscribe(&topic))).await;
    let won = answers.iter().filter(|code| **code == 1).count();
    let full = answers.iter().filter(|code| **code == 0x97).count();
    assert_eq!((won, full), (PLACES, RACERS - PLACES), "{answers:?}");
    assert_eq!(host.occupants(&room).await.len(), PLACES);
    until("all joins to be in the log", || async { host.log(&room).await.len() == PLACES }).await;
    let joins: Vec<Value> = host.log(&room).await;
    let counted: Vec<u64> = joins.iter().map(|join| join["occupancy"].as_u64().unwrap()).collect();
    assert_eq!(counted, (1..=PLACES as u64).collect::<Vec<_>>());
    // A place that is given up is there for the next, and only one.
    let winner = answers.iter().position(|code| *code == 1).unwrap();
    racers.remove(winner).disconnect().await;
    let mut rest: Vec<&mut Peer> = racers.iter_mut().collect();
    let answers = join_all(rest.iter_mut().map(|racer| racer.subscribe(&topic))).await;
    assert_eq!(answers.iter().filter(|code| **code == 1).count(), PLACES, "{answers:?}");
}

async fn a_room_that_nobody_enters_goes_by_itself(store: Store) {
    let server = Server::with(store, &[("PARLOR_PRESENCE__UNENTERED_MS", "200")]).await;
    let host = Visitor::to(&server);
    let mut lobby = Peer::connect(&server, &Login::v5("lobby")).await;
    lobby.subscribe("rooms/+").await;
    let room = id_of(&host.create(json!({})).await);
    let kept = host.lasting_room().await;
    let gone = loop {
        let card = lobby.message().await;
        if card.payload.is_empty() {
            break card.topic;
        }
    };
    assert_eq!(gone, format!("rooms/{room}"));
    assert_eq!(host.get(&format!("/room/{kept}")).await.status(), 200);
}

async fn a_device_announces_its_own_death(store: Store) {
    let server = Server::with(store, &[SHORT_GRACE]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut listener = Peer::connect(&server, &Login::v5("listener")).await;
    listener.join(&room).await;
    let topic = format!("chat/{room}");
    for login in [Login::v5("device"), Login::v4("device")] {
        let login = login.will(&topic, "I am dead");
        drop(Peer::connect(&server, &login).await);
        let said = listener.event_of("chat").await;
        assert_eq!(said["chat"], "I am dead");
        Peer::connect(&server, &login).await.disconnect().await;
    }
    host.say(&room, "the end").await;
    let heard = listener.events_until("the end").await;
    assert_eq!(texts(&heard), ["the end"], "who leaves on purpose is not dead");
}
