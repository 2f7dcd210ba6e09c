//! The end of a connection: what was received is settled, places are given up, the session is kept
//! or ends, the will is given out.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;

use super::{
    Connection, Guest,
    reading::Start,
    subscribing::{self, Opened, What},
};
use crate::mqtt::{
    Edge,
    reason::Reason,
    session::Stored,
    sessions::{DelayedWill, Kept, Leaving, Place},
};

/// How long messages that were received may take to be stored after their sender has gone.
const SETTLE: Duration = Duration::from_secs(10);

impl Connection {
    /// To be called when the transport is closed. What was received before counts: it is stored
    /// before its author leaves.
    pub(in crate::mqtt) async fn finish(mut self) {
        let settle = async {
            let mut nowhere = BytesMut::new();
            while self.has_jobs() {
                self.work().await;
                self.perform(&mut nowhere);
                nowhere.clear();
            }
        };
        if tokio::time::timeout(SETTLE, settle).await.is_err() {
            tracing::warn!(address = %self.peer.address, "messages were not settled in time");
        }
        let reason = self.closing.take().unwrap_or(Reason::ConnectionLost);
        let Some(guest) = self.guest.take() else {
            tracing::info!(address = %self.peer.address, %reason, "not connected");
            return;
        };
        self.edge.0.counters.client_went();
        if reason == Reason::SlowReader {
            self.edge.0.counters.sessions_slow.add(1);
        }
        let client = self.session.client_id().unwrap_or_default();
        let identity = guest.who.uid;
        tracing::info!(address = %self.peer.address, client, %identity, %reason, "disconnected");
        self.leave(guest, &reason).await;
    }

    async fn leave(mut self, guest: Guest, reason: &Reason) {
        let Guest { who, place } = guest;
        for held in self.session.subscriptions() {
            subscribing::end_here(&self.edge, place.id, &held.filter);
        }
        let mut cursors = HashMap::new();
        for (room, seat, cursor) in self.reading.take_rooms() {
            self.edge.0.hub.leave(room, place.id);
            cursors.extend(cursor.map(|cursor| (room, cursor)));
            if reason.is_clean() {
                seat.leave();
            }
        }
        let Some(ended) = self.session.finish() else { return };
        let will = ended.will.map(|(will, delay_s)| {
            let delay = Duration::from_secs(delay_s.into());
            let due = Instant::now() + delay;
            DelayedWill { will, who: Arc::clone(&who), due }
        });
        let expiry = Duration::from_secs(ended.session_expiry_s.into());
        let kept = Kept { stored: ended.stored, cursors };
        for over in self.edge.0.sessions.leave(place, Leaving { kept, expiry, will }) {
            self.edge.end(over).await;
        }
    }
}

/// A session that was taken up for a client who has gone meanwhile, or cannot be served now.
pub(super) fn give_back(edge: &Edge, place: Place, stored: Option<Stored>, opened: &[Opened]) {
    let mut cursors = HashMap::new();
    for one in opened {
        subscribing::end_here(edge, place.id, &one.requested.filter);
        if let What::Room { room, start: Start::After(seq), .. } = &one.what {
            cursors.insert(*room, *seq);
        }
    }
    let expiry = match &stored {
        Some(_) => Duration::from_secs(edge.0.limits.max_session_expiry_s.into()),
        None => Duration::ZERO,
    };
    let kept = Kept { stored: stored.unwrap_or_default(), cursors };
    let over = edge.0.sessions.leave(place, Leaving { kept, expiry, will: None });
    let own = edge.clone();
    edge.0.connections.spawn(async move {
        for one in over {
            own.end(one).await;
        }
    });
}
