//! The tasks that write, one for the rooms that are stored and one for those off the record, which
//! so never wait for the store. A writer takes all that is waiting, commits it at once, announces it, then
//! answers the senders. No timer: while one commit is under way the next batch gathers.
//!
//! Nobody reads a line that is not in the log, and nobody is told "stored" before it is.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinError, JoinSet},
};

use super::{
    Refusal, Shared,
    state::{Job, Place, Reply},
};
use crate::{
    bus::{Message, Stopped},
    chat::{Event, RoomId, Stamped, topic},
    store::{Appended, StoreError},
};

/// Why the bridge cannot go on. The process ends with it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Bus(#[from] Stopped),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How long a store that is down is left alone, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Whether its rooms are.
    off_record: bool,
    jobs: mpsc::UnboundedReceiver<Job>,
    /// The newest number of each room, for its farewell.
    last_seq: HashMap<RoomId, u64>,
    /// Rooms on their way out. A long log takes a while to go; the other rooms do not wait for it.
    removals: JoinSet<Result<(), Fault>>,
}

/// Messages of one commit: the place of each, and who waits for it.
type Batch = Vec<(Stamped, Option<Place>, Option<Reply>)>;

impl Writer {
    pub fn new(
        shared: Arc<Shared>,
        off_record: bool,
        jobs: mpsc::UnboundedReceiver<Job>,
        last_seq: HashMap<RoomId, u64>,
    ) -> Self {
        Self { shared, off_record, jobs, last_seq, removals: JoinSet::new() }
    }

    /// Until it is stopped, or store or bus are beyond repair.
    pub async fn run(mut self) -> Result<(), Fault> {
        let mut jobs = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(removed) = self.removals.join_next() => {
                    removed.map_err(cut_off)??;
                    continue;
                }
                count = self.jobs.recv_many(&mut jobs, self.shared.batch) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
            }
            let mut batch = Batch::new();
            for job in jobs.drain(..) {
                match job {
                    // Who gave up before it was tried is not stored behind their back.
                    Job::Append { reply: Some(reply), message, .. } if reply.is_closed() => {
                        self.forget_image(&message.event).await;
                    }
                    Job::Append { message, place, reply } => batch.push((message, place, reply)),
                    Job::Remove { farewell, done } => {
                        // Whatever was said there stands in the log, and was told, before it goes.
                        self.append(std::mem::take(&mut batch)).await?;
                        self.remove(farewell, done);
                    }
                    Job::Stop => {
                        self.append(batch).await?;
                        while let Some(removed) = self.removals.join_next().await {
                            removed.map_err(cut_off)??;
                        }
                        return Ok(());
                    }
                }
            }
            self.append(batch).await?;
        }
    }

    /// An image that is not said after all.
    async fn forget_image(&self, event: &Event) {
        if let Some(Ok(image)) = event.gif.as_deref().map(str::parse) {
            self.shared.drop_image(image).await;
        }
    }

    async fn append(&mut self, batch: Batch) -> Result<(), Fault> {
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.write(&batch).await?;
        let announced = written.iter().zip(&batch).filter_map(|(appended, (message, ..))| {
            match appended {
                Appended::New(event) => Some(event),
                // Ours after all, from an attempt whose outcome was unknown.
                Appended::Known(event) if event.id == message.event.id => Some(event),
                Appended::Known(_) | Appended::NoRoom => None,
            }
        });
        let mut messages = Vec::with_capacity(batch.len());
        for event in announced {
            self.last_seq.insert(event.room, event.seq.unwrap_or_default());
            messages.push(announcement(event));
        }
        self.shared.bus.publish(messages).await?;
        for (appended, (message, _, reply)) in written.into_iter().zip(batch) {
            let outcome = match appended {
                Appended::New(event) | Appended::Known(event) => Ok(event),
                Appended::NoRoom => Err(Refusal::NoSuchRoom),
            };
            if outcome.as_ref().map_or(true, |event| event.id != message.event.id) {
                self.forget_image(&message.event).await;
            }
            // A sender who no longer waits finds it in the log.
            if let Some(reply) = reply
                && reply.send(outcome).is_err()
            {
                tracing::debug!("a message was stored after its sender had gone");
            }
        }
        Ok(())
    }

    /// One commit for all, tried until its outcome is known: to give up in between could lose the
    /// announcement of what was written.
    async fn write(&self, batch: &Batch) -> Result<Vec<Appended>, Fault> {
        let messages = || batch.iter().map(|(message, ..)| message.clone());
        if self.off_record {
            return Ok(messages().map(|message| self.shared.off_record.append(message)).collect());
        }
        Ok(until_known(|| self.shared.store.append(messages().collect())).await?)
    }

    fn remove(&mut self, farewell: Stamped, done: Option<oneshot::Sender<()>>) {
        let seq = self.last_seq.remove(&farewell.event.room).unwrap_or_default() + 1;
        let (shared, off_record) = (Arc::clone(&self.shared), self.off_record);
        self.removals.spawn(async move {
            remove(&shared, off_record, &farewell.numbered(seq)).await?;
            if let Some(done) = done
                && done.send(()).is_err()
            {
                tracing::debug!("nobody waits for the removal any more");
            }
            Ok(())
        });
    }
}

/// Log, card, farewell, files: in this order, so that nobody sees a room that is half gone.
async fn remove(shared: &Shared, off_record: bool, farewell: &Event) -> Result<(), Fault> {
    let room = farewell.room;
    match off_record {
        true => shared.off_record.remove(room),
        false => until_known(|| shared.store.remove(room)).await?,
    }
    let card = Message { topic: topic::card(room), payload: Default::default(), retain: true };
    {
        let _one_at_a_time = shared.announcing.lock().await;
        shared.bus.publish(vec![card, announcement(farewell)]).await?;
    }
    // No word of changed rights: the farewell itself ends every subscription, and whoever were
    // asked about rights before it arrives would not hear it.
    if let Err(error) = shared.files.remove_room(room).await {
        tracing::warn!(%error, %room, "the room's images stay until the next start");
    }
    Ok(())
}

fn cut_off(error: JoinError) -> Fault {
    StoreError::Unusable(format!("the removal of a room was cut off: {error}")).into()
}

/// Tries until the store answers: everything the bridge writes may be repeated.
pub(super) async fn until_known<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = RETRY.0;
    loop {
        match attempt().await {
            Err(StoreError::Unavailable(error)) => {
                tracing::warn!(error, "the store is down: trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
            outcome => return outcome,
        }
    }
}

fn announcement(event: &Event) -> Message {
    Message { topic: topic::chat(event.room), payload: event.to_json(), retain: false }
}
