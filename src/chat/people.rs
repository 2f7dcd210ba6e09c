//! Who speaks. An identity is decided when a connection or a request arrives, and never by what is
//! said on it.

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

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
    /// The identity of a browser's session.
    pub fn browser(uid: Uid) -> Self {
        Self::new(uid, Origin::Browser)
    }

    /// Who has no credentials is who their client id says: the same id is the same identity.
    pub fn anonymous(client_id: &str) -> Self {
        let digest = Sha256::new_with_prefix("anonymous:").chain_update(client_id).finalize();
        let mut entropy = [0; Uid::LENGTH];
        entropy.copy_from_slice(&digest[..Uid::LENGTH]);
        Self::new(Uid::from_entropy(entropy), Origin::Anonymous)
    }

    /// A device, by the name it was added under.
    pub fn device(uid: Uid, name: &str, monitor: bool) -> Self {
        Self { name: Some(name.to_owned()), monitor, ..Self::new(uid, Origin::Device) }
    }

    fn new(uid: Uid, origin: Origin) -> Self {
        Self { uid, colour: colour_of(uid), name: None, origin, monitor: false, unlocked: None }
    }

    /// What a sentence calls them: the name, else the colour.
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.colour.to_string())
    }
}

/// The colour that belongs to a uid.
pub fn colour_of(uid: Uid) -> Colour {
    let digest = Sha256::digest(uid.as_str());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Colour::from_hash(u64::from_be_bytes(first))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_one_identity_and_never_a_browsers() {
        let one = Identity::anonymous("sensor-1");
        assert_eq!(one, Identity::anonymous("sensor-1"));
        assert_ne!(one.uid, Identity::anonymous("sensor-2").uid);
        let browser = Identity::browser(one.uid);
        assert_eq!(browser.colour, one.colour, "the colour belongs to the uid");
        assert!(!one.monitor && one.unlocked.is_none());
    }

    #[test]
    fn a_sentence_calls_a_device_by_its_name() {
        let device = Identity::device(Uid::from_entropy([1; 16]), "door", false);
        assert_eq!(device.shown(), "door");
        assert!(Identity::anonymous("x").shown().starts_with('#'));
    }
}
