//! Who speaks. An identity is decided when a connection or a request arrives, and never by what is
//! said on it.

use serde::{Deserialize, Serialize};

use super::{Colour, RoomId, Uid};

/// How an identity was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// A signed session cookie.
    Browser,
    /// A device's name and token.
    Device,
    /// Nothing, or a room's password: colour and uid come from the MQTT client id.
    Anonymous,
}

/// An established identity. One identity with three connections is one occupant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub uid: Uid,
    pub colour: Colour,
    /// A device's name. Browsers and anonymous clients have none.
    pub name: Option<String>,
    pub origin: Origin,
    /// May watch `$SYS`. Locked rooms stay locked.
    pub monitor: bool,
    /// The locked room whose password came with the connection.
    pub unlocked: Option<Unlocked>,
}

/// Proof that a locked room's password was given on this connection. It ends with the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlocked {
    pub room: RoomId,
    /// Which password it was: the count of changes in this process.
    pub epoch: u64,
}

impl Identity {
    /// What a sentence calls them: the name, else the colour.
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.colour.to_string())
    }
}

/// Somebody as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub uid: Uid,
    /// The colour, `#rrggbb`.
    pub user: Colour,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub kind: Origin,
}

impl Person {
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.user.to_string())
    }
}

impl From<&Identity> for Person {
    fn from(who: &Identity) -> Self {
        Self { uid: who.uid, user: who.colour, name: who.name.clone(), kind: who.origin }
    }
}
