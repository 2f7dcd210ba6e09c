//! Cards and events as the pages show them.

use super::pages::{CardView, EventView};
use crate::chat::{Card, Event};

impl From<&Card> for CardView {
    fn from(card: &Card) -> Self {
        Self {
            id: card.id.to_string(),
            title: card.title.clone(),
            max: card.max,
            owner: card.owner.to_string(),
            owner_id: card.owner_id.to_string(),
            locked: card.locked,
            off_record: card.off_record,
            keep: card.keep,
            occupancy: card.occupancy,
            created_at: card.created_at.to_string(),
        }
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            kind: event.kind.as_str().to_owned(),
            room: event.room.to_string(),
            seq: event.seq.unwrap_or_default(),
            id: event.id.to_string(),
            user: event.user.to_string(),
            uid: event.uid.to_string(),
            name: event.name,
            chat: event.chat,
            gif: event.gif,
            width: event.width,
            height: event.height,
            animated: event.animated,
            key: event.key.map(|key| key.as_str().to_owned()),
            created_at: event.created_at.to_string(),
        }
    }
}
