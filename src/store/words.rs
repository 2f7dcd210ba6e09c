//! Values of the domain as the words that the backends keep, and back. The words are the wire's, so
//! that somebody who looks into a database reads what they know.

use serde::{Deserialize, de::value::StrDeserializer};

use crate::chat::Origin;

/// What is kept is not a word of that type.
pub type NotAWord = serde::de::value::Error;

/// Reads an id, colour, author, kind, key or origin.
pub fn read<'word, T: Deserialize<'word>>(word: &'word str) -> Result<T, NotAWord> {
    T::deserialize(StrDeserializer::new(word))
}

pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Browser => "browser",
        Origin::Device => "device",
        Origin::Anonymous => "anonymous",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Colour, Key, Kind, RoomId, message::Author};

    #[test]
    fn every_word_reads_back() {
        for kind in Kind::ALL {
            assert_eq!(read::<Kind>(kind.as_str()), Ok(kind));
        }
        for from in [Origin::Browser, Origin::Device, Origin::Anonymous] {
            assert_eq!(read::<Origin>(origin(from)), Ok(from));
        }
        let room = RoomId::from_entropy([9; 12]);
        assert_eq!(read::<RoomId>(room.as_str()), Ok(room));
        let person = Author::Person(Colour::from_hash(7));
        assert_eq!(read::<Author>(&person.to_string()), Ok(person));
        assert_eq!(read::<Author>("system"), Ok(Author::System));
        assert_eq!(read::<Key>("$a.b").map(|key| key.as_str().to_owned()), Ok("$a.b".into()));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(read::<RoomId>("short").is_err());
        assert!(read::<Kind>("dance").is_err());
        assert!(read::<Colour>("red").is_err());
    }
}
