//! Why the bridge says no. The edges turn each into their own words: HTTP status, MQTT reason code.

use std::time::Duration;

use crate::{
    chat::{message::DraftFault, room::RoomFault},
    store::StoreError,
};

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
    #[error("too often: try again in {} s", .0.as_secs().max(1))]
    TooOften(Duration),
    #[error("there is no space for more images: all together may take {0} bytes")]
    StorageFull(u64),
    #[error(
        "your images take all the space they may: {0} bytes; end a room with some of them first"
    )]
    QuotaUsed(u64),
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
