//! Identifiers: fixed-length lower-case base-32 words, cheap to copy, safe in a topic, a URL and a
//! file name. The entropy they are made of comes from the caller.

use std::{fmt, str};

use serde::{Deserialize, Serialize, de::Error as _};

use super::Moment;

/// Crockford's alphabet: no `i`, `l`, `o`, `u`, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Whether a byte is in the alphabet: ids are read several times on every message's way.
const IN_ALPHABET: [bool; 256] = {
    let mut known = [false; 256];
    let mut place = 0;
    while place < ALPHABET.len() {
        known[ALPHABET[place] as usize] = true;
        place += 1;
    }
    known
};

/// The text is not an id: wrong length or a character outside the alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// How many characters the id has.
            pub const LENGTH: usize = $length;

            /// Five bits of each byte become one character.
            pub fn from_entropy(entropy: [u8; $length]) -> Self {
                Self(entropy.map(|byte| ALPHABET[usize::from(byte & 31)]))
            }

            pub fn as_str(&self) -> &str {
                // The bytes are always from the ASCII alphabet.
                str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl str::FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let bytes: [u8; $length] = text.as_bytes().try_into().map_err(|_| NotAnId)?;
                let known = bytes.iter().all(|byte| IN_ALPHABET[usize::from(*byte)]);
                if known { Ok(Self(bytes)) } else { Err(NotAnId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

id!(
    /// A room. 60 bits: not a secret, since the directory shows it.
    RoomId, 12
);
id!(
    /// The public id of an identity: decides who is who, grants nothing. 80 bits.
    Uid, 16
);
id!(
    /// A message, unique everywhere. Makes storing it twice harmless. 100 bits.
    MessageId, 20
);

impl MessageId {
    /// Begins with the time, to the millisecond; 55 bits of the entropy are used. What is written
    /// together then stands together in a store's index, instead of touching a page each.
    pub fn at(moment: Moment, mut entropy: [u8; Self::LENGTH]) -> Self {
        // 9 characters of 5 bits: enough for 1,100 years.
        for (place, byte) in entropy[..9].iter_mut().rev().enumerate() {
            *byte = (moment.as_millis() >> (5 * place)) as u8;
        }
        Self::from_entropy(entropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_json() {
        let id = RoomId::from_entropy([7, 31, 255, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(id.as_str().len(), RoomId::LENGTH);
        assert_eq!(id.to_string().parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<RoomId>(&json).unwrap(), id);
    }

    #[test]
    fn message_ids_stand_in_the_order_of_their_time() {
        let at = |millis, entropy| MessageId::at(Moment::from_millis(millis), [entropy; 20]);
        let now = 1_795_435_200_000;
        for (millis, later) in [(0, 1), (31, 32), (now, now + 1), (now, now + 86_400_000)] {
            assert!(at(millis, 31) < at(later, 0), "{millis} {later}");
        }
        assert_ne!(at(now, 1), at(now, 2));
    }

    #[test]
    fn anything_else_is_not_an_id() {
        for text in ["", "short", "ABCDEFGHJKMN", "../../../etc", "0123456789ab/", "01234567890é"]
        {
            assert_eq!(text.parse::<RoomId>(), Err(NotAnId), "{text}");
        }
    }
}
