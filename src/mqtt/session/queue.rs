//! Deliveries that wait behind the window, bounded in number and bytes.

use std::{collections::VecDeque, time::Instant};

use super::{Delivery, Limits};

/// There is no room: the caller decides whose end that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of waiting messages is full")]
pub struct QueueFull;

#[derive(Debug, Default)]
pub(super) struct Queue {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
}

impl Queue {
    pub(super) fn push(
        &mut self,
        delivery: Delivery,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), QueueFull> {
        let bytes = self.bytes.saturating_add(delivery.message.size());
        if self.deliveries.len() >= limits.max_queued || bytes > limits.max_queued_bytes {
            self.drop_expired(now);
        }
        let bytes = self.bytes.saturating_add(delivery.message.size());
        if self.deliveries.len() >= limits.max_queued || bytes > limits.max_queued_bytes {
            return Err(QueueFull);
        }
        self.bytes = bytes;
        self.deliveries.push_back(delivery);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.deliveries.pop_front()?;
        self.bytes -= delivery.message.size();
        Some(delivery)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.deliveries.len()
    }

    fn drop_expired(&mut self, now: Instant) {
        self.retain(|delivery| !delivery.is_expired(now));
    }

    pub(super) fn retain(&mut self, stays: impl FnMut(&Delivery) -> bool) {
        self.deliveries.retain(stays);
        self.bytes = self.deliveries.iter().map(|delivery| delivery.message.size()).sum();
    }
}
