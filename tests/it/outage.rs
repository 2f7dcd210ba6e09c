//! The store goes away and comes back while everybody is there: killed, frozen, unreachable, silent,
//! slow, or its disk full. What needs no store goes on; who sends something is told; nothing that
//! was acknowledged is lost, nothing is doubled; nobody starts anything again.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    database::{self, Database},
    images,
    load::{Load, Said, say_again},
    packet,
    proxy::{Fault, Proxy, Way},
    until,
    visitor::{id_of, texts},
};

/// Messages in one commit; twice as many may wait.
const BATCH: usize = 8;
/// Posts at once: far more than may wait.
const FLOOD: usize = 60;

const SETTINGS: [(&str, &str); 3] = [
    ("PARLOR_STORE__BATCH", "8"),
    ("PARLOR_STORE__WAIT_MS", "1000"),
    ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
];

/// People in a room that is stored and in one that is not, who stay through everything.
struct Guests {
    host: Visitor,
    room: String,
    aside: String,
    /// In both rooms.
    listener: Peer,
    /// Keys whose post was answered with 201.
    acknowledged: BTreeSet<String>,
}

impl Guests {
    async fn arrive(server: &Server) -> Self {
        let host = Visitor::to(server);
        let room = host.lasting_room().await;
        let wish = json!({"keep": true, "offRecord": true});
        let aside = id_of(&host.create(wish).await);
        let mut listener = Peer::connect(server, &Login::v5("listener")).await;
        listener.join(&room).await;
        listener.join(&aside).await;
        Self { host, room, aside, listener, acknowledged: BTreeSet::new() }
    }

    /// Posts, and gives the status; 503 comes with the time to wait.
    async fn post(&self, room: &str, key: &str) -> u16 {
        let draft = json!({"chat": key, "key": key});
        let answer = self.host.post(&format!("/room/{room}/chat"), draft).await;
        let status = answer.status().as_u16();
        assert_eq!(status == 503, answer.headers().contains_key("retry-after"), "{answer:?}");
        status
    }

    async fn status(&self, path: &str) -> u16 {
        self.host.get(path).await.status().as_u16()
    }

    /// All is well.
    async fn are_served(&mut self, server: &Server, name: &str) {
        until("ready", async || self.status("/readyz").await == 200).await;
        let key = format!("{name}: all is well");
        assert_eq!(self.post(&self.room, &key).await, 201);
        assert_eq!(self.listener.events_until(&key).await.last().unwrap()["chat"], *key);
        self.acknowledged.insert(key);
        let mut newcomer = Peer::connect(server, &Login::v4("newcomer")).await;
        newcomer.join(&self.room).await;
        let key = format!("{name}: by MQTT");
        let draft = json!({"chat": key, "key": key}).to_string();
        assert_eq!(newcomer.publish(&format!("chat/{}", self.room), draft).await, 0);
        self.acknowledged.insert(key);
        newcomer.disconnect().await;
    }

    /// The store is away: what becomes of everything else.
    async fn are_told(&mut self, server: &Server, name: &str) {
        until("not ready", async || self.status("/readyz").await == 503).await;
        assert_eq!(self.status("/healthz").await, 200);
        assert_eq!(self.host.page("/", "en").await.status(), 200);
        let lobby: Value = self.host.get("/").await.json().await.unwrap();
        assert!(lobby["rooms"].as_array().unwrap().iter().any(|card| card["id"] == self.room));

        // What is stored can be read, or not now; nobody is left waiting.
        let log = self.status(&format!("/room/{}/chats", self.room)).await;
        assert!([200, 503].contains(&log), "{log}");

        // What is not stored needs no store.
        let aside = format!("{name}: aside");
        assert_eq!(self.post(&self.aside, &aside).await, 201);
        self.listener.events_until(&aside).await;
        let wish = json!({"title": "meanwhile", "max": 2, "offRecord": true});
        assert_eq!(self.host.post("/room", wish).await.status(), 201);

        // Who sends is told, at every door.
        let topic = format!("chat/{}", self.room);
        let older = Peer::connect(server, &Login::v4("older")).await;
        let mut newer = Peer::connect(server, &Login::v5("newer")).await;
        let ghost = json!({"title": "ghost", "max": 2, "keep": true});
        let impatient = self.host.ask(Method::POST, "/room").json(&ghost);
        let impatient = impatient.timeout(Duration::from_millis(100)).send();
        let (older, newer, flood, created, impatient) = tokio::join!(
            is_not_acknowledged(older, &topic),
            newer.publish(&topic, format!("{name}: 5")),
            join_all((0..FLOOD).map(|number| self.flood(name, number))),
            self.host.post("/room", ghost.clone()),
            impatient,
        );
        assert!(older, "3.1.1 has no word for it: the connection ends");
        assert_eq!(newer, 0x83, "the word that PUBACK has for it");
        assert_eq!(created.status(), 503);
        assert!(impatient.is_err(), "who does not wait has no answer");
        assert!(flood.iter().all(|status| *status == 503), "{flood:?}");
        self.listener.ping().await;
    }

