//! Appending without transactions: numbers that are contiguous because a message is only ever
//! written after the one before it, and unique indexes that decide who was first.
//!
//! The writer's task owns this, so that within a process nobody else numbers. Another process may:
//! then the index on (room, seq) refuses one of the two, who looks again.

use std::collections::{HashMap, HashSet};

use futures_util::future::{join_all, try_join_all};
use mongodb::bson::doc;

use super::{
    document::{MessageDocument, dedup},
    error::{before_duplicate, within},
    messages, roster,
    schema::Collections,
};
use crate::{
    chat::{Event, RoomId, Stamped},
    store::{Appended, Result, StoreError, roster::Step},
};

/// Rooms whose newest number is remembered; with more, all are looked up again.
const REMEMBERED: usize = 10_000;
/// How often others may be first in one append before it gives up.
const COLLISIONS: usize = 100;

/// The rooms' logs, as far as writing goes.
pub struct Log {
    collections: Collections,
    /// The newest number of the rooms written to lately. A room that is not here is in doubt: what
    /// became of the last write to it may be unknown.
    last: HashMap<RoomId, u64>,
}

/// What a message's unique fields say.
type Identity = (RoomId, String);

impl Log {
    pub fn new(collections: Collections) -> Self {
        Self { collections, last: HashMap::new() }
    }

    pub async fn append(&mut self, batch: &[Stamped]) -> Result<Vec<Appended>> {
        let appended = self.try_append(batch).await;
        if appended.is_err() {
            for message in batch {
                self.last.remove(&message.event.room);
            }
        }
        appended
    }

    /// Begins a removal.
    pub async fn hide(&mut self, room: RoomId) -> Result<()> {
        self.last.remove(&room);
        let hidden = doc! { "$set": { "removing": true } };
        within(self.collections.rooms.update_one(doc! { "_id": room.as_str() }, hidden)).await?;
        Ok(())
    }

    async fn try_append(&mut self, batch: &[Stamped]) -> Result<Vec<Appended>> {
        let doubtful = self.take_up(batch).await?;
        let known = self.known(batch, &doubtful).await?;
        let mut appended: Vec<Option<Appended>> = Vec::with_capacity(batch.len());
        let mut wanted = Vec::new();
        for (at, message) in batch.iter().enumerate() {
            let event = &message.event;
            let there = known.get(&(event.room, dedup(event)));
            appended.push(match there {
                _ if !self.last.contains_key(&event.room) => Some(Appended::NoRoom),
                Some(there) => Some(Appended::Known(there.clone())),
                None => {
                    wanted.push((at, message));
                    None
                }
            });
        }
        self.insert_all(&wanted, &mut appended).await?;
        let appended: Vec<Appended> = appended.into_iter().flatten().collect();
        self.move_people(batch, &appended).await;
        Ok(appended)
    }

    /// Looks up the rooms that are not remembered; these are the ones in doubt. A room that is not
    /// there stays unremembered.
    async fn take_up(&mut self, batch: &[Stamped]) -> Result<HashSet<RoomId>> {
        let all: HashSet<RoomId> = batch.iter().map(|message| message.event.room).collect();
        if self.last.len() + all.len() > REMEMBERED {
            self.last.clear();
        }
        let doubtful: HashSet<RoomId> =
            all.into_iter().filter(|room| !self.last.contains_key(room)).collect();
        let found = doubtful.iter().map(|room| roster::take_up(&self.collections, *room));
        for (room, last) in doubtful.iter().zip(try_join_all(found).await?) {
            if let Some(last) = last {
                self.last.insert(*room, last);
            }
        }
        Ok(doubtful)
    }

    /// Which of the batch are there already, among those of which it is likely: sent with a key, or
    /// to a room in doubt. The indexes find the others.
    async fn known(
        &self,
        batch: &[Stamped],
        doubtful: &HashSet<RoomId>,
    ) -> Result<HashMap<Identity, Event>> {
        let likely = |message: &&Stamped| {
            let event = &message.event;
            self.last.contains_key(&event.room)
                && (event.key.is_some() || doubtful.contains(&event.room))
        };
        let likely: Vec<Identity> =
            batch.iter().filter(likely).map(|one| (one.event.room, dedup(&one.event))).collect();
        if likely.is_empty() {
            return Ok(HashMap::new());
        }
        let rooms: HashSet<&str> = likely.iter().map(|(room, _)| room.as_str()).collect();
        let filter = doc! {
            "room": { "$in": rooms.into_iter().collect::<Vec<_>>() },
            "dedup": { "$in": likely.iter().map(|(_, dedup)| dedup.as_str()).collect::<Vec<_>>() },
        };
        let there = messages::find(&self.collections, filter, doc! {}, None).await?;
        let identified =
            |there: MessageDocument| ((there.room, there.dedup.clone()), there.event());
        Ok(there.into_iter().map(identified).collect())
    }

