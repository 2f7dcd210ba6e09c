//! What a client wants said, from any payload: text, JSON with `chat`, or an image, which is walked to
//! its end. First byte: how many characters, pixels and frames are allowed.

use bytes::Bytes;
use parlor::chat::{
    Draft, Event, ImageKind, Key, Kind, MessageId, Moment, Picture, PictureLimits, RoomId, Uid,
    message::{Author, DraftFault},
};

use super::first;

pub fn draft(data: &[u8]) {
    let (most, payload) = first(data);
    let max_chars = usize::from(most).max(1);
    let draft = Draft::from_payload(&Bytes::copy_from_slice(payload), max_chars);
    let image = ImageKind::sniff(payload);
    match draft {
        Ok(Draft::Image { kind, bytes, caption: None, key: None }) => {
            assert_eq!((Some(kind), &bytes[..]), (image, payload));
            check_image(kind, payload, u64::from(most));
        }
        Ok(Draft::Text { chat, key }) => {
            assert_eq!(image, None);
            let text = std::str::from_utf8(payload).expect("a text is UTF-8");
            check_text(text, &chat, max_chars);
            check_event(chat, key);
        }
        Ok(other) => panic!("nobody said {other:?}"),
        Err(DraftFault::NotTextNorImage) => assert!(std::str::from_utf8(payload).is_err()),
        Err(DraftFault::TooLong(chars)) => assert!(chars == max_chars && payload.len() > chars),
        Err(DraftFault::Empty | DraftFault::NotText | DraftFault::Key) => {
            assert!(std::str::from_utf8(payload).is_ok() && image.is_none());
        }
        Err(other) => panic!("no fault of a payload: {other:?}"),
    }
}

fn check_text(text: &str, chat: &str, max_chars: usize) {
    assert!((1..=max_chars).contains(&chat.chars().count()) && chat.trim_end() == chat);
    let said = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(fields)) => match fields.get("chat") {
            Some(value) => value.as_str().expect("`chat` is a string").to_owned(),
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    };
    assert_eq!(said.trim_end(), chat);
}

/// What is said reaches everybody as it was said, keyed as it was keyed.
fn check_event(chat: String, key: Option<Key>) {
    if let Some(key) = &key {
        let chars = key.as_str().chars().count();
        assert!((1..=Key::MAX_CHARS).contains(&chars) && !key.as_str().contains(char::is_control));
    }
    let event = Event {
        kind: Kind::Chat,
        room: RoomId::from_entropy([1; 12]),
        seq: Some(1),
        id: MessageId::from_entropy([2; 20]),
        user: Author::System,
        uid: Uid::from_entropy([3; 16]),
        name: None,
        chat: Some(chat),
        gif: None,
        width: None,
        height: None,
        animated: false,
        to: None,
        key,
        occupancy: None,
        created_at: Moment::from_millis(0),
    };
    let json = event.to_json();
    assert!(!json.contains(&b'\n'), "an event is one line, as Server-Sent Events need it");
    assert_eq!(serde_json::from_slice::<Event>(&json).expect("JSON"), event);
}

fn check_image(kind: ImageKind, bytes: &[u8], most: u64) {
    let frames = u32::try_from(most).unwrap_or(u32::MAX);
    let limits = PictureLimits { pixels: most * most, frames };
    let Ok(picture) = Picture::read(bytes, limits) else { return };
    assert_eq!(picture.kind, kind);
    assert!(picture.bytes.len() <= bytes.len() + 64, "it does not grow");
    assert!(u64::from(picture.width) * u64::from(picture.height) <= limits.pixels);
    assert_eq!(Picture::read(&picture.bytes, limits), Ok(picture), "clean is clean");
}
