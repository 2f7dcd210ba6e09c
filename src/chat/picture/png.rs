//! PNG, third edition, with its animations. Kept are the chunks that decide what is seen; texts,
//! times, EXIF and other programs' chunks go. Every chunk's checksum is looked at.

use super::{
    Walked, exif,
    parts::{Damaged, Parts, Result, must},
};

const SIGNATURE: usize = 8;

/// What decides how the picture is shown.
const KEPT: [&[u8; 4]; 16] = [
    b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD",
    b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
];

pub fn walk(bytes: &[u8]) -> Result<Walked> {
    let mut file = Parts::of(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    out.extend(file.take(SIGNATURE)?);
    let first = chunk(&mut file)?;
    must(first.name == *b"IHDR")?;
    let (width, height, needs_palette) = header(first.data)?;
    out.extend(first.whole);
    let exif_at = out.len();
    let mut orientation = exif::UPRIGHT;
    let (mut frames, mut is_animated) = (0, false);
    let (mut has_palette, mut data) = (false, Data::Awaited);
    loop {
        let chunk = chunk(&mut file)?;
        if data == Data::Here && chunk.name != *b"IDAT" {
            data = Data::Over;
        }
        match &chunk.name {
            b"IEND" => {
                must(chunk.data.is_empty())?;
                out.extend(chunk.whole);
                break;
            }
            b"IDAT" => {
                must(data != Data::Over && (has_palette || !needs_palette))?;
                data = Data::Here;
            }
            b"PLTE" => {
                must(data == Data::Awaited && !has_palette && chunk.data.len().is_multiple_of(3))?;
                has_palette = true;
            }
            b"acTL" => is_animated = is_animated || data == Data::Awaited,
            b"fcTL" => {
                must(lies_within(chunk.data, width, height)?)?;
                frames += 1;
            }
            b"eXIf" => orientation = exif::orientation(chunk.data),
            _ => {}
        }
        let is_critical = matches!(&chunk.name, b"IDAT" | b"PLTE");
        // Of what we do not know, some is needed by whoever reads the rest: an upper-case name.
        must(is_critical || chunk.name[0].is_ascii_lowercase())?;
        if is_critical || KEPT.contains(&&chunk.name) {
            out.extend(chunk.whole);
        }
    }
    must(data == Data::Over)?;
    if orientation != exif::UPRIGHT {
        out.splice(exif_at..exif_at, made(*b"eXIf", &exif::minimal(orientation)));
    }
    let frames = if is_animated { frames.max(1) } else { 1 };
    Ok(Walked { bytes: out, width, height, frames, orientation })
}

/// Where we are before, in or after the picture's data, which stands together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    Awaited,
    Here,
    Over,
}

struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
    /// With length, name and checksum.
    whole: &'a [u8],
}

fn chunk<'a>(file: &mut Parts<'a>) -> Result<Chunk<'a>> {
    let before = file.rest();
    let length = file.length_be()?;
    let checked = file.rest();
    let name = file.array()?;
    must(name.iter().all(u8::is_ascii_alphabetic))?;
    let data = file.take(length)?;
    let sum = crc32fast::hash(&checked[..name.len() + length]);
    must(file.u32_be()? == sum)?;
    Ok(Chunk { name, data, whole: &before[..before.len() - file.rest().len()] })
}

/// Width, height, and whether the colours are in a palette.
fn header(data: &[u8]) -> Result<(u32, u32, bool)> {
    let mut header = Parts::of(data);
    let (width, height) = (header.u32_be()?, header.u32_be()?);
    let [depth, colour, compression, filter, interlace] = header.array()?;
    must(header.is_empty() && (1..1 << 31).contains(&width) && (1..1 << 31).contains(&height))?;
    must(compression == 0 && filter == 0 && interlace <= 1)?;
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => return Err(Damaged),
    };
    must(depths.contains(&depth))?;
    Ok((width, height, colour == 3))
}

/// Whether an animation's frame is within its picture.
fn lies_within(control: &[u8], width: u32, height: u32) -> Result<bool> {
    let mut control = Parts::of(control);
    control.u32_be()?;
    let (w, h) = (control.u32_be()?, control.u32_be()?);
    let (x, y) = (control.u32_be()?, control.u32_be()?);
    let within = |at: u32, size: u32, all| at.checked_add(size).is_some_and(|end| end <= all);
    Ok(w > 0 && h > 0 && within(x, w, width) && within(y, h, height))
}

fn made(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    let sum = crc32fast::hash(&chunk[4..]);
    chunk.extend(sum.to_be_bytes());
    chunk
}
