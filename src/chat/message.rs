//! A message on its way: what a client wants said ([`Draft`]), who said it when ([`Stamped`]), and
//! the numbered fact that everybody gets ([`Event`]).
//!
//! Author, id and time are the server's; nothing in a payload can set them.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;

use super::{Colour, ImageKind, ImageName, MessageId, Moment, RoomId, Uid, people::Person};

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Chat,
    Join,
    Exit,
    Owner,
    Kick,
    RemoveRoom,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Chat, Self::Join, Self::Exit, Self::Owner, Self::Kick, Self::RemoveRoom];

    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Join => "join",
            Self::Exit => "exit",
            Self::Owner => "owner",
            Self::Kick => "kick",
            Self::RemoveRoom => "removeRoom",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who an event is from: a person's colour, or the room itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    System,
    Person(Colour),
}

impl fmt::Display for Author {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => out.write_str("system"),
            Self::Person(colour) => colour.fmt(out),
        }
    }
}

impl Serialize for Author {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Author {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        if text == "system" {
            return Ok(Self::System);
        }
        let colour = serde::de::value::StrDeserializer::<D::Error>::new(&text);
        Colour::deserialize(colour).map(Self::Person)
    }
}

/// Makes a send idempotent: the same key from the same identity in the same room is one message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// Characters at most.
    pub const MAX_CHARS: usize = 64;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = DraftFault;

    fn from_str(text: &str) -> Result<Self, DraftFault> {
        let short = (1..=Self::MAX_CHARS).contains(&text.chars().count());
        if short && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(DraftFault::Key)
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What is said: a text, an image, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub chat: Option<String>,
    pub image: Option<Posted>,
}

/// An image as an event tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    pub name: ImageName,
    /// In pixels, as it is shown.
    pub width: u32,
    pub height: u32,
    pub animated: bool,
}

/// What a client wants said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    Text { chat: String, key: Option<Key> },
    Image { kind: ImageKind, bytes: Bytes, caption: Option<String>, key: Option<Key> },
}

/// Why a draft cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftFault {
    #[error("the message is empty: give some text")]
    Empty,
    #[error("the message is too long: give at most {0} characters")]
    TooLong(usize),
    #[error("`chat` must be a string")]
    NotText,
    #[error("neither UTF-8 text nor a GIF, PNG, JPEG or WebP image")]
    NotTextNorImage,
    #[error("the image is too large: give at most {0} bytes")]
    ImageTooLarge(usize),
    #[error("the image is damaged or cut off")]
    BadImage,
    #[error("the image is too large: give at most {0} pixels")]
    TooManyPixels(u64),
    #[error("the animation is too long: give at most {0} frames")]
    TooManyFrames(u32),
    #[error("`key` must be 1 to 64 printable characters")]
    Key,
}

impl Draft {
    /// A text, without trailing white space, of 1 to `max_chars` characters.
    pub fn text(chat: &str, key: Option<Key>, max_chars: usize) -> Result<Self, DraftFault> {
        let chat = chat.trim_end();
        if chat.trim_start().is_empty() {
            return Err(DraftFault::Empty);
        }
        // Bytes bound characters from both sides, so that a huge text is not counted through.
        if chat.len() > max_chars * 4 || chat.chars().count() > max_chars {
            return Err(DraftFault::TooLong(max_chars));
        }
        Ok(Self::Text { chat: chat.to_owned(), key })
    }

    /// Reads an MQTT payload: a JSON object with `chat`; or an image; or any text, taken whole.
    pub fn from_payload(payload: &Bytes, max_chars: usize) -> Result<Self, DraftFault> {
        if let Some(kind) = ImageKind::sniff(payload) {
            let bytes = Bytes::copy_from_slice(payload);
            return Ok(Self::Image { kind, bytes, caption: None, key: None });
        }
        let text = std::str::from_utf8(payload).map_err(|_| DraftFault::NotTextNorImage)?;
        match Self::fields(text) {
            Some(Value::Object(fields)) => Self::from_fields(&fields, max_chars),
            _ => Self::text(text, None, max_chars),
        }
    }

    /// A JSON object counts as a draft when it has a `chat`; a sensor's own JSON stays a text.
    fn fields(text: &str) -> Option<Value> {
        let object = text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok())?;
        object.filter(|value: &Value| value.get("chat").is_some())
    }

    /// Reads a draft's JSON object. Every field but `chat` and `key` is ignored.
    pub fn from_fields(
        fields: &serde_json::Map<String, Value>,
        max_chars: usize,
    ) -> Result<Self, DraftFault> {
        let chat = fields.get("chat").ok_or(DraftFault::Empty)?;
        let chat = chat.as_str().ok_or(DraftFault::NotText)?;
        let key = match fields.get("key") {
            None | Some(Value::Null) => None,
            Some(key) => Some(key.as_str().ok_or(DraftFault::Key)?.parse()?),
        };
        Self::text(chat, key, max_chars)
    }
}

