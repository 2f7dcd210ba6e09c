//! The only place where Parlor's topics are spelled.

use super::{RoomId, Uid};

/// Every room's card, retained.
pub const DIRECTORY: &str = "rooms/+";
/// Every room's events.
pub const CHATS: &str = "chat/+";
/// Every whisper.
pub const WHISPERS: &str = "chat/+/to/+";
/// What the broker says of itself.
pub const SYS: &str = "$SYS/";

/// `rooms/<id>`: the room's card.
pub fn card(room: RoomId) -> String {
    format!("rooms/{room}")
}

/// `chat/<id>`: what is said in the room.
pub fn chat(room: RoomId) -> String {
    format!("chat/{room}")
}

/// `chat/<id>/to/<uid>`: a whisper.
pub fn whisper(room: RoomId, to: Uid) -> String {
    format!("chat/{room}/to/{to}")
}

/// A topic name, read as what it means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Card(RoomId),
    Chat(RoomId),
    Whisper(RoomId, Uid),
    /// `$SYS/...`
    Sys,
    /// None of Parlor's. Also `chat/x` where `x` is not a room id.
    Other,
}

impl Topic {
    /// Reads a topic name, or a filter without wildcards.
    pub fn parse(topic: &str) -> Self {
        Self::own(topic).unwrap_or(Self::Other)
    }

    fn own(topic: &str) -> Option<Self> {
        if topic.starts_with(SYS) {
            return Some(Self::Sys);
        }
        let (first, rest) = topic.split_once('/')?;
        match first {
            "rooms" => rest.parse().ok().map(Self::Card),
            "chat" => match rest.split_once("/to/") {
                Some((room, to)) => Some(Self::Whisper(room.parse().ok()?, to.parse().ok()?)),
                None => rest.parse().ok().map(Self::Chat),
            },
            _ => None,
        }
    }

    /// Whether a name or filter reaches into Parlor's own topics, known or not.
    pub fn is_reserved(topic: &str) -> bool {
        let first = topic.split('/').next().unwrap_or_default();
        matches!(first, "rooms" | "chat") || first.starts_with('$')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_topics_read_back() {
        let room = RoomId::from_entropy([3; 12]);
        let uid = Uid::from_entropy([4; 16]);
        assert_eq!(Topic::parse(&card(room)), Topic::Card(room));
        assert_eq!(Topic::parse(&chat(room)), Topic::Chat(room));
        assert_eq!(Topic::parse(&whisper(room, uid)), Topic::Whisper(room, uid));
        assert_eq!(Topic::parse("$SYS/broker/uptime"), Topic::Sys);
    }

    #[test]
    fn strange_topics_are_nobodys() {
        for topic in ["", "chat", "chat/", "chat/x", "rooms/+", "chat/333333333333/x", "$SYSX"] {
            assert_eq!(Topic::parse(topic), Topic::Other, "{topic}");
        }
        assert!(Topic::is_reserved("chat/x/y"));
        assert!(Topic::is_reserved("$control/x"));
        assert!(!Topic::is_reserved("sensors/x"));
    }
}
