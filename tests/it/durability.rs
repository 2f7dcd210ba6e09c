//! What is acknowledged is durable: the server, the database, or both are killed at instants that a
//! seed picks, under load of every kind, again and again on the same data.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    database::Database,
    load::{Load, Said, say_again},
    on_each_store,
    peer::Message,
    seeded::Seeded,
    visitor::id_of,
    websocket, within,
};

/// Acknowledgements before the end of a round, at most.
const MOST: usize = 60;

/// What ends a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Kill,
    /// SIGTERM, which ends it in order.
    Stop,
    /// The database, which comes back; then the server is killed, too.
    Database,
    Both,
}

struct Trial {
    server: Server,
    database: Option<Database>,
    visitors: [Visitor; 2],
    chance: Seeded,
    /// Every room of earlier rounds, with its log.
    past: BTreeMap<String, Vec<Value>>,
    acknowledged: usize,
}

impl Trial {
    async fn new(store: Store) -> Self {
        let database = match store {
            Store::Sqlite => None,
            Store::Mongo => Some(Database::start().await),
        };
        let uri = database.as_ref().map_or("sqlite:".to_owned(), Database::uri);
        let settings = [
            ("PARLOR_STORE__WAIT_MS", "25000"),
            ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
            ("PARLOR_ROOMS__PER_IDENTITY", "0"),
        ];
        let server = Server::at(&uri, &settings).await;
        let visitors = [Visitor::to(&server), Visitor::to(&server)];
        let (chance, past) = (Seeded::new(), BTreeMap::new());
        Self { server, database, visitors, chance, past, acknowledged: 0 }
    }

    async fn round(&mut self, end: End) {
        let room = self.visitors[0].lasting_room().await;
        let watcher = self.watcher(&room).await;
        let mut load = Load::start(&self.server, &self.visitors, &room).await;
        let mut said = Said::default();
        load.acknowledges(self.chance.between(0, MOST), &mut said).await;
        if end == End::Database {
            self.database().kill().await;
            self.database().again().await;
            // It goes on by itself.
            let goes_on = load.acknowledges(self.chance.between(1, MOST), &mut said).await;
            assert!(goes_on, "everybody was sent away while the database was down");
        }
        self.end(end).await;
        let said = load.ends(said).await;
        self.acknowledged += said.acknowledged.len();
        let heard = watcher.await.unwrap();
        self.back(end).await;
        let log = self.is_true(&room, &said, &heard).await;
        self.past.insert(room, log);
    }

    fn database(&mut self) -> &mut Database {
        self.database.as_mut().expect("a database of its own")
    }

    async fn watcher(&mut self, room: &str) -> JoinHandle<Vec<Message>> {
        let mut watcher = Peer::connect(&self.server, &Login::v5("watcher")).await;
        watcher.join(room).await;
        tokio::spawn(async move { watcher.messages_to_the_end().await })
    }

    async fn end(&mut self, end: End) {
        match end {
            End::Kill | End::Database => self.server.kill().await,
            End::Stop => {
                let told = Instant::now();
                let ended = self.server.stop().await;
                assert!(ended.success(), "{ended}");
                let took = told.elapsed();
                assert!(took < Duration::from_secs(12), "stopping took {took:?}");
            }
            End::Both if self.chance.below(2) == 0 => {
                self.database().kill().await;
                self.server.kill().await;
            }
            End::Both => {
                self.server.kill().await;
                self.database().kill().await;
            }
        }
    }