/// A fact of a room, as everybody gets it and as history returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub room: RoomId,
    /// Contiguous per room from 1. A whisper has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    pub id: MessageId,
    pub user: Author,
    /// Who said it, or whom a system event concerns.
    pub uid: Uid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// The file name of an image, served at `/gif/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gif: Option<String>,
    /// The image's size in pixels, as it is shown. Those of old messages have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Whether the image moves.
    #[serde(default, skip_serializing_if = "is_false")]
    pub animated: bool,
    /// To whom it is whispered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Uid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// How many occupants there are after a join, exit or kick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occupancy: Option<u32>,
    pub created_at: Moment,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_false(value: &bool) -> bool {
    !value
}

/// Bytes of an event's JSON beside its text, mostly.
const FIELDS: usize = 256;

impl Event {
    /// The JSON that goes over the wire.
    pub fn to_json(&self) -> Bytes {
        let text = self.chat.as_ref().map_or(0, String::len);
        let mut json = Vec::with_capacity(text + FIELDS);
        // Strings, numbers and nothing that could refuse: serialisation cannot fail.
        if serde_json::to_writer(&mut json, self).is_err() {
            json.clear();
        }
        Bytes::from(json)
    }
}

/// An event that has author, id and time, but no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// `seq` is `None`.
    pub event: Event,
    /// Whom a join, exit, kick or change of owner concerns: with it the store keeps the room's
    /// roster and its owner, so that a restart knows who was there, and whose it is.
    pub whom: Option<Person>,
}

impl Stamped {
    pub fn numbered(self, seq: u64) -> Event {
        Event { seq: Some(seq), ..self.event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Result<Draft, DraftFault> {
        Draft::from_payload(&Bytes::copy_from_slice(payload.as_bytes()), 2000)
    }

    fn said(payload: &str) -> String {
        match read(payload) {
            Ok(Draft::Text { chat, .. }) => chat,
            other => panic!("{payload}: {other:?}"),
        }
    }

    #[test]
    fn any_text_is_a_message() {
        for (payload, chat) in [
            ("door open", "door open"),
            ("21.5", "21.5"),
            ("  indented\n", "  indented"),
            (r#"{"chat":"hi"}"#, "hi"),
            (r##"{"chat":"hi","user":"#000000","uid":"x","seq":9}"##, "hi"),
            (r#"{"temp":21}"#, r#"{"temp":21}"#),
            (r#"{"chat":"#, r#"{"chat":"#),
            (r#""quoted""#, r#""quoted""#),
        ] {
            assert_eq!(said(payload), chat);
        }
    }

    #[test]
    fn bad_drafts_say_what_is_wrong() {
        let long = "x".repeat(2001);
        for (payload, fault) in [
            ("", DraftFault::Empty),
            (" \n\t", DraftFault::Empty),
            (r#"{"chat":""}"#, DraftFault::Empty),
            (r#"{"chat":5}"#, DraftFault::NotText),
            (r#"{"chat":"x","key":""}"#, DraftFault::Key),
            (r#"{"chat":"x","key":7}"#, DraftFault::Key),
            (long.as_str(), DraftFault::TooLong(2000)),
        ] {
            assert_eq!(read(payload), Err(fault), "{payload}");
        }
        let bytes = Bytes::from_static(&[0xff, 0xfe, 0]);
        assert_eq!(Draft::from_payload(&bytes, 2000), Err(DraftFault::NotTextNorImage));
    }

    #[test]
    fn two_thousand_characters_of_any_script_fit() {
        assert_eq!(said(&"가".repeat(2000)).chars().count(), 2000);
        assert_eq!(said(&"🎈".repeat(2000)).chars().count(), 2000);
    }

    #[test]
    fn an_image_is_known_by_its_bytes() {
        let payload = Bytes::from_static(b"GIF89a\x01\x00\x01\x00");
        let draft = Draft::from_payload(&payload, 2000);
        assert!(matches!(draft, Ok(Draft::Image { kind: ImageKind::Gif, .. })), "{draft:?}");
    }

    #[test]
    fn an_event_reads_back_and_begins_with_its_number() {
        let event = Event {
            kind: Kind::RemoveRoom,
            room: RoomId::from_entropy([1; 12]),
            seq: Some(7),
            id: MessageId::from_entropy([2; 20]),
            user: Author::System,
            uid: Uid::from_entropy([3; 16]),
            name: None,
            chat: Some("bye".into()),
            gif: None,
            width: None,
            height: None,
            animated: false,
            to: None,
            key: None,
            occupancy: None,
            created_at: Moment::from_millis(0),
        };
        let json = event.to_json();
        let text = std::str::from_utf8(&json).unwrap();
        let start = r#"{"type":"removeRoom","room":"111111111111","seq":7,"id":"#;
        assert!(text.starts_with(start), "{text}");
        assert_eq!(serde_json::from_slice::<Event>(&json).unwrap(), event);
    }
}
