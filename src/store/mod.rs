//! Where facts are kept. One trait, held by one contract suite (`contract/`) to the same promises
//! on every backend; a backend's own errors stop at its files.
//!
//! The bridge is the only caller that writes.

#[cfg(test)]
mod contract;
pub mod files;
#[cfg(feature = "mongo")]
mod mongo;
mod open;
pub mod quota;
mod roster;
mod sqlite;
mod words;

use std::sync::Arc;

use async_trait::async_trait;

use crate::chat::{
    Event, MessageId, Moment, Room, RoomChange, RoomId, Stamped, Uid, people::Person,
};

pub use open::{check, file, open, snapshot};

/// A store shared by everybody who reads it.
pub type SharedStore = Arc<dyn Store>;

/// What went wrong, as far as the caller can do something about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or cannot write now. Trying again later may help; whether the
    /// operation happened is unknown, and repeating it is harmless.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is there cannot be understood: foreign, damaged, or of a newer version.
    #[error("the store cannot be used: {0}")]
    Unusable(String),
    /// The room or device is already there.
    #[error("it exists already")]
    Exists,
    /// The room or device is not there.
    #[error("it does not exist")]
    NotFound,
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// What became of an appended message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is now in the log.
    New(Event),
    /// It was there already, by its id or its key: this is what is there.
    Known(Event),
    /// There is no such room; nothing was written.
    NoRoom,
}

/// A room as the store remembers it at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRoom {
    pub room: Room,
    /// The number of the room's newest message, 0 when there is none.
    pub last_seq: u64,
    /// Who had joined and not left, by the log; who has been there longest stands first.
    pub roster: Vec<Person>,
    pub granted: Vec<Uid>,
    pub banned: Vec<Uid>,
}

/// How an identity stands with a room beyond being in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Gave the password, or was invited.
    Granted,
    Banned,
    /// Neither.
    None,
}

/// Which part of a room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest messages.
    Newest,
    /// The newest messages with a smaller number.
    Before(u64),
    /// The oldest messages with a greater number.
    After(u64),
}

/// A device that may connect by name and token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub uid: Uid,
    /// SHA-256 of the token, in hex. The token itself is shown once and never kept.
    pub token_hash: String,
    pub monitor: bool,
    pub created_at: Moment,
    pub last_seen: Option<Moment>,
}

/// Rooms, their logs, and devices. Every method may be called concurrently, and may be repeated
/// after [`StoreError::Unavailable`] without doubling anything.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Every room, with what a restart must know. Finishes a removal that a crash interrupted.
    async fn rooms(&self) -> Result<Vec<SavedRoom>>;

    /// Writes a new room. [`StoreError::Exists`] when the id is taken by a different room.
    async fn create(&self, room: &Room) -> Result<()>;

    /// Changes a room. [`StoreError::NotFound`] when it is not there. A change of `password`
    /// forgets every grant.
    async fn change(&self, room: RoomId, change: &RoomChange) -> Result<()>;

    /// Sets how an identity stands with a room; a ban ends a grant. [`StoreError::NotFound`] when
    /// the room is not there.
    async fn set_standing(&self, room: RoomId, who: Uid, standing: Standing) -> Result<()>;

    /// Removes the room, its log, roster and standings. A room that is not there is removed.
    async fn remove(&self, room: RoomId) -> Result<()>;

    /// Appends messages in the order given, durably: when it answers, all that is `New` is on disk.
    ///
    /// - Numbers are contiguous per room, from 1, in the order of the batch.
    /// - A message whose id is in the room's log, or whose key is there from the same identity, is
    ///   `Known`; also when the earlier one stands in the same batch.
    /// - Joins, exits and kicks change the roster together with the log; a change of owner, the
    ///   room's owner.
    /// - An error leaves each room with a prefix of its messages; repeating the batch completes it.
    async fn append(&self, batch: Vec<Stamped>) -> Result<Vec<Appended>>;

    /// At most `limit` messages, oldest first. An unknown room has none.
    async fn page(&self, room: RoomId, page: Page, limit: u32) -> Result<Vec<Event>>;

    /// One message of a room, by id.
    async fn message(&self, room: RoomId, id: MessageId) -> Result<Option<Event>>;

    /// All devices, by name.
    async fn devices(&self) -> Result<Vec<Device>>;

    /// The device of that name.
    async fn device(&self, name: &str) -> Result<Option<Device>>;

    /// Writes a new device. [`StoreError::Exists`] when the name is taken.
    async fn add_device(&self, device: &Device) -> Result<()>;

    /// [`StoreError::NotFound`] when there is none of that name.
    async fn remove_device(&self, name: &str) -> Result<()>;

    /// Notes when a device was last seen. Not durable at once; an unknown name is ignored.
    async fn seen_device(&self, name: &str, at: Moment) -> Result<()>;

    /// Whether the store can read and write now.
    async fn ping(&self) -> Result<()>;

    /// Ends the store's own tasks after what they have taken on. Nothing works after it.
    async fn close(&self);
}
