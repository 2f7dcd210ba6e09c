//! The sentences that the server says in a room, in its locale. Korean is the seed's wording.

use serde::{Deserialize, Serialize};

use super::Kind;

/// The language of system messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    #[default]
    En,
    Ko,
}

/// The sentence for a system event that concerns `whom`. A chat has none.
pub fn sentence(locale: Locale, kind: Kind, whom: &str) -> String {
    match (locale, kind) {
        (_, Kind::Chat) => String::new(),
        (Locale::Ko, Kind::Join) => format!("{whom}님이 입장하셨습니다."),
        (Locale::Ko, Kind::Exit) => format!("{whom}님이 퇴장하셨습니다."),
        (Locale::Ko, Kind::Owner) => format!("{whom}님이 방장이 되셨습니다."),
        (Locale::Ko, Kind::Kick) => format!("{whom}님이 강퇴되셨습니다."),
        (Locale::Ko, Kind::RemoveRoom) => "방이 삭제되었습니다.".to_owned(),
        (Locale::En, Kind::Join) => format!("{whom} joined."),
        (Locale::En, Kind::Exit) => format!("{whom} left."),
        (Locale::En, Kind::Owner) => format!("{whom} now owns the room."),
        (Locale::En, Kind::Kick) => format!("{whom} was removed from the room."),
        (Locale::En, Kind::RemoveRoom) => "The room was removed.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_says_what_the_seed_said() {
        assert_eq!(sentence(Locale::Ko, Kind::Join, "#aabbcc"), "#aabbcc님이 입장하셨습니다.");
        assert_eq!(sentence(Locale::Ko, Kind::Exit, "#aabbcc"), "#aabbcc님이 퇴장하셨습니다.");
    }
}
