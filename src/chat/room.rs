//! A room, the card that the directory shows of it, and the rules for both.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Colour, Moment, RoomId, Uid};

/// Characters of a title, after trimming.
pub const TITLE_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
/// How many occupants a room may be made for.
pub const MAX_OCCUPANTS: std::ops::RangeInclusive<u32> = 2..=1000;
pub const DEFAULT_MAX: u32 = 10;
/// Characters of a room's password.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 1..=128;

/// A password as argon2id's PHC string. Never shown, never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// A room as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub id: RoomId,
    pub title: String,
    /// Occupants at most.
    pub max: u32,
    pub owner: Uid,
    pub owner_colour: Colour,
    /// Locked when there is one.
    pub password: Option<PasswordHash>,
    /// Nothing said here is ever written down.
    pub off_record: bool,
    /// Stays when the last occupant leaves.
    pub keep: bool,
    pub created_at: Moment,
}

/// What the directory says of a room, on `rooms/<id>` and as HTTP's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    pub id: RoomId,
    pub title: String,
    pub max: u32,
    pub owner: Colour,
    pub owner_id: Uid,
    pub locked: bool,
    pub off_record: bool,
    pub keep: bool,
    pub occupancy: u32,
    pub created_at: Moment,
}

impl Room {
    pub fn card(&self, occupancy: u32) -> Card {
        Card {
            id: self.id,
            title: self.title.clone(),
            max: self.max,
            owner: self.owner_colour,
            owner_id: self.owner,
            locked: self.password.is_some(),
            off_record: self.off_record,
            keep: self.keep,
            occupancy,
            created_at: self.created_at,
        }
    }

    pub fn apply(&mut self, change: &RoomChange) {
        if let Some(title) = &change.title {
            self.title.clone_from(title);
        }
        if let Some(max) = change.max {
            self.max = max;
        }
        if let Some(password) = &change.password {
            self.password.clone_from(password);
        }
        if let Some(keep) = change.keep {
            self.keep = keep;
        }
    }
}

/// What changes of a room; `None` stays as it is. Its owner changes by an event of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomChange {
    pub title: Option<String>,
    pub max: Option<u32>,
    /// `Some(None)` unlocks.
    pub password: Option<Option<PasswordHash>>,
    pub keep: Option<bool>,
}

/// A room that somebody wants: title and limits as given, the password in plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDraft {
    pub title: String,
    pub max: u32,
    pub password: Option<String>,
    pub off_record: bool,
    pub keep: bool,
}

/// Why a room cannot be as it was asked for. One per field, so that a form can say it in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomFault {
    #[error("title: give 1 to 100 characters")]
    Title,
    #[error("max: give a whole number from 2 to 1000")]
    Max,
    #[error("password: give 1 to 128 characters, or none")]
    Password,
}

impl RoomDraft {
    /// Trims the title, takes an empty password as none, and lists every fault.
    pub fn checked(mut self) -> Result<Self, Vec<RoomFault>> {
        self.password = self.password.filter(|password| !password.is_empty());
        let mut faults = Vec::new();
        match checked_title(&self.title) {
            Ok(title) => self.title = title,
            Err(fault) => faults.push(fault),
        }
        faults.extend(checked_max(self.max).err());
        faults.extend(self.password.as_deref().and_then(|word| checked_password(word).err()));
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }
}

/// The title without surrounding space and control characters.
pub fn checked_title(title: &str) -> Result<String, RoomFault> {
    let title: String = title.chars().filter(|c| !c.is_control()).collect();
    let title = title.trim();
    if TITLE_CHARS.contains(&title.chars().count()) {
        Ok(title.to_owned())
    } else {
        Err(RoomFault::Title)
    }
}

pub fn checked_max(max: u32) -> Result<u32, RoomFault> {
    if MAX_OCCUPANTS.contains(&max) { Ok(max) } else { Err(RoomFault::Max) }
}

pub fn checked_password(password: &str) -> Result<&str, RoomFault> {
    if PASSWORD_CHARS.contains(&password.chars().count()) {
        Ok(password)
    } else {
        Err(RoomFault::Password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(title: &str, max: u32, password: Option<&str>) -> RoomDraft {
        let password = password.map(str::to_owned);
        RoomDraft { title: title.into(), max, password, off_record: false, keep: false }
    }

    #[test]
    fn a_draft_is_trimmed() {
        let good = draft("  Tea \n", 2, Some("")).checked().unwrap();
        assert_eq!((good.title.as_str(), good.password), ("Tea", None));
        assert!(draft(&"가".repeat(100), 1000, Some("&#")).checked().is_ok());
    }

    #[test]
    fn every_fault_is_named() {
        use RoomFault::*;
        let long = "x".repeat(101);
        for (title, max, password, faults) in [
            ("   ", 10, None, vec![Title]),
            ("\u{0}\u{7}", 10, None, vec![Title]),
            (long.as_str(), 1, None, vec![Title, Max]),
            ("ok", 1001, None, vec![Max]),
            ("ok", 0, Some("x".repeat(129)), vec![Max, Password]),
        ] {
            assert_eq!(draft(title, max, password.as_deref()).checked(), Err(faults), "{title}");
        }
    }

    #[test]
    fn a_password_hash_is_never_printed() {
        assert_eq!(format!("{:?}", PasswordHash("$argon2id$secret".into())), "***");
    }

    #[test]
    fn a_card_never_holds_the_password() {
        let room = Room {
            id: RoomId::from_entropy([1; 12]),
            title: "t".into(),
            max: 2,
            owner: Uid::from_entropy([1; 16]),
            owner_colour: Colour::from_hash(1),
            password: Some(PasswordHash("$argon2id$secret".into())),
            off_record: false,
            keep: false,
            created_at: Moment::from_millis(0),
        };
        let json = serde_json::to_string(&room.card(1)).unwrap();
        assert!(json.contains(r#""locked":true"#) && !json.contains("argon2id"), "{json}");
    }
}