    async fn back(&mut self, end: End) {
        if end == End::Both {
            self.database().again().await;
        }
        // Now and then it is killed while it starts.
        if self.chance.below(4) == 0 {
            let mut command = self.server.command();
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut starting = command.spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(self.chance.between(1, 50) as u64)).await;
            starting.kill().await.unwrap();
        }
        self.server.again().await;
    }

    /// What was acknowledged is there once, in order; what was heard is there; what is there was
    /// said. Then what is in doubt is said again, and everything is there once.
    async fn is_true(&mut self, room: &str, said: &Said, heard: &[Message]) -> Vec<Value> {
        let host = &self.visitors[0];
        let log = host.whole_log(room).await;
        let keys = keys_once(&log);
        for key in &said.acknowledged {
            assert!(keys.contains(key.as_str()), "{key} was acknowledged and is lost");
        }
        for key in &keys {
            let known = said.acknowledged.contains(*key) || said.in_doubt.contains(*key);
            assert!(known, "nobody said {key}");
        }
        for event in heard.iter().map(Message::json) {
            let seq = event["seq"].as_u64().expect("a number") as usize;
            assert_eq!(log.get(seq - 1), Some(&event), "it was heard and is not in the log");
        }
        say_again(&self.server, &self.visitors, room, said).await;
        let whole = host.whole_log(room).await;
        assert_eq!(&whole[..log.len()], &log[..], "what was there stays as it was");
        let all: BTreeSet<&str> =
            said.acknowledged.iter().chain(&said.in_doubt).map(String::as_str).collect();
        assert_eq!(keys_once(&whole), all);
        whole
    }

    /// No later end has touched what was there before.
    async fn the_past_stands(&self) {
        for (room, log) in &self.past {
            assert_eq!(&self.visitors[0].whole_log(room).await, log);
        }
    }
}

/// The keys of a log, which is numbered from 1 without a hole and has each of them once.
fn keys_once(log: &[Value]) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    for (index, event) in log.iter().enumerate() {
        assert_eq!(event["seq"], index + 1, "contiguous");
        if event["type"] == "chat" {
            let key = event["key"].as_str().unwrap();
            assert!(keys.insert(key), "{key} is there twice");
        }
    }
    keys
}

#[tokio::test]
async fn fifty_ends_of_the_server_lose_and_double_nothing() {
    let mut trial = Trial::new(Store::Sqlite).await;
    for _ in 0..50 {
        let end = *trial.chance.pick(&[End::Kill, End::Kill, End::Kill, End::Kill, End::Stop]);
        trial.round(end).await;
    }
    trial.the_past_stands().await;
    println!("50 rounds, {} acknowledged", trial.acknowledged);
}

#[tokio::test]
async fn ten_ends_of_server_and_database_lose_and_double_nothing() {
    if crate::harness::mongo::is_skipped() {
        return;
    }
    let mut trial = Trial::new(Store::Mongo).await;
    let ends = [End::Kill, End::Database, End::Both, End::Stop, End::Database];
    for end in ends.into_iter().cycle().take(10) {
        trial.round(end).await;
    }
    trial.the_past_stands().await;
    println!("10 rounds, {} acknowledged", trial.acknowledged);
}

on_each_store!(one_key_at_every_door_at_once_is_one_message);

/// A double click, a retry and a second tab, all at the same time.
async fn one_key_at_every_door_at_once_is_one_message(store: Store) {
    const DOORS: usize = 8;
    let server = Server::with(store, &[("PARLOR_LIMITS__PUBLISH_PER_S", "0")]).await;
    let host = Visitor::to(&server);
    let room = id_of(&host.create(json!({"keep": true})).await);
    let (topic, path) = (format!("chat/{room}"), format!("/room/{room}/chat"));
    let mut tabs = Vec::new();
    for number in 0..DOORS {
        tabs.push(websocket::page(&server, &host, &format!("tab {number}")).await);
    }
    for round in 0..10 {
        let draft = json!({"chat": "once", "key": format!("key {round}")});
        let text = draft.to_string();
        let published = tabs.iter_mut().enumerate().map(|(number, tab)| {
            let (topic, text) = (&topic, &text);
            async move {
                match number % 2 {
                    0 => tab.publish(topic, text).await,
                    _ => tab.publish_once(topic, text).await,
                }
            }
        });
        let posted = (0..DOORS).map(|_| host.post(&path, draft.clone()));
        let all = async { tokio::join!(join_all(published), join_all(posted)) };
        let (codes, answers) = within("every answer", all).await;
        assert_eq!(codes, [0; DOORS]);
        let mut events = Vec::new();
        for answer in answers {
            assert_eq!(answer.status(), 201);
            events.push(answer.json::<Value>().await.unwrap());
        }
        assert!(events.iter().all(|event| *event == events[0]), "{events:#?}");
        assert_eq!(events[0]["seq"], round + 1);
    }
    assert_eq!(host.log(&room).await.len(), 10);
}
