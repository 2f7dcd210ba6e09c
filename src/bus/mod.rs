//! Publish and subscribe between the bridge and the edges.
//!
//! The filters are few and fixed; no bytes of a client reach the bus unparsed. One contract suite
//! (`contract.rs`) holds every engine to the promises here.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{chat::topic, config::Config};

#[cfg(test)]
mod contract;
pub mod embedded;
mod frame;

/// A bus shared by bridge and edges.
pub type SharedBus = Arc<dyn Bus>;

/// What every subscriber of the bus gets.
pub const FILTERS: [&str; 3] = [topic::CHATS, topic::WHISPERS, topic::DIRECTORY];

/// One message on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    /// Never a slice of a connection's buffer. What a subscriber gets may share a buffer with others
    /// that came with it: whoever keeps it for long makes a copy.
    pub payload: Bytes,
    pub retain: bool,
}

/// The bus is gone. It does not come back in this process, which therefore ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bus has stopped")]
pub struct Stopped;

/// Delivery promises:
///
/// - What one caller publishes under one of [`FILTERS`] arrives in that order at every subscriber.
/// - Delivery is at most once: a subscriber that lags far behind misses messages. Events carry
///   `seq`, so a hole shows and is healed from the store; a card is superseded by the next.
/// - A new subscriber first gets the retained messages.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Hands over the messages, in order. Waits while the bus is busy.
    async fn publish(&self, messages: Vec<Message>) -> Result<(), Stopped>;

    /// Everything that matches [`FILTERS`], from now on, as much at once as has come. The receiver
    /// must be read without pause.
    async fn subscribe(&self) -> Result<mpsc::Receiver<Vec<Message>>, Stopped>;

    /// Resolves when the bus has stopped.
    async fn stopped(&self) -> Stopped;
}

/// Starts the engine that the configuration names.
pub fn open(config: &Config) -> SharedBus {
    // `embedded` is the only engine that a valid configuration can name.
    Arc::new(embedded::Embedded::start(&config.router))
}
