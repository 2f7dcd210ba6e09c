//! The edge on a real bridge, store and bus: clients speak packets over an in-memory transport.

mod chat;
mod corners;
mod lab;
mod plain;
mod sessions;
