//! Numbers about the edge, for `$SYS` and `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Each only grows, except `connected`.
#[derive(Debug, Default)]
pub struct Counters {
    connected: AtomicU64,
    pub connections: Counter,
    pub connections_refused: Counter,
    pub messages_received: Counter,
    pub messages_sent: Counter,
    pub publishes_refused: Counter,
    pub bytes_received: Counter,
    pub bytes_sent: Counter,
    pub sessions_slow: Counter,
}

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Clients that are connected now.
    pub fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    pub(super) fn client_came(&self) {
        self.connections.add(1);
        self.connected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn client_went(&self) {
        self.connected.fetch_sub(1, Ordering::Relaxed);
    }
}
