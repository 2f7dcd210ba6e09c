//! The one task that writes to the logs. It takes all batches that wait and appends them as one:
//! what a write costs is mostly the way to the server and its disk.

use tokio::sync::{Mutex, mpsc, oneshot};

use super::append::Log;
use crate::{
    chat::{RoomId, Stamped},
    store::{Appended, Result, StoreError},
};

/// Work that may wait. Whoever brings more waits for a place.
const WAITING: usize = 256;
/// Messages after which no further batch is taken into the group.
const GROUP: usize = 1_000;

enum Job {
    Append(Vec<Stamped>, oneshot::Sender<Result<Vec<Appended>>>),
    Hide(RoomId, oneshot::Sender<Result<()>>),
}

pub struct Writer {
    /// `None` once closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Ends with the task.
    ended: Mutex<oneshot::Receiver<()>>,
}

impl Writer {
    pub fn start(log: Log) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (end, ended) = oneshot::channel::<()>();
        tokio::spawn(async move {
            run(log, waiting).await;
            drop(end);
        });
        Self { jobs: Mutex::new(Some(jobs)), ended: Mutex::new(ended) }
    }

    pub async fn append(&self, batch: Vec<Stamped>) -> Result<Vec<Appended>> {
        self.ask(|reply| Job::Append(batch, reply)).await
    }

    /// Takes the room away from everybody. No append touches it any more when this answers, so that
    /// its log can be deleted.
    pub async fn hide(&self, room: RoomId) -> Result<()> {
        self.ask(|reply| Job::Hide(room, reply)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job) -> Result<T> {
        let closed = || StoreError::Unavailable("it is closed".into());
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.lock().await.clone().ok_or_else(closed)?;
        jobs.send(job(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Finishes what was taken on.
    pub async fn close(&self) {
        drop(self.jobs.lock().await.take());
        let mut ended = self.ended.lock().await;
        if !ended.is_terminated() {
            // Nothing is ever sent: the sender's end is the message.
            drop((&mut *ended).await);
        }
    }
}

async fn run(mut log: Log, mut waiting: mpsc::Receiver<Job>) {
    let mut next = waiting.recv().await;
    while let Some(job) = next.take() {
        match job {
            Job::Hide(room, reply) => drop(reply.send(log.hide(room).await)),
            Job::Append(batch, reply) => {
                let (mut group, mut callers) = (batch, vec![]);
                callers.push((group.len(), reply));
                while group.len() < GROUP {
                    match waiting.try_recv() {
                        Ok(Job::Append(batch, reply)) => {
                            callers.push((batch.len(), reply));
                            group.extend(batch);
                        }
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                answer(log.append(&group).await, callers);
            }
        }
        if next.is_none() {
            next = waiting.recv().await;
        }
    }
}

/// Gives each caller the part that is theirs, or the error that is everybody's. Who no longer waits
/// does not want it.
fn answer(
    outcome: Result<Vec<Appended>>,
    callers: Vec<(usize, oneshot::Sender<Result<Vec<Appended>>>)>,
) {
    match outcome {
        Ok(appended) => {
            let mut appended = appended.into_iter();
            for (size, reply) in callers {
                drop(reply.send(Ok(appended.by_ref().take(size).collect())));
            }
        }
        Err(StoreError::Unusable(why)) => {
            for (_, reply) in callers {
                drop(reply.send(Err(StoreError::Unusable(why.clone()))));
            }
        }
        Err(error) => {
            for (_, reply) in callers {
                drop(reply.send(Err(StoreError::Unavailable(error.to_string()))));
            }
        }
    }
}
