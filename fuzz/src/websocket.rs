//! MQTT packets in WebSocket messages: the same packets come out however the bytes are cut into
//! messages and frames, and whatever control frames stand between. A counted plan says how, then
//! the bytes follow; they are tried as raw frames, too.

use std::io::{self, Cursor, Read, Write};

use axum::extract::ws::Message;
use futures_util::{FutureExt, stream};
use parlor::{
    bridge::pace::Rate,
    mqtt::{codec::Version, websocket::Reader},
};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::{self, protocol::Role};

use super::{counted, packet::decode_all};

pub fn websocket(data: &[u8]) {
    let (plan, bytes) = counted(data);
    let (read, error) = read_frames(&framed(plan, bytes));
    assert_eq!(read, bytes, "{error:?}");
    assert_eq!(
        decode_all(&read, Some(Version::V5), usize::from(plan.len() as u8).max(1)),
        decode_all(bytes, Some(Version::V5), bytes.len().max(1)),
    );
    let (read, _) = read_frames(bytes);
    assert!(read.len() <= bytes.len(), "more than was sent");
    // Messages beyond the rules, which no peer's frames can be: a text ends it where it stands.
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    let binary = |part: &[u8]| Ok(Message::Binary(part.to_vec().into()));
    let text = Ok(Message::Text("text".into()));
    let (read, error) = read_messages(vec![binary(head), text, binary(tail)]);
    assert_eq!((&read[..], error), (head, Some(io::ErrorKind::InvalidData)));
}

/// The bytes as a client's frames. Each byte of the plan: how many go next, and in what way.
fn framed(plan: &[u8], bytes: &[u8]) -> Vec<u8> {
    let (mut frames, mut rest, mut is_open) = (Vec::new(), bytes, false);
    for step in plan {
        let count = usize::from(step & 0b1_1111).min(rest.len());
        match step >> 5 {
            0 => frame(&mut frames, 0x89, &rest[..count]),
            1 => frame(&mut frames, 0x8A, &rest[..count]),
            kind => {
                let (part, left) = rest.split_at(count);
                let is_last = kind < 5;
                let head = u8::from(is_last) << 7 | if is_open { 0 } else { 2 };
                frame(&mut frames, head, part);
                (rest, is_open) = (left, !is_last);
            }
        }
    }
    frame(&mut frames, if is_open { 0x80 } else { 0x82 }, rest);
    frames
}

fn frame(out: &mut Vec<u8>, head: u8, payload: &[u8]) {
    let mask = [out.len() as u8, 1, 2, 3];
    out.push(head);
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        long => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(long).expect("inputs are small").to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

type Outcome = (Vec<u8>, Option<io::ErrorKind>);

/// As tungstenite, which axum uses, reads them on the server's side.
fn read_frames(frames: &[u8]) -> Outcome {
    let wire = Wire { input: Cursor::new(frames.to_vec()) };
    let mut socket = tungstenite::WebSocket::from_raw_socket(wire, Role::Server, None);
    let mut messages = Vec::new();
    loop {
        messages.push(match socket.read() {
            Ok(tungstenite::Message::Binary(bytes)) => Ok(Message::Binary(bytes)),
            Ok(tungstenite::Message::Text(text)) => Ok(Message::Text(text.as_str().into())),
            Ok(tungstenite::Message::Ping(bytes)) => Ok(Message::Ping(bytes)),
            Ok(tungstenite::Message::Pong(bytes)) => Ok(Message::Pong(bytes)),
            Ok(tungstenite::Message::Close(_)) => Ok(Message::Close(None)),
            Ok(tungstenite::Message::Frame(_)) => continue,
            Err(error) => {
                messages.push(Err(axum::Error::new(error)));
                return read_messages(messages);
            }
        });
    }
}

fn read_messages(messages: Vec<Result<Message, axum::Error>>) -> Outcome {
    // Without a limit, so that no clock is asked for.
    let mut reader = Reader::new(stream::iter(messages), Rate::new(0.0, 1));
    let mut read = Vec::new();
    let outcome = reader.read_to_end(&mut read).now_or_never().expect("nothing is waited for");
    (read, outcome.err().map(|error| error.kind()))
}

/// What the client sent; what is said to it goes nowhere.
struct Wire {
    input: Cursor<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.input, into)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
