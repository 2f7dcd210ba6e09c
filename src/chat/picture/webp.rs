//! WebP: a RIFF file with one picture, or an animation of several. Kept are the pictures, their
//! transparency and timing, and the colour profile; EXIF, XMP and chunks of other names go.

use super::{
    Walked, exif,
    parts::{Damaged, Parts, Result, must},
};

const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;
const IS_ANIMATED: u8 = 0x02;

pub fn walk(bytes: &[u8]) -> Result<Walked> {
    let mut file = Parts::of(bytes);
    file.take(4)?;
    let length = file.length_le()?;
    let mut riff = Parts::of(file.take(length)?);
    must(riff.array()? == *b"WEBP")?;
    let mut out = Vec::with_capacity(bytes.len() + 64);
    out.extend(b"RIFF\0\0\0\0WEBP");
    let (name, data) = chunk(&mut riff)?;
    let mut walked = if name == *b"VP8X" {
        extended(data, &mut riff, out)?
    } else {
        let (width, height) = picture(name, data)?;
        keep(&mut out, name, data);
        Walked { bytes: out, width, height, frames: 1, orientation: exif::UPRIGHT }
    };
    let length = u32::try_from(walked.bytes.len() - 8).map_err(|_| Damaged)?;
    walked.bytes[4..8].copy_from_slice(&length.to_le_bytes());
    Ok(walked)
}

/// A file that says in its first chunk what is to come.
fn extended(head: &[u8], riff: &mut Parts<'_>, mut out: Vec<u8>) -> Result<Walked> {
    let mut canvas = Parts::of(head);
    let [flags, reserved @ ..] = canvas.array::<4>()?;
    let (width, height) = (canvas.u24_le()? + 1, canvas.u24_le()? + 1);
    must(canvas.is_empty())?;
    let is_animated = flags & IS_ANIMATED != 0;
    let flags_at = out.len() + 8;
    let mut flags = flags & (HAS_PROFILE | HAS_ALPHA | IS_ANIMATED);
    keep(&mut out, *b"VP8X", &[&[flags][..], &reserved, &head[4..]].concat());
    let (mut orientation, mut frames) = (exif::UPRIGHT, 0);
    while !riff.is_empty() {
        let (name, data) = chunk(riff)?;
        match &name {
            b"ICCP" | b"ALPH" => keep(&mut out, name, data),
            b"ANIM" if is_animated => {
                must(data.len() == 6)?;
                keep(&mut out, name, data);
            }
            b"ANMF" if is_animated => {
                keep(&mut out, name, &frame(data, width, height)?);
                frames += 1;
            }
            b"VP8 " | b"VP8L" if !is_animated => {
                must(frames == 0 && picture(name, data)? == (width, height))?;
                keep(&mut out, name, data);
                frames = 1;
            }
            b"VP8X" => return Err(Damaged),
            b"EXIF" => {
                let tiff = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
                orientation = exif::orientation(tiff);
            }
            _ => {}
        }
    }
    must(frames > 0)?;
    if orientation != exif::UPRIGHT {
        keep(&mut out, *b"EXIF", &exif::minimal(orientation));
        flags |= HAS_EXIF;
        out[flags_at] = flags;
    }
    Ok(Walked { bytes: out, width, height, frames, orientation })
}

/// An animation's frame, rid of chunks that it does not need.
fn frame(data: &[u8], canvas_width: u32, canvas_height: u32) -> Result<Vec<u8>> {
    let mut frame = Parts::of(data);
    let mut out = frame.take(16)?.to_vec();
    let mut place = Parts::of(&data[..16]);
    let (x, y) = (place.u24_le()? * 2, place.u24_le()? * 2);
    let (width, height) = (place.u24_le()? + 1, place.u24_le()? + 1);
    must(x + width <= canvas_width && y + height <= canvas_height)?;
    let mut pictures = 0;
    while !frame.is_empty() {
        let (name, data) = chunk(&mut frame)?;
        match &name {
            b"ALPH" => keep(&mut out, name, data),
            b"VP8 " | b"VP8L" => {
                must(picture(name, data)? == (width, height))?;
                keep(&mut out, name, data);
                pictures += 1;
            }
            _ => {}
        }
    }
    must(pictures == 1)?;
    Ok(out)
}

/// Width and height of a coded picture (RFC 6386, 9.1; RFC 9649, 3.4).
fn picture(name: [u8; 4], data: &[u8]) -> Result<(u32, u32)> {
    let mut head = Parts::of(data);
    match &name {
        b"VP8 " => {
            let tag = head.u24_le()?;
            let is_key_frame = tag & 1 == 0;
            let first_part = usize::try_from(tag >> 5).map_err(|_| Damaged)?;
            must(is_key_frame && head.array()? == [0x9d, 0x01, 0x2a])?;
            let (width, height) = (head.u16_le()? & 0x3fff, head.u16_le()? & 0x3fff);
            must(first_part <= head.rest().len())?;
            Ok((width.into(), height.into()))
        }
        b"VP8L" => {
            must(head.byte()? == 0x2f)?;
            let bits = head.u32_le()?;
            must(bits >> 29 == 0)?;
            Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => Err(Damaged),
    }
}

/// Name and data of a chunk; one of odd length is filled up, unless it is the last.
fn chunk<'a>(riff: &mut Parts<'a>) -> Result<([u8; 4], &'a [u8])> {
    let name = riff.array()?;
    let length = riff.length_le()?;
    let data = riff.take(length)?;
    if !length.is_multiple_of(2) && !riff.is_empty() {
        riff.byte()?;
    }
    Ok((name, data))
}

fn keep(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    out.extend(name);
    // It was read from a chunk, or is shorter than what was.
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(data);
    if !data.len().is_multiple_of(2) {
        out.push(0);
    }
}
