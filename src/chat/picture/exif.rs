//! EXIF, of which one word is of use: which way is up.

use super::parts::{Damaged, Parts, Result, must};

pub const UPRIGHT: u8 = 1;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// 1 to 8. Upright when the block does not say, or cannot be read: it is thrown away in any case.
pub fn orientation(tiff: &[u8]) -> u8 {
    read(tiff).unwrap_or(UPRIGHT)
}

/// An EXIF block that says the orientation and nothing else. TIFF 6.0, section 2: header, one
/// directory of one entry.
pub fn minimal(orientation: u8) -> [u8; 26] {
    let mut tiff = *b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = orientation;
    tiff
}

fn read(tiff: &[u8]) -> Result<u8> {
    let mut header = Parts::of(tiff);
    let is_big = match &header.array()? {
        b"MM" => true,
        b"II" => false,
        _ => return Err(Damaged),
    };
    let u16 = |at: &mut Parts<'_>| if is_big { at.u16_be() } else { at.u16_le() };
    let u32 = |at: &mut Parts<'_>| if is_big { at.length_be() } else { at.length_le() };
    must(u16(&mut header)? == 42)?;
    let first = u32(&mut header)?;
    let mut directory = Parts::of(tiff.get(first..).ok_or(Damaged)?);
    for _ in 0..u16(&mut directory)? {
        let mut entry = Parts::of(directory.take(12)?);
        if u16(&mut entry)? == ORIENTATION {
            must(u16(&mut entry)? == SHORT && u32(&mut entry)? == 1)?;
            let value = u16(&mut entry)?;
            return u8::try_from(value).ok().filter(|it| (1..=8).contains(it)).ok_or(Damaged);
        }
    }
    Ok(UPRIGHT)
}
