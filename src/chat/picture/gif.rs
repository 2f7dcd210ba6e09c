//! GIF 87a and 89a: a screen, then blocks until the trailer. Kept are frames, their timing, the
//! looping, and a colour profile; comments, XMP and other programs' blocks go.

use super::{
    Walked, exif,
    parts::{Damaged, Parts, Result, must},
};

const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const TRAILER: u8 = 0x3b;

const GRAPHIC_CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;
/// Looping, and the colour profile.
const APPLICATIONS: [&[u8]; 3] = [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"];

pub fn walk(bytes: &[u8]) -> Result<Walked> {
    let mut file = Parts::of(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    let head = file.take(13)?;
    out.extend(head);
    let mut screen = Parts::of(&head[6..]);
    let (mut width, mut height) = (screen.u16_le()?, screen.u16_le()?);
    out.extend(file.take(colours(screen.byte()?))?);
    let mut frames = 0;
    loop {
        match file.byte()? {
            TRAILER => break,
            EXTENSION => {
                let label = file.byte()?;
                let blocks = sub_blocks(&mut file)?;
                if is_kept(label, blocks) {
                    out.extend([EXTENSION, label]);
                    out.extend(blocks);
                }
            }
            FRAME => {
                let before = file.rest();
                let mut frame = Parts::of(file.take(9)?);
                let (x, y) = (frame.u16_le()?, frame.u16_le()?);
                let (right, bottom) =
                    (x.saturating_add(frame.u16_le()?), y.saturating_add(frame.u16_le()?));
                // What browsers do with a frame that is larger than its screen.
                (width, height) = (width.max(right), height.max(bottom));
                file.take(colours(frame.byte()?))?;
                must((1..=11).contains(&file.byte()?))?;
                sub_blocks(&mut file)?;
                out.push(FRAME);
                out.extend(&before[..before.len() - file.rest().len()]);
                frames += 1;
            }
            _ => return Err(Damaged),
        }
    }
    must(frames > 0)?;
    out.push(TRAILER);
    let (width, height) = (width.into(), height.into());
    Ok(Walked { bytes: out, width, height, frames, orientation: exif::UPRIGHT })
}

/// Bytes of the colour table that the packed field announces.
fn colours(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}

/// Data in blocks, with the empty one that ends them.
fn sub_blocks<'a>(file: &mut Parts<'a>) -> Result<&'a [u8]> {
    let before = file.rest();
    loop {
        let length = file.byte()?;
        file.take(length.into())?;
        if length == 0 {
            return Ok(&before[..before.len() - file.rest().len()]);
        }
    }
}

/// `blocks` begin with the length of the first one.
fn is_kept(label: u8, blocks: &[u8]) -> bool {
    match label {
        GRAPHIC_CONTROL => true,
        APPLICATION => APPLICATIONS.iter().any(|name| blocks.get(1..12) == Some(*name)),
        _ => false,
    }
}
