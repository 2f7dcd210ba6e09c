//! What of a session outlives its connection: subscriptions, deliveries on their way and waiting,
//! and the QoS 2 identifiers that have been received.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use super::{
    Delivery, Limits,
    outbound::Inflight,
    queue::{Queue, QueueFull},
};
use crate::mqtt::{
    codec::{PacketId, Qos, SubscribeOptions},
    filter::Filter,
};

/// A subscription that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSubscription {
    pub filter: Filter,
    /// With the granted QoS.
    pub options: SubscribeOptions,
    pub identifier: Option<u32>,
}

/// By the filter as the client wrote it.
pub(super) type Subscriptions = BTreeMap<String, HeldSubscription>;

/// The state of a session between connections. Bounded by the limits it was filled under.
#[derive(Debug, Default)]
pub struct Stored {
    pub(super) subscriptions: Subscriptions,
    pub(super) unreleased: BTreeSet<PacketId>,
    pub(super) inflight: VecDeque<Inflight>,
    pub(super) queue: Queue,
    pub(super) last_packet_id: u16,
}

impl Stored {
    pub fn subscriptions(&self) -> impl Iterator<Item = &HeldSubscription> {
        self.subscriptions.values()
    }

    /// Forgets a subscription whose right has ended, and what was still to come by it: it would
    /// reach somebody who may not read it any more.
    pub fn revoke(&mut self, filter: &Filter) {
        let topic = filter.as_str();
        self.subscriptions.remove(topic);
        self.inflight.retain(|inflight| !inflight.repeats(topic));
        self.queue.retain(|delivery| delivery.message.topic() != topic);
    }

    /// How many deliveries wait, on their way or behind the window.
    pub fn waiting(&self) -> usize {
        self.inflight.len() + self.queue.len()
    }

    /// QoS 2 identifiers that the client has not released.
    pub fn unreleased(&self) -> usize {
        self.unreleased.len()
    }

    /// Keeps a delivery for the next connection. QoS 0 is not kept (section 4.1 allows either).
    pub fn keep(
        &mut self,
        delivery: Delivery,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), QueueFull> {
        match delivery.qos {
            Qos::AtMostOnce => Ok(()),
            Qos::AtLeastOnce | Qos::ExactlyOnce => self.queue.push(delivery, limits, now),
        }
    }
}
