//! Why the bridge says no. The edges turn each into their own words: HTTP status, MQTT reason code.

use std::time::Duration;

use crate::{
    chat::{message::DraftFault, room::RoomFault},
    store::StoreError,
};

/// What somebody did too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    #[error("too many messages and changes at once")]
    Messages,
    #[error("too many attempts with a password from your address")]
    Passwords,
    #[error("too many new rooms from your address")]
    NewRooms,
}

impl Limit {
    /// The setting that it comes from.
    pub fn key(self) -> &'static str {
        match self {
            Self::Messages => "limits.publish_per_s",
            Self::Passwords => "limits.password_tries",
            Self::NewRooms => "limits.rooms_per_minute",
        }
    }
}

/// A refusal that a client can understand. Its text names nothing that the client may not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such room")]
    NoSuchRoom,
    #[error("the room is locked: give its password first")]
    Locked,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("you are banned from this room")]
    Banned,
    #[error("the room is full")]
    Full,
    #[error("only the owner of the room may do this")]
    NotOwner,
    #[error("nobody of that id is in the room")]
    NoSuchPerson,
    #[error("there is nothing of that name")]
    NotFound,
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Room(Vec<RoomFault>),
    #[error(transparent)]
    Draft(#[from] DraftFault),
    #[error("there are too many rooms: remove one first")]
    TooManyRooms,
    #[error("too many people are banned from this room: lift a ban first")]
    TooManyBans,
    #[error("{}: try again in {} s", .0, whole_seconds(*.1))]
    TooOften(Limit, Duration),
    /// With the setting, and what it allows.
    #[error("there is no space for more images: all together may take {1} bytes")]
    StorageFull(&'static str, u64),
    #[error(
        "your images take all the space they may: {1} bytes; end a room with some of them first"
    )]
    QuotaUsed(&'static str, u64),
    #[error("the store cannot be reached now: try again")]
    Unavailable,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Unavailable(_) | StoreError::Unusable(_) | StoreError::Exists => {
                tracing::warn!(%error, "the store refused");
                Self::Unavailable
            }
        }
    }
}

/// Seconds after which it surely works.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}