    async fn flood(&self, name: &str, number: usize) -> u16 {
        self.post(&self.room, &flooded(name, number)).await
    }

    /// Images that are refused by a store that is away.
    async fn pictures_are_refused(&self, server: &Server) {
        let topic = format!("chat/{}", self.room);
        let cameras = (0..3 * BATCH).map(|number| {
            let topic = &topic;
            async move {
                let login = Login::v5(&format!("camera {number}"));
                Peer::connect(server, &login).await.publish(topic, images::gif()).await
            }
        });
        assert!(join_all(cameras).await.iter().all(|code| *code == 0x83));
    }

    /// Every image on the disk is in the log, and the other way round.
    async fn pictures_are_those_in_the_log(&self, server: &Server) {
        let log = self.log_is_whole().await;
        let said: BTreeSet<String> =
            log.iter().filter_map(|event| event["gif"].as_str().map(str::to_owned)).collect();
        let folder = server.images(&self.room);
        until("no image that nobody sees", async || {
            let kept = std::fs::read_dir(&folder).map_or(0, |files| files.count());
            kept == said.len()
        })
        .await;
    }

    /// The store is back: what was refused may be there, but no more than may wait; said again it
    /// is there once.
    async fn are_served_again(&mut self, server: &Server, name: &str) {
        self.are_served(server, &format!("{name} is over")).await;
        let log = self.log_is_whole().await;
        let all: BTreeSet<String> = (0..FLOOD).map(|number| flooded(name, number)).collect();
        let late = texts(&log).into_iter().filter(|text| all.contains(*text)).count();
        assert!(late <= 2 * BATCH, "{late} were kept in memory");
        let again = join_all((0..FLOOD).map(|number| self.flood(name, number))).await;
        assert!(again.iter().all(|status| *status == 201), "{again:?}");
        self.acknowledged.extend(all);
        self.log_is_whole().await;
        let lobby: Value = self.host.get("/").await.json().await.unwrap();
        let mut cards = lobby["rooms"].as_array().unwrap().iter();
        assert!(!cards.any(|card| card["title"] == "ghost"), "nobody has waited for that room");
    }

    async fn log_is_whole(&self) -> Vec<Value> {
        let log = self.host.whole_log(&self.room).await;
        let mut keys = BTreeSet::new();
        for (index, event) in log.iter().enumerate() {
            assert_eq!(event["seq"], index + 1, "contiguous");
            if let Some(key) = event["key"].as_str() {
                assert!(keys.insert(key.to_owned()), "{key} is there twice");
            }
        }
        let lost: Vec<&String> = self.acknowledged.difference(&keys).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        log
    }
}

fn flooded(name: &str, number: usize) -> String {
    format!("{name}: {number}")
}

/// Whether the connection ends without an acknowledgement.
async fn is_not_acknowledged(mut peer: Peer, topic: &str) -> bool {
    let publish = peer.publication(0x32, topic, [0, 1], b"from an older client");
    peer.send(&publish).await;
    loop {
        match peer.packet().await {
            None => return true,
            Some(packet) if packet.kind == packet::PUBACK => return false,
            Some(_) => {}
        }
    }
}

