//! The contract on SQLite, and what only a file has: other people's files, damage, permissions.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;

use super::Sqlite;
use crate::store::{
    Page, SharedStore, Store, StoreError,
    contract::{self, Place, a_room, chat, open_with, saved},
};

struct Folder(TempDir);

impl Folder {
    fn file(&self) -> PathBuf {
        self.0.path().join("made/parlor.db")
    }

    fn refusal(&self) -> String {
        match Sqlite::open(&self.file()).map(|_| ()) {
            Err(StoreError::Unusable(why)) => why,
            other => panic!("not refused as unusable: {other:?}"),
        }
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> SharedStore {
        Arc::new(Sqlite::open(&self.file()).expect("the store opens"))
    }
}

/// An optional place, as the contract wants it; a folder can always be had.
async fn folder() -> Option<Folder> {
    Some(Folder(tempfile::tempdir().expect("a folder")))
}

mod promises {
    use super::super::super::contract::contract;
    contract!(super::super::folder);
}

async fn written() -> Folder {
    let place = folder().await.unwrap();
    let room = a_room(1);
    let store = open_with(&place, &[&room]).await;
    store.append((0..500).map(|n| chat(&room, n)).collect()).await.unwrap();
    store.close().await;
    place
}

#[tokio::test]
async fn a_newer_files_schema_is_refused_and_the_file_left_alone() {
    let place = written().await;
    let file = Connection::open(place.file()).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let why = place.refusal();
    assert!(why.contains("newer Parlor") && why.contains("99"), "{why}");
    let file = Connection::open(place.file()).unwrap();
    let version: i32 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let place = folder().await.unwrap();
    fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    let file = Connection::open(place.file()).unwrap();
    file.execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    drop(file);
    let why = place.refusal();
    assert!(why.contains("another program"), "{why}");
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let place = folder().await.unwrap();
    fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    fs::write(place.file(), "milk, bread, butter, ".repeat(500)).unwrap();
    let why = place.refusal();
    assert!(why.contains("restore a backup"), "{why}");
}

#[tokio::test]
async fn a_damaged_page_is_noticed_when_it_is_read() {
    let place = written().await;
    let mut bytes = fs::read(place.file()).unwrap();
    // All but the header and the schema on the first page.
    bytes[4096..].fill(0xa5);
    fs::write(place.file(), bytes).unwrap();
    let read = match Sqlite::open(&place.file()) {
        Ok(store) => store.rooms().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(matches!(read, Err(StoreError::Unusable(_))), "{read:?}");
}

#[tokio::test]
async fn a_row_that_means_nothing_is_damage() {
    let place = written().await;
    let file = Connection::open(place.file()).unwrap();
    file.execute("UPDATE messages SET kind = 'dance' WHERE seq = 7", []).unwrap();
    let store = place.open().await;
    let page = store.page(a_room(1).id, Page::After(5), 5).await;
    assert!(matches!(page, Err(StoreError::Unusable(_))), "{page:?}");
    assert_eq!(store.page(a_room(1).id, Page::After(7), 5).await.unwrap().len(), 5);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let place = written().await;
    let store = place.open().await;
    store.append(vec![chat(&a_room(1), 999)]).await.unwrap();
    let folder = place.file().parent().unwrap().to_owned();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "the log is beside the file: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_passes() {
    let place = written().await;
    let room = a_room(1);
    let store = Sqlite::open(&place.file()).unwrap();
    let pages = |limit: i64| {
        move |file: &Connection| {
            let answer = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            Ok(file.pragma_update_and_check(None, "max_page_count", limit, answer)?)
        }
    };
    store.writer.write(pages(1)).await.unwrap();
    let batch: Vec<_> = (1000..2000).map(|n| chat(&room, n)).collect();
    let appended = store.append(batch.clone()).await;
    assert!(matches!(appended, Err(StoreError::Unavailable(_))), "{appended:?}");
    store.writer.write(pages(1 << 30)).await.unwrap();
    let appended = store.append(batch).await.unwrap();
    assert_eq!(contract::new(&appended[999]).seq, Some(1500));
}

#[tokio::test]
async fn an_interrupted_removal_is_finished() {
    let place = written().await;
    let file = Connection::open(place.file()).unwrap();
    file.execute("UPDATE rooms SET removing = 1", []).unwrap();
    let store = place.open().await;
    assert_eq!(store.rooms().await.unwrap(), []);
    let left: i64 = file.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_long_log_is_removed_in_parts() {
    let place = written().await;
    let room = a_room(1);
    let store = place.open().await;
    store.append((500..5000).map(|n| chat(&room, n)).collect()).await.unwrap();
    store.remove(room.id).await.unwrap();
    assert_eq!(store.page(room.id, Page::Newest, 10).await.unwrap(), []);
    assert_eq!(store.rooms().await.unwrap(), []);
}

#[tokio::test]
async fn two_processes_may_use_one_file() {
    let place = written().await;
    let room = a_room(1);
    let (one, other) = (place.open().await, place.open().await);
    for n in 0..10 {
        let (first, second) = tokio::join!(
            one.append(vec![chat(&room, 1000 + n)]),
            other.append(vec![chat(&room, 2000 + n)]),
        );
        assert!(first.is_ok() && second.is_ok());
    }
    assert_eq!(saved(&one, &room).await.last_seq, 520);
    contract::assert_contiguous(&contract::log(&other, &room).await);
}
