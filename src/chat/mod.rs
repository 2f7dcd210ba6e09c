//! The words of the domain: rooms, messages, people, topics, and their rules.
//!
//! Plain data and pure functions. Time and entropy come from the caller; no I/O lives here.

pub mod colour;
pub mod id;
pub mod image;
pub mod message;
pub mod moment;
pub mod people;
pub mod phrases;
pub mod picture;
pub mod room;
pub mod topic;

pub use colour::Colour;
pub use id::{MessageId, RoomId, Uid};
pub use image::{ImageKind, ImageName};
pub use message::{Content, Draft, Event, Key, Kind, Posted, Stamped};
pub use moment::Moment;
pub use people::{Identity, Origin};
pub use picture::{Picture, PictureLimits};
pub use room::{Card, Room, RoomChange};
