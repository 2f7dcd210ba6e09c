//! The contract on MongoDB, and what only a server has: lost answers, lost connections, and other
//! processes in the same database.

mod server;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::bson::doc;

use self::wire::{Cut, Wire};
use super::{Mongo, schema};
use crate::{
    chat::{Kind, Room, Stamped},
    store::{
        Appended, SharedStore, StoreError,
        contract::{
            Place, a_room, assert_contiguous, chat, keyed, log, moves, new, open_with, person,
            saved,
        },
    },
};

struct Database(String);

#[async_trait]
impl Place for Database {
    async fn open(&self) -> SharedStore {
        Arc::new(Mongo::open(&self.0).await.expect("the store opens"))
    }
}

async fn database() -> Option<Database> {
    server::fresh().await.map(Database)
}

mod promises {
    use super::super::super::contract::contract;
    contract!(super::super::database);
}

/// A store whose way to the server can be cut, beside one whose way cannot.
struct Cuttable {
    wire: Wire,
    cut: SharedStore,
    direct: SharedStore,
    room: Room,
}

impl Cuttable {
    /// `option` goes into the URI.
    async fn new(option: &str) -> Option<Self> {
        let uri = server::fresh().await?;
        let wire = Wire::to(server::address(&uri).await).await;
        let through = server::through(&uri, &wire.address, option);
        let room = a_room(1);
        let direct = open_with(&Database(uri), &[&room]).await;
        let cut = Database(through).open().await;
        Some(Self { wire, cut, direct, room })
    }

