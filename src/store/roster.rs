//! What a message does to its room's roster, and to whose the room is. Pure.

use crate::chat::{Event, Kind, Uid, people::Person};

/// A change of who is in a room, or of who owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// With the number of the join, by which the roster is ordered.
    In(Person, u64),
    Out(Uid),
    Owner(Person),
}

impl Step {
    /// A join brings in whom it names; an exit or kick takes out whom it concerns; a change of owner
    /// gives the room to whom it names.
    ///
    /// The event has its number.
    pub fn of(event: &Event, whom: Option<&Person>) -> Option<Self> {
        match event.kind {
            Kind::Join => whom.map(|who| Self::In(who.clone(), event.seq.unwrap_or_default())),
            Kind::Exit | Kind::Kick => Some(Self::Out(event.uid)),
            Kind::Owner => whom.cloned().map(Self::Owner),
            Kind::Chat | Kind::RemoveRoom => None,
        }
    }
}
