//! MQTT packets as bytes, written without the server's own codec, so that a fault of that shows.

/// A packet as it came: its type (1 to 15), its flags, and what follows the length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub kind: u8,
    pub flags: u8,
    pub body: Vec<u8>,
}

pub const CONNACK: u8 = 2;
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const PUBREC: u8 = 5;
pub const PUBREL: u8 = 6;
pub const PUBCOMP: u8 = 7;
pub const SUBACK: u8 = 9;
pub const UNSUBACK: u8 = 11;
pub const PINGRESP: u8 = 13;
pub const DISCONNECT: u8 = 14;

pub const PINGREQ: &[u8] = &[0xC0, 0];

/// A whole packet: first byte, length, body.
pub fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first][..], &varint(body.len()), body].concat()
}

/// A string, or any bytes, with their length before them.
pub fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u16::try_from(bytes.len()).expect("short enough for MQTT");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A variable byte integer.
pub fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number % 128) as u8;
        number /= 128;
        bytes.push(if number > 0 { low | 128 } else { low });
        if number == 0 {
            return bytes;
        }
    }
}

/// An MQTT 5 property list, its length before it.
pub fn properties(list: &[u8]) -> Vec<u8> {
    [&varint(list.len())[..], list].concat()
}

/// A user property.
pub fn user_property(name: &str, value: &str) -> Vec<u8> {
    [vec![0x26], text(name), text(value)].concat()
}

/// Reads a body from its beginning.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    pub fn number(&mut self) -> u16 {
        let bytes = self.bytes(2);
        u16::from_be_bytes([bytes[0], bytes[1]])
    }

    pub fn text(&mut self) -> String {
        let length = self.number();
        String::from_utf8(self.bytes(length.into()).to_vec()).expect("UTF-8")
    }

    pub fn varint(&mut self) -> usize {
        let mut number = 0;
        for shift in 0..4 {
            let byte = self.byte();
            number |= usize::from(byte & 127) << (7 * shift);
            if byte < 128 {
                break;
            }
        }
        number
    }

    /// The property list, without its length.
    pub fn properties(&mut self) -> &'a [u8] {
        let length = self.varint();
        self.bytes(length)
    }

    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
