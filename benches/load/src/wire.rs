//! As much of MQTT, WebSocket and Socket.IO as a load generator needs, and no more: it trusts the
//! servers it measures, and must cost less than they do.

/// MQTT's two versions, by their protocol level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V4 = 4,
    V5 = 5,
}

/// A packet from a server.
pub struct Packet<'a> {
    /// Type and flags.
    pub first: u8,
    pub body: &'a [u8],
}

impl Packet<'_> {
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const SUBACK: u8 = 9;
    pub const UNSUBACK: u8 = 11;

    pub fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// Of a PUBLISH at QoS 1: its identifier, to be acknowledged.
    pub fn publish_id(&self) -> Option<[u8; 2]> {
        let topic = usize::from(u16::from_be_bytes([self.body[0], self.body[1]]));
        (self.first & 0b110 != 0).then(|| [self.body[2 + topic], self.body[3 + topic]])
    }
}

/// Hands out the whole packets at the beginning of `bytes`; tells how many bytes they were.
pub fn packets(bytes: &[u8], mut each: impl FnMut(Packet<'_>)) -> usize {
    let mut at = 0;
    while let Some((head, length)) = head(&bytes[at..]) {
        let end = at + head + length;
        if end > bytes.len() {
            break;
        }
        each(Packet { first: bytes[at], body: &bytes[at + head..end] });
        at = end;
    }
    at
}

/// Lengths of a packet's fixed header and of what follows it.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for place in 0..4 {
        let byte = *bytes.get(1 + place)?;
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Some((2 + place, length));
        }
    }
    panic!("a length of five bytes")
}

/// Name and password.
pub type Login<'a> = Option<(&'a str, &'a str)>;

pub fn connect(out: &mut Vec<u8>, version: Version, client_id: &str, login: Login<'_>) {
    let mut body = Vec::new();
    string(&mut body, b"MQTT");
    body.push(version as u8);
    body.push(if login.is_some() { 0xC2 } else { 0x02 });
    // An hour: the pauses between the windows of one server are the others' windows.
    body.extend(3600u16.to_be_bytes());
    if version == Version::V5 {
        body.push(0);
    }
    string(&mut body, client_id.as_bytes());
    if let Some((name, password)) = login {
        string(&mut body, name.as_bytes());
        string(&mut body, password.as_bytes());
    }
    packet(out, 0x10, &[&body]);
}

pub fn subscribe(out: &mut Vec<u8>, version: Version, filter: &str, qos: u8) {
    let mut body = vec![0, 1];
    if version == Version::V5 {
        body.push(0);
    }
    string(&mut body, filter.as_bytes());
    body.push(qos);
    packet(out, 0x82, &[&body]);
}

/// In MQTT 3.1.1.
pub fn unsubscribe(out: &mut Vec<u8>, filter: &str) {
    let mut body = vec![0, 1];
    string(&mut body, filter.as_bytes());
    packet(out, 0xA2, &[&body]);
}

/// At QoS 1 when there is an identifier.
pub fn publish(out: &mut Vec<u8>, version: Version, topic: &str, id: Option<u16>, payload: &[u8]) {
    let length = (topic.len() as u16).to_be_bytes();
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    let id_bytes = id.unwrap_or_default().to_be_bytes();
    let id_bytes = if id.is_some() { &id_bytes[..] } else { &[] };
    let first = if id.is_some() { 0x32 } else { 0x30 };
    packet(out, first, &[&length, topic.as_bytes(), id_bytes, properties, payload]);
}

pub fn puback(out: &mut Vec<u8>, id: [u8; 2]) {
    out.extend([0x40, 2, id[0], id[1]]);
}

pub fn disconnect(out: &mut Vec<u8>) {
    out.extend([0xE0, 0]);
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text);
}

fn packet(out: &mut Vec<u8>, first: u8, parts: &[&[u8]]) {
    out.push(first);
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    parts.iter().for_each(|part| out.extend(*part));
}

/// Asks for the upgrade to WebSocket.
pub fn upgrade(path: &str, subprotocol: &str) -> Vec<u8> {
    let offer = match subprotocol {
        "" => String::new(),
        name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    request.into_bytes()
}

/// One message from a client: masked, as it must be, with zeros, which change nothing.
pub fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        long @ 126..65536 => {
            out.push(0x80 | 126);
            out.extend((long as u16).to_be_bytes());
        }
        longer => {
            out.push(0x80 | 127);
            out.extend((longer as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

/// Lengths of a frame's header and payload, when the header is whole.
pub fn frame_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let short = usize::from(*bytes.get(1)? & 0x7F);
    match short {
        126 => {
            let length: [u8; 2] = bytes.get(2..4)?.try_into().ok()?;
            Some((4, usize::from(u16::from_be_bytes(length))))
        }
        127 => {
            let length: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
            Some((10, u64::from_be_bytes(length) as usize))
        }
        _ => Some((2, short)),
    }
}

/// Where `needle` stands.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
