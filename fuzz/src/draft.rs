//! What a client wants said, from any payload: text, JSON with `chat`, or an image whose size is
//! read from its header. First byte: how many characters and pixels are allowed.

use bytes::Bytes;
use parlor::{
    bridge::images::check_pixels,
    chat::{
        Draft, Event, ImageKind, Key, Kind, MessageId, Moment, RoomId, Uid,
        message::{Author, DraftFault},
    },
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
        to: None,
        key,
        occupancy: None,
        created_at: Moment::from_millis(0),
    };
    let json = event.to_json();
    assert!(!json.contains(&b'\n'), "an event is one line, as Server-Sent Events need it");
    assert_eq!(serde_json::from_slice::<Event>(&json).expect("JSON"), event);
}

fn check_image(kind: ImageKind, bytes: &[u8], pixels: u64) {
    let fits = check_pixels(kind, bytes, pixels * pixels).is_ok();
    assert!(!fits || check_pixels(kind, bytes, u64::MAX).is_ok(), "more pixels are no harm");
    assert!(check_pixels(kind, bytes, 0).is_err());
    for other in [ImageKind::Gif, ImageKind::Jpeg, ImageKind::Png, ImageKind::Webp] {
        assert!(other == kind || check_pixels(other, bytes, u64::MAX).is_err());
    }
}
