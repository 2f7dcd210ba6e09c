//! Somebody in a room without an MQTT session, as over Server-Sent Events: a place in the room and
//! a mailbox, and nothing to acknowledge.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Edge,
    codec::SubscribeOptions,
    hub::Reader,
    mail::{EventMail, Mail},
    mailbox::Mailbox,
    sessions::SessionId,
};
use crate::{
    bridge::{Member, Refusal, Seat},
    chat::{Identity, RoomId},
};

/// An event as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// None for a whisper.
    pub seq: Option<u64>,
    /// The event's JSON.
    pub payload: Bytes,
}

/// Hears one room until it is dropped: that counts as a lost connection.
pub struct Listener {
    edge: Edge,
    room: RoomId,
    session: SessionId,
    mailbox: Arc<Mailbox>,
    /// Taken out and not told yet.
    taken: Option<EventMail>,
    seat: Seat,
}

impl Edge {
    /// Takes a place in the room; refused as a subscription would be.
    pub async fn listen(&self, who: &Arc<Identity>, member: &Member) -> Result<Listener, Refusal> {
        let (session, mailbox) = self.0.sessions.stranger();
        let reader = Reader {
            session,
            who: Arc::clone(who),
            mailbox: Arc::clone(&mailbox),
            options: SubscribeOptions::default(),
            identifier: None,
        };
        // The mail begins before the place is taken: one's own join is part of it.
        let room = member.room();
        self.0.hub.join(room, reader);
        match member.join().await {
            Ok(seat) => {
                let edge = self.clone();
                Ok(Listener { edge, room, session, mailbox, taken: None, seat })
            }
            Err(refusal) => {
                self.0.hub.leave(room, session);
                Err(refusal)
            }
        }
    }
}

impl Listener {
    /// The next event; none when the right, the room or the server has ended, or when too much has
    /// waited here.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(event) = self.taken.as_mut().and_then(EventMail::next) {
                let payload = event.delivery.message.payload().clone();
                return Some(Heard { seq: event.seq, payload });
            }
            tokio::select! {
                biased;
                () = self.edge.0.stop.cancelled() => return None,
                () = self.mailbox.news() => {}
            }
            if self.mailbox.end().is_some() {
                return None;
            }
            match self.mailbox.take() {
                Some(Mail::Events(mail)) => self.taken = Some(mail),
                Some(Mail::Evicted(_)) => return None,
                Some(Mail::Kicked(room)) if self.stays(room) => {}
                Some(Mail::Kicked(_)) => return None,
                Some(Mail::Plain(_)) | None => {}
            }
        }
    }

    /// Whether the place was taken after the kick.
    fn stays(&self, room: RoomId) -> bool {
        self.seat.counts() && self.edge.0.hub.is_read_by(room, self.session)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.edge.0.hub.leave(self.room, self.session);
    }
}
