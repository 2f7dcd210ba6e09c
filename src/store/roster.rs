//! What a message does to its room's roster. Pure.

use crate::chat::{Event, Kind, Uid, people::Person};

/// A change of who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    In(Person),
    Out(Uid),
}

impl Step {
    /// A join brings in whom it names; an exit or kick takes out whom it concerns.
    pub fn of(event: &Event, whom: Option<&Person>) -> Option<Self> {
        match event.kind {
            Kind::Join => whom.cloned().map(Self::In),
            Kind::Exit | Kind::Kick => Some(Self::Out(event.uid)),
            Kind::Chat | Kind::Owner | Kind::RemoveRoom => None,
        }
    }
}
