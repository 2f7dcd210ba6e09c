//! The data representations of MQTT 5 section 1.5, read from one packet's body. A length that the
//! bytes announce is compared with the bytes there are before anything is copied.

use bytes::{Buf, Bytes};

use super::{error::DecodeError, packet::PacketId};

/// The rest of a packet's body, or of a part of it with a length of its own.
pub(super) struct Reader {
    bytes: Bytes,
}

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Reader {
        Reader { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        if count > self.bytes.len() {
            return Err(DecodeError::malformed("a field is longer than its packet", "1.5"));
        }
        Ok(self.bytes.split_to(count))
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(self.take(2)?.get_u16())
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(self.take(4)?.get_u32())
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?)
            .ok_or_else(|| DecodeError::protocol("packet identifier 0", "MQTT-2.2.1-3"))
    }

    pub(super) fn varint(&mut self) -> Result<u32, DecodeError> {
        match decode_varint(&self.bytes)? {
            Some((value, used)) => {
                self.bytes.advance(used);
                Ok(value)
            }
            None => Err(DecodeError::malformed("a length field is cut off", "1.5.5")),
        }
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// UTF-8 without U+0000, and without the control characters and non-characters that section
    /// 1.5.4 lets a receiver refuse: they have no use in a topic, a name or a log.
    pub(super) fn string(&mut self) -> Result<String, DecodeError> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| DecodeError::malformed("a string is not UTF-8", "MQTT-1.5.4-1"))?;
        if text.contains('\0') {
            return Err(DecodeError::malformed("a string holds U+0000", "MQTT-1.5.4-2"));
        }
        if text.chars().any(|c| c.is_control() || is_non_character(c)) {
            return Err(DecodeError::malformed("a string holds a control character", "1.5.4"));
        }
        Ok(text.to_owned())
    }

    pub(super) fn rest(&mut self) -> Bytes {
        self.bytes.split_off(0)
    }

    /// Refuses what nobody has read.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::malformed("a packet is longer than its fields", "2.1.4"))
        }
    }
}

fn is_non_character(c: char) -> bool {
    let value = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&value) || value & 0xFFFE == 0xFFFE
}

/// A Variable Byte Integer at the start of `bytes`, and how many bytes it takes; none while it is
/// incomplete. At most four bytes, and as few as possible [MQTT-1.5.5-1].
pub(super) fn decode_varint(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            if index > 0 && *byte == 0 {
                return Err(DecodeError::malformed(
                    "a length is not in its shortest form",
                    "MQTT-1.5.5-1",
                ));
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < 4 {
        return Ok(None);
    }
    Err(DecodeError::malformed("a length takes more than four bytes", "1.5.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_form() {
        for (bytes, expected) in [
            (&[0x00][..], Some((0, 1))),
            (&[0x7F], Some((127, 1))),
            (&[0x80, 0x01], Some((128, 2))),
            (&[0xFF, 0xFF, 0xFF, 0x7F], Some((268_435_455, 4))),
            (&[0x80], None),
            (&[0xFF, 0xFF, 0xFF], None),
            (&[], None),
        ] {
            assert_eq!(decode_varint(bytes), Ok(expected), "{bytes:x?}");
        }
        for bytes in [&[0x80, 0x00][..], &[0x81, 0x80, 0x00], &[0xFF, 0xFF, 0xFF, 0xFF, 0x01]] {
            assert!(decode_varint(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn strings_are_utf8_without_control_characters() {
        let read = |text: &[u8]| {
            let mut bytes = vec![0, text.len() as u8];
            bytes.extend_from_slice(text);
            Reader::new(bytes.into()).string()
        };
        assert_eq!(read("안녕 \u{FEFF}".as_bytes()), Ok("안녕 \u{FEFF}".to_owned()));
        for bad in
            [&b"a\0b"[..], b"\xED\xA0\x80", b"\xFF", b"a\x07", b"\xC2\x85", "\u{FFFE}".as_bytes()]
        {
            assert!(read(bad).is_err(), "{bad:x?}");
        }
    }

    #[test]
    fn an_announced_length_is_not_believed() {
        assert!(Reader::new(Bytes::from_static(&[0xFF, 0xFF, b'a'])).binary().is_err());
        assert!(Reader::new(Bytes::from_static(&[0])).u16().is_err());
        assert!(Reader::new(Bytes::from_static(&[0, 0])).packet_id().is_err());
        assert!(Reader::new(Bytes::from_static(&[1])).finish().is_err());
    }
}
