//! The data representations of MQTT 5 section 1.5, written.

use bytes::{BufMut, BytesMut};

use super::encode::EncodeError;

/// The largest Variable Byte Integer.
pub(super) const MAX_VARINT: usize = 268_435_455;

pub(super) fn put_string(out: &mut BytesMut, text: &str) -> Result<(), EncodeError> {
    put_binary(out, text.as_bytes())
}

pub(super) fn put_binary(out: &mut BytesMut, bytes: &[u8]) -> Result<(), EncodeError> {
    let length = u16::try_from(bytes.len()).map_err(|_| EncodeError::FieldTooLong)?;
    out.put_u16(length);
    out.put_slice(bytes);
    Ok(())
}

pub(super) fn put_varint(out: &mut BytesMut, value: usize) -> Result<(), EncodeError> {
    let (bytes, used) = varint(value)?;
    out.put_slice(&bytes[..used]);
    Ok(())
}

/// How many bytes `put_varint` takes.
pub(super) fn varint_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Writes what `body` writes, behind its own length.
pub(super) fn put_with_length(
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_u32(0);
    body(out)?;
    let length = out.len() - start - 4;
    let (prefix, used) = varint(length)?;
    out[start..start + used].copy_from_slice(&prefix[..used]);
    if used < 4 {
        out.copy_within(start + 4.., start + used);
        out.truncate(start + used + length);
    }
    Ok(())
}

fn varint(mut value: usize) -> Result<([u8; 4], usize), EncodeError> {
    if value > MAX_VARINT {
        return Err(EncodeError::TooLarge);
    }
    let mut bytes = [0; 4];
    let mut used = 0;
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        bytes[used] = if value > 0 { low | 0x80 } else { low };
        used += 1;
        if value == 0 {
            return Ok((bytes, used));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_in_front_of_what_it_measures() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = BytesMut::from(&b"before"[..]);
            put_with_length(&mut out, |out| {
                out.put_bytes(0xAB, length);
                Ok(())
            })
            .expect("fits");
            let prefix = varint_len(length);
            assert_eq!(out.len(), 6 + prefix + length);
            let (value, used) = varint(length).expect("fits");
            assert_eq!(used, prefix);
            assert_eq!(&out[6..6 + used], &value[..used]);
            assert!(out[6 + used..].iter().all(|byte| *byte == 0xAB));
        }
    }

    #[test]
    fn what_no_length_can_express_is_an_error() {
        let mut out = BytesMut::new();
        assert_eq!(put_varint(&mut out, MAX_VARINT + 1), Err(EncodeError::TooLarge));
        assert_eq!(put_string(&mut out, &"a".repeat(65_536)), Err(EncodeError::FieldTooLong));
    }
}
