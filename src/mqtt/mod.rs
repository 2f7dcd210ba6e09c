//! The edge: MQTT 3.1.1 and 5 over TCP and WebSocket.
//!
//! Bytes become packets (`codec`), packets become intentions and replies (`session`, without I/O);
//! `policy` says what a topic means to somebody, `connection` does it with the bridge and the hub,
//! `driver` moves the bytes. `hub` and `plain` decide who gets what, `sessions` keeps what outlives
//! a connection. Start at `edge.rs`, where it is all put together.

pub mod auth;
pub mod codec;
mod connection;
pub mod counters;
pub mod door;
mod driver;
pub mod edge;
pub mod filter;
pub mod hub;
pub mod listener;
mod mail;
mod mailbox;
pub mod meter;
pub mod metrics;
mod plain;
mod policy;
pub mod reason;
pub mod session;
mod sessions;
mod sys;
mod tcp;
pub mod tls;
pub mod tree;
pub mod websocket;

#[cfg(test)]
mod scenario;
#[cfg(test)]
mod tests;

pub use auth::Peer;
pub use edge::{Edge, Fault, Task};
