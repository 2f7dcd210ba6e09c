//! The database file: making it, recognising it, bringing it up to date. Connections are set up
//! here and nowhere else.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::store::{Result, StoreError};

/// Says in the file's header that it is Parlor's.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Prlr");

/// The schema's steps in order; never changed, only added to. `user_version` counts those done.
const MIGRATIONS: [&str; 3] =
    [include_str!("v1.sql"), include_str!("v2.sql"), include_str!("v3.sql")];

/// How long another process may hold the file, as `parlor device add` does for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The writer's page cache: ids are random, so that their index is written all over.
const WRITER_CACHE_KIB: i32 = 64 << 10;
/// Pages of the write-ahead log that begin a checkpoint; a page that is written often until then is
/// copied into the database once.
const CHECKPOINT_PAGES: i32 = 8_000;
/// The write-ahead log's size on disk after a checkpoint, at most.
const WAL_KEPT_BYTES: u32 = 64 << 20;

/// Opens the file for writing; makes it if it is not there. Only the owner may read it: it holds
/// what people said.
pub fn open(path: &Path) -> Result<Connection> {
    prepare_file(path).map_err(|error| {
        StoreError::Unavailable(format!("cannot open {}: {error}", path.display()))
    })?;
    let mut connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // Negative: in KiB, not in pages.
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// A connection that only reads, to a file that [`open`] has prepared.
pub fn open_reader(path: &Path) -> Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Whether the file is whole, and ours; brings an older one up to date.
pub fn check(path: &Path) -> Result<()> {
    let connection = open(path)?;
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        fault => Err(StoreError::Unusable(format!("{} is damaged: {fault}", path.display()))),
    }
}

/// Writes what is in the file now into a new one, beside whoever uses it.
pub fn snapshot(path: &Path, into: &Path) -> Result<()> {
    let said = |error: std::io::Error| {
        StoreError::Unavailable(format!("cannot write {}: {error}", into.display()))
    };
    // Made here for its mode: SQLite takes an empty file as it is.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(into).map_err(said)?;
    let into = into.to_str().ok_or_else(|| StoreError::Unusable("the name is not text".into()))?;
    connect(path)?.execute("VACUUM INTO ?1", [into])?;
    Ok(())
}

fn prepare_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // SQLite gives the mode of this file to the log that it writes beside it.
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    Ok(())
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    // Immediate, so that of two processes that open a new file one waits for the other.
    let work = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |pragma: &str| work.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (owner, done) = (number("application_id")?, number("user_version")?);
    let objects: i64 =
        work.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let path = path.display();
    let is_new = owner == 0 && done == 0 && objects == 0;
    if !is_new && owner != APPLICATION_ID {
        return Err(StoreError::Unusable(format!(
            "{path} is another program's database: name another file in `[store] uri`"
        )));
    }
    let known = MIGRATIONS.len();
    let done = usize::try_from(done).ok().filter(|done| *done <= known).ok_or_else(|| {
        StoreError::Unusable(format!(
            "{path} was written by a newer Parlor (schema {done}; this one knows {known}): start \
             that version, or name another file in `[store] uri`"
        ))
    })?;
    if done == known {
        return Ok(());
    }
    for step in &MIGRATIONS[done..] {
        work.execute_batch(step)?;
    }
    work.pragma_update(None, "application_id", APPLICATION_ID)?;
    work.pragma_update(None, "user_version", i32::try_from(known).unwrap_or(i32::MAX))?;
    Ok(work.commit()?)
}
