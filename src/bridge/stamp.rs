//! Where author, id and time are put on a draft: the one place of the bridge that asks the clock
//! and the random number generator.

use crate::chat::{
    Content, Event, Identity, Key, Kind, MessageId, Moment, RoomId, Stamped, Uid,
    message::Author,
    people::Person,
    phrases::{self, Locale},
};

/// The wall clock.
pub fn now() -> Moment {
    Moment::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Random bytes from the operating system, for what nobody may guess.
#[allow(clippy::expect_used)] // no input reaches it; without random numbers nothing is safe
pub fn entropy<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new message's id. It need not be a secret, so it costs no call to the operating system.
fn message_id(at: Moment) -> MessageId {
    MessageId::at(at, rand::random())
}

/// What `who` says.
pub fn chat(who: &Identity, room: RoomId, content: Content, key: Option<Key>) -> Stamped {
    let at = now();
    let event = Event {
        kind: Kind::Chat,
        room,
        seq: None,
        id: message_id(at),
        user: Author::Person(who.colour),
        uid: who.uid,
        name: who.name.clone(),
        chat: content.chat,
        gif: content.image.map(|image| image.name.to_string()),
        width: content.image.map(|image| image.width),
        height: content.image.map(|image| image.height),
        animated: content.image.is_some_and(|image| image.animated),
        to: None,
        key,
        occupancy: None,
        created_at: at,
    };
    Stamped { event, whom: None }
}

/// What `who` whispers.
pub fn whisper(who: &Identity, room: RoomId, to: Uid, content: Content, key: Option<Key>) -> Event {
    Event { to: Some(to), ..chat(who, room, content, key).event }
}

/// What the room itself says of somebody.
pub fn system(
    locale: Locale,
    kind: Kind,
    room: RoomId,
    whom: &Person,
    occupancy: Option<u32>,
) -> Stamped {
    let at = now();
    let event = Event {
        kind,
        room,
        seq: None,
        id: message_id(at),
        user: Author::System,
        uid: whom.uid,
        name: whom.name.clone(),
        chat: Some(phrases::sentence(locale, kind, &whom.shown())),
        gif: None,
        width: None,
        height: None,
        animated: false,
        to: None,
        key: None,
        occupancy,
        created_at: at,
    };
    let is_about_them = kind != Kind::RemoveRoom;
    Stamped { event, whom: is_about_them.then(|| whom.clone()) }
}
