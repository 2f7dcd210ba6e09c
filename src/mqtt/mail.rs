//! What can wait for a session.

use std::sync::Arc;

use super::{
    codec::{Qos, SubscribeOptions},
    session::{Delivery, Run},
};
use crate::chat::{MessageId, RoomId};

/// Something for a session.
#[derive(Clone, Debug)]
pub enum Mail {
    /// Events of a room.
    Events(EventMail),
    /// A card, a `$SYS` value, or a message on an open topic.
    Plain(Delivery),
    /// The right to a room, or the room, has ended; nothing more of it follows.
    Evicted(RoomId),
    /// The identity was taken out of the room; nothing more of it follows for whoever had a place
    /// before that.
    Kicked(RoomId),
}

/// Events of one room that follow each other, shared by all who get them.
#[derive(Debug)]
pub struct Events {
    pub room: RoomId,
    pub run: Arc<Run>,
    /// Of each its id, and its number; a whisper has none.
    pub ids: Vec<(MessageId, Option<u64>)>,
}

/// Events for one subscription.
#[derive(Clone, Debug)]
pub struct EventMail {
    events: Arc<Events>,
    /// Those before it have been handed over.
    next: usize,
    /// With the granted QoS. No Local: not for the connection that said it [MQTT-3.8.3-3].
    pub options: SubscribeOptions,
    pub identifier: Option<u32>,
    /// From the subscription that is the place in the room, not from a monitoring one.
    pub as_occupant: bool,
}

/// One of them.
#[derive(Debug)]
pub struct OneEvent {
    pub id: MessageId,
    /// None for a whisper.
    pub seq: Option<u64>,
    pub delivery: Delivery,
}

impl EventMail {
    pub fn new(
        events: Arc<Events>,
        options: SubscribeOptions,
        identifier: Option<u32>,
        as_occupant: bool,
    ) -> EventMail {
        EventMail { events, next: 0, options, identifier, as_occupant }
    }

    pub fn room(&self) -> RoomId {
        self.events.room
    }

    /// All of them in one piece, if none is handed over yet and each may go out as it is.
    pub fn whole(&self) -> Option<&Arc<Run>> {
        let as_they_are = self.options.qos == Qos::AtMostOnce
            && !self.options.no_local
            && self.identifier.is_none()
            && self.next == 0;
        as_they_are.then_some(&self.events.run)
    }

    /// The numbers of the first and the last; none for a whisper.
    pub fn numbers(&self) -> Option<(u64, u64)> {
        Some((self.events.ids.first()?.1?, self.events.ids.last()?.1?))
    }

    pub fn is_empty(&self) -> bool {
        self.next == self.events.ids.len()
    }

    /// All of them have been handed over.
    pub fn finish(&mut self) {
        self.next = self.events.ids.len();
    }

    /// Takes the next one out.
    pub fn next(&mut self) -> Option<OneEvent> {
        let (id, seq) = *self.events.ids.get(self.next)?;
        let message = Arc::clone(self.events.run.message(self.next)?);
        self.next += 1;
        let mut delivery = Delivery::new(message, self.options.qos);
        delivery.subscription_identifiers.extend(self.identifier);
        Some(OneEvent { id, seq, delivery })
    }
}

impl Mail {
    /// How many messages it is.
    pub(super) fn count(&self) -> usize {
        match self {
            Mail::Events(mail) => mail.events.ids.len() - mail.next,
            Mail::Plain(_) | Mail::Evicted(_) | Mail::Kicked(_) => 1,
        }
    }

    /// Bytes of topics and payloads.
    pub(super) fn size(&self) -> usize {
        match self {
            Mail::Events(mail) => mail.events.run.size_from(mail.next),
            Mail::Plain(delivery) => delivery.message.size(),
            Mail::Evicted(_) | Mail::Kicked(_) => 0,
        }
    }

    pub(super) fn is_at_most_once(&self) -> bool {
        self.qos() == Some(Qos::AtMostOnce)
    }

    /// Whether it is gone for good when it is dropped, and should not be.
    pub(super) fn must_arrive(&self) -> bool {
        let logged = matches!(self, Mail::Events(mail) if mail.as_occupant);
        !logged && self.qos().is_some_and(|qos| qos != Qos::AtMostOnce)
    }

    fn qos(&self) -> Option<Qos> {
        match self {
            Mail::Events(mail) => Some(mail.options.qos),
            Mail::Plain(delivery) => Some(delivery.qos),
            Mail::Evicted(_) | Mail::Kicked(_) => None,
        }
    }
}
