//! Parlor: chat rooms that people and devices share, over MQTT.
//!
//! The layers, in order; each uses only what stands before it (`tests/layers.rs` holds them to it):
//!
//! - [`config`]: `broker.toml`, environment and flags become one valid `Config`.
//! - [`chat`]: rooms, messages, identities, topics: plain data and rules, no I/O.
//! - [`store`]: where facts are kept: SQLite or MongoDB.
//! - [`bus`]: publish and subscribe between bridge and edges: rumqttd's router, embedded.
//! - [`bridge`]: the only writer: stamps, stores, announces; keeps presence.
//! - [`mqtt`]: the edge: MQTT 3.1.1 and 5 over TCP and WebSocket.
//! - [`web`]: pages, JSON, uploads.
//! - [`server`]: opens, binds, spawns, waits, stops in order.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::let_underscore_must_use)]

pub mod bridge;
pub mod bus;
pub mod chat;
pub mod config;
pub mod mqtt;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod web;