#[tokio::test]
async fn a_database_that_goes_and_comes_back_takes_nothing_along() {
    if crate::harness::mongo::is_skipped() {
        return;
    }
    let mut database = Database::start().await;
    let proxy = Proxy::to(([127, 0, 0, 1], database.port).into()).await;
    let uri = database::uri(proxy.address.port());
    let mut server = Server::at(&uri, &SETTINGS).await;
    let mut guests = Guests::arrive(&server).await;
    guests.are_served(&server, "at first").await;

    database.kill().await;
    guests.pictures_are_refused(&server).await;
    guests.are_told(&server, "killed").await;
    database.again().await;
    guests.are_served_again(&server, "killed").await;
    guests.pictures_are_those_in_the_log(&server).await;

    database.freeze().await;
    guests.are_told(&server, "frozen").await;
    database.thaw().await;
    guests.are_served_again(&server, "frozen").await;

    proxy.set(Way::Refusing);
    proxy.strike(Fault::Cut);
    guests.are_told(&server, "unreachable").await;
    proxy.set(Way::Open);
    guests.are_served_again(&server, "unreachable").await;

    proxy.set(Way::Stalled);
    guests.are_told(&server, "silent").await;
    proxy.set(Way::Open);
    guests.are_served_again(&server, "silent").await;

    proxy.set(Way::Slow(Duration::from_millis(30)));
    guests.are_served(&server, "slow").await;
    proxy.set(Way::Open);

    server.kill().await;
    server.again().await;
    guests.log_is_whole().await;
}

/// Whoever stops the server does not wait for a database that says nothing.
#[tokio::test]
async fn stopping_ends_in_time_while_the_database_is_frozen() {
    if crate::harness::mongo::is_skipped() {
        return;
    }
    let database = Database::start().await;
    let settings = [("PARLOR_SERVER__STOP_MS", "2000"), ("PARLOR_LIMITS__PUBLISH_PER_S", "0")];
    let mut server = Server::at(&database.uri(), &settings).await;
    let visitors = [Visitor::to(&server), Visitor::to(&server)];
    let room = visitors[0].lasting_room().await;
    let mut load = Load::start(&server, &visitors, &room).await;
    let mut said = Said::default();
    assert!(load.acknowledges(20, &mut said).await);
    database.freeze().await;
    server.tell_to_stop().await;
    let told = Instant::now();
    server.ended().await;
    let took = told.elapsed();
    assert!(took < Duration::from_secs(10), "stopping took {took:?}");
    let said = load.ends(said).await;
    database.thaw().await;
    server.again().await;
    let log = visitors[0].whole_log(&room).await;
    let keys: BTreeSet<&str> = log.iter().filter_map(|event| event["key"].as_str()).collect();
    assert!(said.acknowledged.iter().all(|key| keys.contains(key.as_str())));
    say_again(&server, &visitors, &room, &said).await;
    let log = visitors[0].whole_log(&room).await;
    assert_eq!(log.len(), said.acknowledged.len() + said.in_doubt.len());
}

/// A limit on the size of files is a disk that is full, and every system has it.
#[tokio::test]
async fn a_full_disk_is_an_outage_and_nothing_more() {
    let mut server = Server::with(Store::Sqlite, &SETTINGS).await;
    let mut guests = Guests::arrive(&server).await;
    for round in 0..3 {
        guests.are_served(&server, &format!("round {round}")).await;
        let log = server.data().join("parlor.db-wal").metadata().unwrap().len();
        limit_files_of(&server, &format!("{log}:unlimited")).await;
        let name = format!("full disk {round}");
        guests.are_told(&server, &name).await;
        // What is there can be read.
        guests.log_is_whole().await;
        limit_files_of(&server, "unlimited").await;
        guests.are_served_again(&server, &name).await;
    }
    server.kill().await;
    server.again().await;
    guests.log_is_whole().await;
}

async fn limit_files_of(server: &Server, limit: &str) {
    let id = server.id().to_string();
    let size = format!("--fsize={limit}");
    let set = Command::new("prlimit").args(["--pid", &id, &size]).status().await;
    assert!(set.expect("prlimit, of Debian's package util-linux").success());
}
