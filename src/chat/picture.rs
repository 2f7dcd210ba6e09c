//! A picture as it is kept: walked from its first byte to its last, so that it is whole and what it
//! says it is, and rid of what it tells beside the picture: where and when it was taken, with what,
//! by whom. Pure. Pixels are never decoded and never written anew.
//!
//! What is kept is named, in `jpeg.rs`, `png.rs`, `gif.rs` and `webp.rs`; whatever is not named
//! there goes, and so does what follows the end. Kept are the pixels, what they need, the colour
//! profile, and of EXIF the one word that says which way is up.

mod exif;
mod gif;
mod jpeg;
mod parts;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use bytes::Bytes;

use super::{ImageKind, message::DraftFault};

/// What a picture may have at most.
#[derive(Clone, Copy, Debug)]
pub struct PictureLimits {
    pub pixels: u64,
    /// Pictures of one animation.
    pub frames: u32,
}

/// A picture that is whole and tells nothing but itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub kind: ImageKind,
    /// Not longer than what it was read from, but for a few bytes.
    pub bytes: Bytes,
    /// In pixels, as it is shown: turned the right way up.
    pub width: u32,
    pub height: u32,
    pub animated: bool,
}

/// What a format's walk has found.
struct Walked {
    bytes: Vec<u8>,
    /// As it is stored, before it is turned.
    width: u32,
    height: u32,
    frames: u32,
    /// As in EXIF: 1 is upright, from 5 on it lies on its side.
    orientation: u8,
}

impl Picture {
    /// Reads a file that begins as one of the four formats does.
    pub fn read(bytes: &[u8], limits: PictureLimits) -> Result<Self, DraftFault> {
        let kind = ImageKind::sniff(bytes).ok_or(DraftFault::NotTextNorImage)?;
        let walked = match kind {
            ImageKind::Gif => gif::walk(bytes),
            ImageKind::Jpeg => jpeg::walk(bytes),
            ImageKind::Png => png::walk(bytes),
            ImageKind::Webp => webp::walk(bytes),
        };
        let walked = walked.map_err(|parts::Damaged| DraftFault::BadImage)?;
        let pixels = u64::from(walked.width) * u64::from(walked.height);
        if pixels == 0 {
            return Err(DraftFault::BadImage);
        }
        if pixels > limits.pixels {
            return Err(DraftFault::TooManyPixels(limits.pixels));
        }
        if walked.frames > limits.frames {
            return Err(DraftFault::TooManyFrames(limits.frames));
        }
        let (width, height) = match walked.orientation {
            5.. => (walked.height, walked.width),
            _ => (walked.width, walked.height),
        };
        let animated = walked.frames > 1;
        Ok(Self { kind, bytes: walked.bytes.into(), width, height, animated })
    }
}
