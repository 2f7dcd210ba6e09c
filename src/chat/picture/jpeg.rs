//! JPEG, as browsers show it: baseline and progressive, Huffman coded. Kept are the frame, its
//! tables and scans, JFIF's pixel density without its thumbnail, Adobe's colour transform and the
//! colour profile; EXIF, XMP, IPTC, comments, thumbnails and second pictures go.

use super::{
    Walked, exif,
    parts::{Damaged, Parts, Result, must},
};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

pub fn walk(bytes: &[u8]) -> Result<Walked> {
    let mut file = Parts::of(bytes);
    must(marker(&mut file)? == SOI)?;
    let mut out = Vec::with_capacity(bytes.len() + 64);
    out.extend([0xff, SOI]);
    let mut exif_at = out.len();
    let (mut size, mut scans, mut orientation) = (None, 0_usize, None);
    loop {
        let marker = marker(&mut file)?;
        if marker == EOI {
            break;
        }
        let body = segment(marker, &mut file)?;
        match marker {
            // Frames: baseline, extended, progressive.
            0xc0..=0xc2 => {
                must(size.replace(frame(body)?).is_none())?;
                keep(&mut out, marker, body);
            }
            // Tables: Huffman, quantisation, restart interval.
            0xc4 | 0xdb | 0xdd => keep(&mut out, marker, body),
            SOS => {
                must(size.is_some())?;
                keep(&mut out, marker, body);
                out.extend(scan(&mut file)?);
                scans += 1;
            }
            APP0 => {
                let is_first = out.len() == exif_at;
                if let Some(Ok(density)) =
                    body.strip_prefix(b"JFIF\0").map(|it| Parts::of(it).array::<7>())
                {
                    keep(&mut out, APP0, &[&b"JFIF\0"[..], &density, &[0, 0]].concat());
                    exif_at = if is_first { out.len() } else { exif_at };
                }
            }
            APP1 => {
                if let Some(tiff) = body.strip_prefix(b"Exif\0\0") {
                    orientation.get_or_insert(exif::orientation(tiff));
                }
            }
            APP2 if body.starts_with(b"ICC_PROFILE\0") => keep(&mut out, APP2, body),
            APP14 if body.starts_with(b"Adobe") => {
                keep(&mut out, APP14, body.get(..12).ok_or(Damaged)?);
            }
            // Other programs' segments, and comments.
            0xe0..=0xef | 0xfe => {}
            _ => return Err(Damaged),
        }
    }
    out.extend([0xff, EOI]);
    must(scans > 0)?;
    let (width, height) = size.ok_or(Damaged)?;
    let orientation = orientation.unwrap_or(exif::UPRIGHT);
    if orientation != exif::UPRIGHT {
        let mut segment = Vec::new();
        keep(&mut segment, APP1, &[&b"Exif\0\0"[..], &exif::minimal(orientation)].concat());
        out.splice(exif_at..exif_at, segment);
    }
    Ok(Walked { bytes: out, width, height, frames: 1, orientation })
}

/// The next marker, after any number of fill bytes.
fn marker(file: &mut Parts<'_>) -> Result<u8> {
    must(file.byte()? == 0xff)?;
    loop {
        match file.byte()? {
            0xff => {}
            marker => return Ok(marker),
        }
    }
}

/// What belongs to a marker. Those that have nothing have no place between segments.
fn segment<'a>(marker: u8, file: &mut Parts<'a>) -> Result<&'a [u8]> {
    must(marker >= 0xc0 && !(0xd0..=SOI).contains(&marker))?;
    let length = usize::from(file.u16_be()?);
    file.take(length.checked_sub(2).ok_or(Damaged)?)
}

/// Width and height.
fn frame(body: &[u8]) -> Result<(u32, u32)> {
    let mut frame = Parts::of(body);
    must(frame.byte()? == 8)?;
    let (height, width) = (frame.u16_be()?, frame.u16_be()?);
    let components = usize::from(frame.byte()?);
    must(matches!(components, 1 | 3 | 4) && frame.rest().len() == components * 3)?;
    must(width > 0 && height > 0)?;
    Ok((width.into(), height.into()))
}

/// Coded data up to the next marker that is not part of it.
fn scan<'a>(file: &mut Parts<'a>) -> Result<&'a [u8]> {
    let data = file.rest();
    let mut at = 0;
    loop {
        at += data[at..].iter().position(|byte| *byte == 0xff).ok_or(Damaged)?;
        match data.get(at + 1).ok_or(Damaged)? {
            // A byte 255 of the data, or a restart.
            0 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return file.take(at),
        }
    }
}

fn keep(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    // It was read from a segment, or is shorter than what was.
    let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
    out.extend([0xff, marker]);
    out.extend(length.to_be_bytes());
    out.extend(body);
}
