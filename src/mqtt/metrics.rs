//! What the edge counts, by the names that `/metrics` shows.

use super::Edge;

/// One number. Names that end in `_total` only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    pub value: u64,
}

impl Edge {
    pub fn metrics(&self) -> Vec<Metric> {
        let (shared, counters) = (&self.0, &self.0.counters);
        let count = |count: usize| count as u64;
        let rows = [
            ("clients_connected", "MQTT clients that are connected", counters.connected()),
            (
                "sessions_away",
                "Sessions kept for clients that are away",
                count(shared.sessions.away()),
            ),
            ("rooms", "Rooms", count(shared.directory.retained_count())),
            ("subscriptions", "Subscriptions to open topics", count(shared.open.subscriptions())),
            ("retained", "Messages retained on open topics", count(shared.open.retained_count())),
            ("connections_total", "Clients let in", counters.connections.value()),
            (
                "connections_refused_total",
                "Connections over a limit",
                counters.connections_refused.value(),
            ),
            (
                "messages_received_total",
                "PUBLISH packets received",
                counters.messages_received.value(),
            ),
            ("messages_sent_total", "PUBLISH packets sent", counters.messages_sent.value()),
            (
                "publishes_refused_total",
                "PUBLISH packets refused",
                counters.publishes_refused.value(),
            ),
            (
                "waiting_bytes",
                "Bytes that wait for clients, a message counted for each",
                count(shared.sessions.waiting()),
            ),
            ("bytes_received_total", "Bytes received over MQTT", counters.bytes_received.value()),
            ("bytes_sent_total", "Bytes sent over MQTT", counters.bytes_sent.value()),
            (
                "sessions_slow_total",
                "Clients cut off for reading too slowly",
                counters.sessions_slow.value(),
            ),
        ];
        rows.into_iter().map(|(name, help, value)| Metric { name, help, value }).collect()
    }
}
