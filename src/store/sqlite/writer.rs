//! The one thread that writes. It takes all work that waits and commits it together: an fsync costs
//! the same for one message as for a thousand.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::{Result, StoreError};

/// Work that may wait. Whoever brings more waits for a place.
const WAITING: usize = 256;
/// Work that is committed together, at most: bounds how long the first waits for the last.
const GROUP: usize = 64;

/// Runs inside the group's transaction, or learns why there is none.
type Job = Box<dyn FnOnce(Result<&Connection>) -> Ran + Send>;

/// Work that has run and waits for the commit.
struct Ran {
    failed: bool,
    /// Tells the caller, given what became of the commit.
    answer: Box<dyn FnOnce(Result<()>)>,
}

pub struct Writer {
    /// `None` once closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Ends when the thread has.
    ended: tokio::sync::Mutex<oneshot::Receiver<()>>,
}

impl Writer {
    pub fn start(connection: Connection) -> Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING);
        let (end, ended) = oneshot::channel::<()>();
        let work = move || {
            // Dropped last, when the connection is closed.
            let _end = end;
            while let Some(first) = waiting.blocking_recv() {
                let mut group = vec![first];
                while group.len() < GROUP
                    && let Ok(next) = waiting.try_recv()
                {
                    group.push(next);
                }
                run_group(&connection, group);
            }
            drop(connection);
        };
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(work)
            .map_err(|error| StoreError::Unavailable(format!("no thread to write: {error}")))?;
        let jobs = Mutex::new(Some(jobs));
        Ok(Self { jobs, ended: tokio::sync::Mutex::new(ended) })
    }

    /// Runs the work in a transaction and answers after the commit. Work that fails changes
    /// nothing, and harms nobody else's.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = || StoreError::Unavailable("it is closed".into());
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = connection.and_then(work);
            let failed = outcome.is_err();
            // Who no longer waits does not want the answer.
            let answer = move |committed: Result<()>| {
                drop(reply.send(outcome.and_then(|value| committed.map(|()| value))));
            };
            Ran { failed, answer: Box::new(answer) }
        });
        jobs.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Finishes what was taken on, and closes the file.
    pub async fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut ended = self.ended.lock().await;
        if !ended.is_terminated() {
            // Nothing is ever sent: the sender's end is the message.
            drop((&mut *ended).await);
        }
    }
}

fn run_group(connection: &Connection, group: Vec<Job>) {
    let begun = execute(connection, "BEGIN IMMEDIATE");
    let alone = group.len() == 1;
    let ran: Vec<Ran> = group
        .into_iter()
        .map(|job| match &begun {
            Ok(()) if alone => run_alone(connection, job),
            Ok(()) => run_among_others(connection, job),
            Err(error) => job(Err(again(error))),
        })
        .collect();
    let committed = begun.and_then(|()| commit(connection));
    for Ran { answer, .. } in ran {
        answer(committed.as_ref().copied().map_err(again));
    }
}

/// Without a savepoint, for which SQLite would copy every page that the work touches.
fn run_alone(connection: &Connection, job: Job) -> Ran {
    let ran = job(Ok(connection));
    if ran.failed {
        rollback(connection);
    }
    ran
}

/// Inside a savepoint, so that work that fails takes back only itself.
fn run_among_others(connection: &Connection, job: Job) -> Ran {
    if let Err(error) = lost(connection).and_then(|()| execute(connection, "SAVEPOINT job")) {
        return job(Err(error));
    }
    let ran = job(Ok(connection));
    let ended = match ran.failed {
        true => execute(connection, "ROLLBACK TO job"),
        false => Ok(()),
    };
    if let Err(error) = ended.and_then(|()| execute(connection, "RELEASE job")) {
        // Without its savepoint the group cannot be told apart any more: all of it is taken back.
        tracing::warn!(%error, "a group of writes is taken back");
        rollback(connection);
    }
    ran
}

/// After some errors (a full disk) SQLite has taken back the whole transaction by itself; work that
/// ran then would commit alone.
fn lost(connection: &Connection) -> Result<()> {
    match connection.is_autocommit() {
        true => Err(StoreError::Unavailable("other work in the same commit failed".into())),
        false => Ok(()),
    }
}

fn commit(connection: &Connection) -> Result<()> {
    lost(connection)?;
    let committed = execute(connection, "COMMIT");
    if committed.is_err() {
        rollback(connection);
    }
    committed
}

fn rollback(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "the store cannot take back a transaction");
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// The same error, for another of those whom it concerns.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unusable(what) => StoreError::Unusable(what.clone()),
        other => StoreError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER NOT NULL)").unwrap();
        Writer::start(connection).unwrap()
    }

    async fn add(writer: &Writer, n: i64, then: Result<()>) -> Result<()> {
        let insert = move |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [n])?;
            then
        };
        writer.write(insert).await
    }

    async fn all(writer: &Writer) -> Vec<i64> {
        let select = |connection: &Connection| {
            let mut all = connection.prepare("SELECT n FROM t ORDER BY n")?;
            let numbers = all.query_map([], |row| row.get(0))?;
            Ok(numbers.collect::<rusqlite::Result<Vec<i64>>>()?)
        };
        writer.write(select).await.unwrap()
    }

    #[tokio::test]
    async fn work_that_fails_takes_back_only_itself() {
        let writer = writer();
        let (first, second, third) = tokio::join!(
            add(&writer, 1, Ok(())),
            add(&writer, 2, Err(StoreError::NotFound)),
            add(&writer, 3, Ok(())),
        );
        assert!(first.is_ok() && third.is_ok());
        assert!(matches!(second, Err(StoreError::NotFound)));
        assert_eq!(all(&writer).await, [1, 3]);
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_took_back_fails_for_everybody_in_it() {
        let writer = writer();
        let break_it = |connection: &Connection| {
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(StoreError::Exists)
        };
        // All three wait before the thread gets to any, or not: either way 2 is refused alone and
        // nobody is told that a lost write is kept.
        let (first, broken, third) =
            tokio::join!(add(&writer, 1, Ok(())), writer.write(break_it), add(&writer, 3, Ok(())),);
        assert!(matches!(broken, Err(StoreError::Exists)));
        let told: Vec<i64> = [(1, first), (3, third)]
            .into_iter()
            .filter(|(_, r)| r.is_ok())
            .map(|(n, _)| n)
            .collect();
        assert_eq!(all(&writer).await, told);
    }

    #[tokio::test]
    async fn closing_finishes_what_was_taken_on() {
        let writer = writer();
        let adding = add(&writer, 1, Ok(()));
        let (added, ()) = tokio::join!(adding, writer.close());
        assert!(added.is_ok());
        writer.close().await;
        let late = add(&writer, 2, Ok(())).await;
        assert!(matches!(late, Err(StoreError::Unavailable(_))));
    }
}
