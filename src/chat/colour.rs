//! The colour nickname of an identity, as the seed's color-hash gave one to a session.
//!
//! A colour is for display. Colours collide; who is who is decided by [`Uid`](super::Uid).

use std::fmt;

use serde::{Deserialize, Serialize, de::Error as _};

/// `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Spreads a number over hue, saturation and lightness: strong enough to tell apart, never so
    /// light or dark that it vanishes on a page.
    pub fn from_hash(hash: u64) -> Self {
        let hue = (hash % 3600) as f64 / 10.0;
        let saturation = 0.45 + (hash / 3600 % 5) as f64 * 0.08;
        let lightness = 0.38 + (hash / 18_000 % 5) as f64 * 0.05;
        Self::from_hsl(hue, saturation, lightness)
    }

    fn from_hsl(hue: f64, saturation: f64, lightness: f64) -> Self {
        let reach = saturation * lightness.min(1.0 - lightness);
        let channel = |offset: f64| {
            let turn = (offset + hue / 30.0) % 12.0;
            let value = lightness - reach * (turn - 3.0).min(9.0 - turn).clamp(-1.0, 1.0);
            (value * 255.0).round() as u8
        };
        Self([channel(0.0), channel(8.0), channel(4.0)])
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(out, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Serialize for Colour {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a colour"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsl_becomes_rgb() {
        assert_eq!(Colour::from_hsl(0.0, 1.0, 0.5).to_string(), "#ff0000");
        assert_eq!(Colour::from_hsl(120.0, 1.0, 0.5).to_string(), "#00ff00");
        assert_eq!(Colour::from_hsl(240.0, 0.5, 0.5).to_string(), "#4040bf");
    }

    #[test]
    fn every_hash_gives_a_colour_that_reads_back() {
        for hash in [0, 1, 3600, 89_999, u64::MAX] {
            let colour = Colour::from_hash(hash);
            assert_eq!(Colour::parse(&colour.to_string()), Some(colour));
        }
        assert_eq!(Colour::parse("#12345"), None);
        assert_eq!(Colour::parse("red"), None);
    }
}
