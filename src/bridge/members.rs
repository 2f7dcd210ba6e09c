//! What somebody who may be in a room can do there: speak, read, join, whisper.

use std::{sync::Arc, time::Instant};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    Image, Refusal, Shared,
    presence::SeatId,
    stamp,
    state::{Job, Place},
};
use crate::{
    bus::Message,
    chat::{
        Card, Content, Draft, Event, Identity, ImageName, Key, MessageId, RoomId, Uid,
        people::Person, topic,
    },
    store::Page,
};

/// The right of one identity to be in one room. Made by [`Bridge::member`](super::Bridge::member).
///
/// The right is looked at again by whatever changes something, since it can end meanwhile.
pub struct Member {
    shared: Arc<Shared>,
    who: Arc<Identity>,
    room: RoomId,
}

/// Somebody in the room, as everybody in it may see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Occupant {
    #[serde(flatten)]
    pub person: Person,
    /// Open connections; 0 while they have a moment to come back.
    pub connections: usize,
}

impl Member {
    pub(super) fn new(shared: Arc<Shared>, who: Arc<Identity>, room: RoomId) -> Self {
        Self { shared, who, room }
    }

    pub fn room(&self) -> RoomId {
        self.room
    }

    pub fn card(&self) -> Result<Card, Refusal> {
        self.shared.state().live(self.room).map(super::state::Live::card)
    }

    /// Whether there is a place: free, or one's own already.
    pub fn has_place(&self) -> bool {
        self.shared.state().live(self.room).is_ok_and(|live| {
            live.presence.has(self.who.uid) || live.presence.count() < live.room.max
        })
    }

    /// Everybody in the room.
    pub fn occupants(&self) -> Result<Vec<Occupant>, Refusal> {
        let state = self.shared.state();
        let people = state.open_to(&self.who, self.room)?.presence.people();
        Ok(people
            .map(|(person, connections)| Occupant { person: person.clone(), connections })
            .collect())
    }

    /// A part of the log, oldest first; at most `limits.page` messages.
    pub async fn page(&self, page: Page, limit: u32) -> Result<Vec<Event>, Refusal> {
        self.shared.state().open_to(&self.who, self.room)?;
        self.shared.log(self.room, page, limit.clamp(1, self.shared.limits.page)).await
    }

    /// Says something: returns when it is stored.
    pub async fn post(&self, draft: Draft) -> Result<Event, Refusal> {
        self.submit(draft).await?.stored().await
    }

    /// Hands something over to be said: what one caller submits, one after the other, is stored in
    /// that order. Waits for a place in the queue.
    pub async fn submit(&self, draft: Draft) -> Result<Pending, Refusal> {
        let deadline = self.shared.deadline();
        let place = Some(self.shared.place(self.room, deadline).await?);
        self.shared.state().open_to(&self.who, self.room)?;
        let (content, key) = self.content(draft).await?;
        let image = content.image.map(|image| image.name);
        let message = stamp::chat(&self.who, self.room, content, key);
        let id = message.event.id;
        let (reply, answer) = oneshot::channel();
        let enqueued = {
            let state = self.shared.state();
            state.open_to(&self.who, self.room).map(|live| {
                let reply = Some(reply);
                state.send(live.room.off_record, Job::Append { message, place, reply });
            })
        };
        match (enqueued, image) {
            (Ok(()), _) => Ok(Pending { room: self.room, id, answer, deadline }),
            (Err(refusal), None) => Err(refusal),
            (Err(refusal), Some(image)) => {
                self.shared.drop_image(image).await;
                Err(refusal)
            }
        }
    }

