//! What the broker says of itself, on `$SYS/broker/...`: mosquitto's names where they exist.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Edge, Fault,
    codec::{Properties, Qos},
    plain::Publication,
    session::Message,
};

/// Publishes everything now and every `interval`, until the edge is stopped.
pub(super) async fn publish_all(edge: Edge, interval: Duration) -> Result<(), Fault> {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = edge.0.stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        for (name, value) in values(&edge, start.elapsed()) {
            let topic = format!("$SYS/broker/{name}");
            let message = Message::new(topic, value.into(), Properties::default(), None);
            let publication = Publication {
                message: Arc::new(message),
                qos: Qos::ExactlyOnce,
                retain: true,
                from: None,
            };
            if let Err(refusal) = edge.0.sys.publish(&publication) {
                tracing::warn!(%refusal, name, "a $SYS value is not shown");
            }
        }
    }
}

fn values(edge: &Edge, uptime: Duration) -> Vec<(&'static str, String)> {
    let shared = &edge.0;
    let counters = &shared.counters;
    let (connected, away) = (counters.connected(), shared.sessions.away());
    vec![
        ("version", format!("parlor {}", env!("CARGO_PKG_VERSION"))),
        ("uptime", format!("{} seconds", uptime.as_secs())),
        ("clients/connected", connected.to_string()),
        ("clients/disconnected", away.to_string()),
        ("clients/total", (connected + away as u64).to_string()),
        ("messages/received", counters.messages_received.value().to_string()),
        ("messages/sent", counters.messages_sent.value().to_string()),
        ("bytes/received", counters.bytes_received.value().to_string()),
        ("bytes/sent", counters.bytes_sent.value().to_string()),
        ("publish/messages/dropped", counters.publishes_refused.value().to_string()),
        ("subscriptions/count", shared.open.subscriptions().to_string()),
        ("retained messages/count", shared.open.retained_count().to_string()),
        ("rooms", shared.directory.retained_count().to_string()),
    ]
}
