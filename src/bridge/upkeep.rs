//! The bridge's two other tasks: the sweeper, which acts when something is due, and the directory,
//! which publishes the cards that have changed.

use std::{sync::Arc, time::Instant};

use tokio_util::sync::CancellationToken;

use super::{Fault, Shared};
use crate::{bus::Message, chat::topic};

/// Ends places that nobody came back to, and rooms that nobody entered, when their time is over.
pub(super) async fn sweep(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), Fault> {
    loop {
        let due = shared.state().next_due();
        let due_now = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = shared.due_changed.notified() => {}
            () = due_now => {
                shared.state().sweep(Instant::now());
                shared.cards_changed.notify_one();
            }
        }
    }
}

/// Publishes each changed card, retained. While one publication is under way further changes
/// gather, so a busy room costs one card, not one per join; the last one published is always true.
pub(super) async fn directory(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), Fault> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = shared.cards_changed.notified() => {}
        }
        // Held from reading to publishing, so that a card never overtakes the room's removal.
        let _one_at_a_time = shared.announcing.lock().await;
        let changed = shared.state().take_changed();
        let messages = changed.into_iter().map(|(room, card)| {
            let payload = card.map(|card| serde_json::to_vec(&card).unwrap_or_default());
            let payload = payload.unwrap_or_default().into();
            Message { topic: topic::card(room), payload, retain: true }
        });
        shared.bus.publish(messages.collect()).await?;
    }
}
