//! Several messages as one piece of bytes: of each the topic and the payload, both with their
//! lengths before them. Only ever read by who wrote it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Message;

/// Bytes at which a frame is full: it is larger by one message at most.
const FULL: usize = 64 * 1024;

#[derive(Default)]
pub struct Frame(BytesMut);

impl Frame {
    pub fn put(&mut self, message: &Message) {
        for part in [message.topic.as_bytes(), &message.payload] {
            // Both are far below 4 GiB: the configuration bounds every message.
            self.0.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
            self.0.put_slice(part);
        }
    }

    pub fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    pub fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}

/// Appends the messages of a frame. Their payloads share its buffer.
pub fn unframe(mut frame: Bytes, into: &mut Vec<Message>) {
    while let Some(message) = message(&mut frame) {
        into.push(message);
    }
}

fn message(frame: &mut Bytes) -> Option<Message> {
    let topic = String::from_utf8(part(frame)?.into()).ok()?;
    Some(Message { topic, payload: part(frame)?, retain: false })
}

fn part(frame: &mut Bytes) -> Option<Bytes> {
    let length = frame.try_get_u32().ok()? as usize;
    (length <= frame.len()).then(|| frame.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, payload: &'static str) -> Message {
        Message { topic: topic.into(), payload: payload.into(), retain: false }
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let messages = [message("a", "1"), message("rooms/b", ""), message("c", "three")];
        let mut frame = Frame::default();
        messages.iter().for_each(|message| frame.put(message));
        let mut read = Vec::new();
        unframe(frame.into_bytes(), &mut read);
        assert_eq!(read, messages);
    }

    #[test]
    fn a_frame_that_is_cut_off_gives_what_is_whole() {
        let mut frame = Frame::default();
        frame.put(&message("a", "1"));
        frame.put(&message("a", "2"));
        let whole = frame.into_bytes();
        for end in 0..whole.len() {
            let mut read = Vec::new();
            unframe(whole.slice(..end), &mut read);
            assert_eq!(read.len(), end / (whole.len() / 2), "{end} bytes");
        }
    }
}