    /// Inserts in order. Whenever an index refuses a message, what came before it is in the log, the
    /// refused one is looked into, and the rest is numbered anew.
    async fn insert_all(
        &mut self,
        mut wanted: &[(usize, &Stamped)],
        appended: &mut [Option<Appended>],
    ) -> Result<()> {
        let mut collisions = 0;
        while !wanted.is_empty() {
            let documents = self.numbered(wanted);
            let inserting = self.collections.messages.insert_many(&documents).ordered(true);
            let inserted = match within(inserting).await {
                Ok(_) => documents.len(),
                Err(error) => before_duplicate(error)?,
            };
            let (done, rest) = wanted.split_at_checked(inserted).unwrap_or((wanted, &[]));
            for ((at, _), document) in done.iter().zip(&documents) {
                self.last.insert(document.room, document.seq.unsigned_abs());
                appended[*at] = Some(Appended::New(document.clone().event()));
            }
            wanted = rest;
            let Some(((at, _), refused)) = wanted.first().zip(documents.get(inserted)) else {
                continue;
            };
            match self.in_the_way(refused).await? {
                Some(outcome) => {
                    appended[*at] = Some(outcome);
                    wanted = &wanted[1..];
                }
                None => {
                    collisions += 1;
                    let newest = messages::newest(&self.collections, refused.room).await?;
                    self.last.insert(refused.room, newest);
                }
            }
            if collisions > COLLISIONS {
                return Err(StoreError::Unavailable("too many write to the same room".into()));
            }
        }
        Ok(())
    }

    fn numbered(&self, wanted: &[(usize, &Stamped)]) -> Vec<MessageDocument> {
        let mut last = HashMap::new();
        let number = |(_, message): &(usize, &Stamped)| {
            let room = message.event.room;
            let seq =
                last.entry(room).or_insert_with(|| self.last.get(&room).copied().unwrap_or(0));
            *seq += 1;
            MessageDocument::new(message, *seq)
        };
        wanted.iter().map(number).collect()
    }

    /// The message that has the refused one's id or key. None: somebody else's has its number.
    async fn in_the_way(&mut self, refused: &MessageDocument) -> Result<Option<Appended>> {
        let by_id = doc! { "_id": &refused.place };
        let by_key = doc! { "room": refused.room.as_str(), "dedup": &refused.dedup };
        let mut there = messages::one(&self.collections, by_id).await?;
        if there.is_none() {
            there = messages::one(&self.collections, by_key).await?;
        }
        Ok(there.map(|there| {
            // Written by this very insertion, which the driver had to send twice.
            let ours = there.place == refused.place && there.seq == refused.seq;
            if ours {
                self.last.insert(there.room, there.seq.unsigned_abs());
                Appended::New(there.event())
            } else {
                Appended::Known(there.event())
            }
        }))
    }

    /// Brings the rosters up to what was written. The log has it already, so that a failure only
    /// means that the log is read again before the next message.
    async fn move_people(&mut self, batch: &[Stamped], appended: &[Appended]) {
        let mut moved: HashMap<RoomId, Vec<Step>> = HashMap::new();
        for (message, appended) in batch.iter().zip(appended) {
            if let Appended::New(event) = appended
                && let Some(step) = Step::of(event, message.whom.as_ref())
            {
                moved.entry(event.room).or_default().push(step);
            }
        }
        let moved: Vec<_> = moved.into_iter().collect();
        let updates = moved.iter().map(|(room, steps)| {
            let last = self.last.get(room).copied().unwrap_or_default();
            roster::apply(&self.collections, *room, steps, last)
        });
        for ((room, _), applied) in moved.iter().zip(join_all(updates).await) {
            if let Err(error) = applied {
                tracing::warn!(%error, %room, "the roster is behind its log");
                self.last.remove(room);
            }
        }
    }
}