    /// Repeats the batch until it is answered, as the bridge does, and counts the failures.
    async fn until_known(&self, batch: &[Stamped]) -> (Vec<Appended>, usize) {
        for failures in 0..20 {
            match self.cut.append(batch.to_vec()).await {
                Ok(appended) => return (appended, failures),
                Err(StoreError::Unavailable(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the store does not recover");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_doubles_nothing() {
    for retry in ["retryWrites=false", "retryWrites=true"] {
        let Some(store) = Cuttable::new(retry).await else { return };
        let room = &store.room;
        store.cut.append(vec![chat(room, 1)]).await.unwrap();
        let mut batch: Vec<_> = (2..20).map(|n| chat(room, n)).collect();
        batch.push(keyed(room, 20, 1, "k"));
        batch.push(moves(room, 21, Kind::Join, 2));
        store.wire.cut(&[Cut::Answer("insert")]);
        let (appended, failures) = store.until_known(&batch).await;
        assert!(store.wire.is_whole(), "the answer was cut");
        if retry.ends_with("false") {
            assert_eq!(failures, 1, "the driver does not retry");
        }
        for (message, appended) in batch.iter().zip(&appended) {
            let (Appended::New(event) | Appended::Known(event)) = appended else {
                panic!("{appended:?}")
            };
            assert_eq!(event.id, message.event.id);
        }
        let log = log(&store.direct, room).await;
        assert_contiguous(&log);
        assert_eq!(log.len(), 21, "{retry}");
        assert_eq!(saved(&store.direct, room).await.roster, [person(2)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_request_loses_nothing() {
    let Some(store) = Cuttable::new("retryWrites=false").await else { return };
    let room = &store.room;
    let batch: Vec<_> = (0..5).map(|n| chat(room, n)).collect();
    for command in ["find", "update", "insert"] {
        store.wire.cut(&[Cut::Request(command)]);
        let more: Vec<_> = batch.iter().cloned().chain([chat(room, 100)]).collect();
        store.until_known(&more).await;
        store.wire.mend();
    }
    let log = log(&store.direct, room).await;
    assert_contiguous(&log);
    assert_eq!(log.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roster_that_fell_behind_is_read_from_the_log() {
    let Some(store) = Cuttable::new("retryWrites=false").await else { return };
    let room = &store.room;
    store.cut.append(vec![moves(room, 1, Kind::Join, 1)]).await.unwrap();
    store.wire.cut(&[Cut::Request("update")]);
    let batch = vec![moves(room, 2, Kind::Join, 2), moves(room, 3, Kind::Exit, 1)];
    let appended = store.cut.append(batch).await.unwrap();
    assert!(store.wire.is_whole() && new(&appended[1]).seq == Some(3));
    assert_eq!(saved(&store.direct, room).await.roster, [person(2)]);
    // The next ones do not pass over it.
    store.cut.append(vec![chat(room, 4), moves(room, 5, Kind::Join, 3)]).await.unwrap();
    assert_eq!(saved(&store.direct, room).await.roster, [person(2), person(3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_unavailable_and_comes_back() {
    let Some(store) = Cuttable::new("retryWrites=false").await else { return };
    let room = &store.room;
    store.wire.cut(&[Cut::All]);
    let patience = Duration::from_secs(20);
    let append = tokio::time::timeout(patience, store.cut.append(vec![chat(room, 1)])).await;
    assert!(matches!(append, Ok(Err(StoreError::Unavailable(_)))), "{append:?}");
    let ping = tokio::time::timeout(patience, store.cut.ping()).await;
    assert!(matches!(ping, Ok(Err(StoreError::Unavailable(_)))), "{ping:?}");
    store.wire.mend();
    store.until_known(&[chat(room, 1)]).await;
    assert_eq!(log(&store.direct, room).await.len(), 1);
}

#[tokio::test]
async fn no_server_is_unavailable_at_opening_and_no_password_is_shown() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let uri = format!("mongodb://me:s3cret@127.0.0.1:{port}/parlor");
    let opened = tokio::time::timeout(Duration::from_secs(20), Mongo::open(&uri)).await.unwrap();
    let Err(error) = opened else { panic!("it opened") };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_uri_that_cannot_be_read_is_unusable_and_not_repeated() {
    for uri in ["mongodb://me:s3cret@", "mongodb://me:s3c@s3cret@h/db", "mongodb://h/?w=s3cret&x"] {
        let Err(error) = Mongo::open(uri).await else { panic!("{uri} opened") };
        assert!(matches!(error, StoreError::Unusable(_)), "{uri}: {error}");
        assert!(!error.to_string().contains("me:s3c"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_number_one_room_without_a_hole() {
    let Some(place) = database().await else { return };
    let room = a_room(1);
    let one = open_with(&place, &[&room]).await;
    let other = place.open().await;
    let write = |store: SharedStore, room: Room, first: u64| async move {
        for batch in 0..10 {
            let from = first + batch * 3;
            let batch = (from..from + 3).map(|n| chat(&room, n)).collect();
            let appended = store.append(batch).await.unwrap();
            assert!(appended.iter().all(|one| matches!(one, Appended::New(_))));
        }
    };
    tokio::join!(write(one.clone(), room.clone(), 0), write(other, room.clone(), 1000));
    let log = log(&one, &room).await;
    assert_contiguous(&log);
    assert_eq!(log.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_versions_database_is_refused() {
    let Some(place) = database().await else { return };
    let collections = schema::open(&place.0).await.unwrap();
    let newer = doc! { "$set": { "version": 99_i64 } };
    collections.meta.update_one(doc! { "_id": "schema" }, newer).await.unwrap();
    let Err(error) = Mongo::open(&place.0).await else { panic!("it opened") };
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
    assert!(error.to_string().contains("99"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_removal_is_finished() {
    let Some(place) = database().await else { return };
    let room = a_room(1);
    let store = open_with(&place, &[&room]).await;
    store.append(vec![chat(&room, 1)]).await.unwrap();
    let collections = schema::open(&place.0).await.unwrap();
    let hidden = doc! { "$set": { "removing": true } };
    collections.rooms.update_one(doc! {}, hidden).await.unwrap();
    assert_eq!(store.rooms().await.unwrap(), []);
    assert_eq!(collections.messages.count_documents(doc! {}).await.unwrap(), 0);
    assert_eq!(collections.rooms.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_means_nothing_is_damage() {
    let Some(place) = database().await else { return };
    let room = a_room(1);
    let store = open_with(&place, &[&room]).await;
    store.append(vec![chat(&room, 1)]).await.unwrap();
    let collections = schema::open(&place.0).await.unwrap();
    let nonsense = doc! { "$set": { "type": "dance" } };
    collections.messages.update_one(doc! {}, nonsense).await.unwrap();
    let message = store.message(room.id, chat(&room, 1).event.id).await;
    assert!(matches!(message, Err(StoreError::Unusable(_))), "{message:?}");
}
