//! Which images may be posted, and what their files are called.
//!
//! A name is made by the server, never taken from a client: `<room>-<uid>-<id>.<kind>`. It says whose
//! room it belongs to, so that access can be checked from the URL alone, and who posted it, so that
//! what somebody's images take can be counted from the files alone.

use std::{fmt, str::FromStr};

use super::{MessageId, RoomId, Uid, id::NotAnId};

/// The formats that a browser shows and that can do nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageKind {
    Gif,
    Jpeg,
    Png,
    Webp,
}

impl ImageKind {
    const ALL: [Self; 4] = [Self::Gif, Self::Jpeg, Self::Png, Self::Webp];

    /// By the first bytes; what the client calls it does not count.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Gif => "image/gif",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Gif => "gif",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

/// The name of an uploaded image, as in `/gif/<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageName {
    pub room: RoomId,
    /// Who posted it. Images of an older version do not say.
    pub by: Option<Uid>,
    pub id: MessageId,
    pub kind: ImageKind,
}

impl fmt::Display for ImageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-", self.room)?;
        if let Some(by) = self.by {
            write!(out, "{by}-")?;
        }
        write!(out, "{}.{}", self.id, self.kind.ending())
    }
}

impl FromStr for ImageName {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (stem, ending) = text.rsplit_once('.').ok_or(NotAnId)?;
        let (room, own) = stem.split_once('-').ok_or(NotAnId)?;
        let (by, id) = match own.split_once('-') {
            Some((by, id)) => (Some(by.parse()?), id),
            None => (None, own),
        };
        let kind = ImageKind::ALL.into_iter().find(|kind| kind.ending() == ending);
        Ok(Self { room: room.parse()?, by, id: id.parse()?, kind: kind.ok_or(NotAnId)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_formats_are_images() {
        assert_eq!(ImageKind::sniff(b"GIF89a..."), Some(ImageKind::Gif));
        assert_eq!(ImageKind::sniff(b"\x89PNG\r\n\x1a\n..."), Some(ImageKind::Png));
        assert_eq!(ImageKind::sniff(b"\xff\xd8\xff\xe0"), Some(ImageKind::Jpeg));
        assert_eq!(ImageKind::sniff(b"RIFF\0\0\0\0WEBPVP8 "), Some(ImageKind::Webp));
        for other in [&b"<svg xmlns="[..], b"<html>", b"GIF8", b"", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(ImageKind::sniff(other), None);
        }
    }

    #[test]
    fn a_name_reads_back_and_nothing_else_does() {
        let name = ImageName {
            room: RoomId::from_entropy([1; 12]),
            by: Some(Uid::from_entropy([3; 16])),
            id: MessageId::from_entropy([2; 20]),
            kind: ImageKind::Jpeg,
        };
        assert_eq!(name.to_string().parse(), Ok(name));
        let older = ImageName { by: None, ..name };
        assert_eq!(older.to_string().parse(), Ok(older));
        let html = name.to_string().replace(".jpg", ".html");
        for text in ["../x.gif", "a.gif", &html, &format!("{name}/..")] {
            assert!(text.parse::<ImageName>().is_err(), "{text}");
        }
    }
}