    /// Says something to one occupant only. It is delivered, never stored; it has no number.
    pub async fn whisper(&self, to: Uid, draft: Draft) -> Result<Event, Refusal> {
        let Draft::Text { chat, key } = draft else {
            return Err(crate::chat::message::DraftFault::NotText.into());
        };
        {
            let state = self.shared.state();
            if !state.open_to(&self.who, self.room)?.presence.has(to) {
                return Err(Refusal::NoSuchPerson);
            }
        }
        let content = Content { chat: Some(chat), image: None };
        let event = stamp::whisper(&self.who, self.room, to, content, key);
        let topic = topic::whisper(self.room, to);
        let message = Message { topic, payload: event.to_json(), retain: false };
        self.shared.bus.publish(vec![message]).await.map_err(|_| Refusal::Unavailable)?;
        Ok(event)
    }

    /// Takes a place in the room: refused when it is full. Give up the seat by
    /// [`Seat::leave`]; a seat that is dropped counts as a lost connection.
    pub async fn join(&self) -> Result<Seat, Refusal> {
        // A join is a line in the log: it needs a place in the queue, as everything does.
        let deadline = self.shared.deadline();
        let place = Some(self.shared.place(self.room, deadline).await?);
        let seat = self.shared.new_seat();
        self.shared.state().enter(&self.who, self.room, seat, place)?;
        self.shared.state_changed();
        let (shared, who) = (Arc::clone(&self.shared), self.who.uid);
        Ok(Seat { shared, who, room: self.room, seat, left: false })
    }

    /// Says that connections lost before will not come back: without one that is open, an exit.
    pub fn leave(&self) {
        self.shared.state().give_up(self.who.uid, self.room);
        self.shared.state_changed();
    }

    /// An image of this room.
    pub async fn image(&self, name: ImageName) -> Result<Image, Refusal> {
        if name.room != self.room {
            return Err(Refusal::NotFound);
        }
        self.shared.open_image(name).await
    }

    /// What a draft says, with its image kept.
    async fn content(&self, draft: Draft) -> Result<(Content, Option<Key>), Refusal> {
        match draft {
            Draft::Text { chat, key } => Ok((Content { chat: Some(chat), image: None }, key)),
            Draft::Image { bytes, caption, key, .. } => {
                let image = self.shared.keep_image(self.who.uid, self.room, bytes).await?;
                Ok((Content { chat: caption, image: Some(image) }, key))
            }
        }
    }
}

impl Shared {
    async fn place(&self, room: RoomId, deadline: tokio::time::Instant) -> Result<Place, Refusal> {
        let off_record = self.state().live(room)?.room.off_record;
        let place = Arc::clone(self.places.of(off_record)).acquire_owned();
        match tokio::time::timeout_at(deadline, place).await {
            Ok(Ok(place)) => Ok(place),
            // Stopping, or the store has been down for long.
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

/// Something that is on its way into the log.
pub struct Pending {
    room: RoomId,
    id: MessageId,
    answer: oneshot::Receiver<Result<Event, Refusal>>,
    deadline: tokio::time::Instant,
}

impl Pending {
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// The id that the event will have, unless its key was used before.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Resolves after the commit, with what is in the log: for a key said before, the first event.
    /// After a timeout it is open whether it will be stored.
    pub async fn stored(mut self) -> Result<Event, Refusal> {
        match tokio::time::timeout_at(self.deadline, &mut self.answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

/// A connection's place in a room.
pub struct Seat {
    shared: Arc<Shared>,
    who: Uid,
    room: RoomId,
    seat: SeatId,
    left: bool,
}

impl Seat {
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// False when its holder was taken out of the room, or the room is gone.
    pub fn counts(&self) -> bool {
        let state = self.shared.state();
        state.live(self.room).is_ok_and(|live| live.presence.holds(self.who, self.seat))
    }

    /// Leaves on purpose, at once.
    pub fn leave(mut self) {
        self.left = true;
        self.shared.state().leave(self.who, self.room, self.seat);
        self.shared.state_changed();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.left {
            self.shared.state().lose(self.who, self.room, self.seat, Instant::now());
            self.shared.state_changed();
        }
    }
}
