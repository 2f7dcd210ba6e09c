//! One client between its session and the rest of Parlor: does what the session's effects ask, and
//! gives the session what comes back. No bytes are moved here, that is the driver's; what takes
//! time becomes a job, polled by the driver's task.

mod admission;
mod ending;
mod publishing;
mod reading;
mod subscribing;

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};

pub(super) use self::publishing::publish_will;
use self::{
    admission::Admitted,
    publishing::Submitted,
    reading::{PageFetched, Reading},
    subscribing::Opened,
};
use super::{
    Edge, Peer,
    codec::{DecodeError, Packet, Publish, Qos},
    filter::Filter,
    mailbox::Mailbox,
    reason::{Reason, Refusal},
    session::{Effect, Outgoing, Session, Token},
    sessions::Place,
};
use crate::{
    bridge::Pending,
    chat::{Identity, RoomId},
};

pub(super) struct Connection {
    edge: Edge,
    peer: Arc<Peer>,
    pub(super) session: Session,
    /// Who it is, once admitted.
    guest: Option<Guest>,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    drafts: Drafts,
    reading: Reading,
    /// Why it ends, once it does.
    closing: Option<Reason>,
}

/// An admitted client.
struct Guest {
    who: Arc<Identity>,
    place: Place,
}

/// Publishes that wait to be handed over, one after the other, so that their order holds.
#[derive(Default)]
struct Drafts {
    waiting: VecDeque<(Token, Publish)>,
    /// Of their payloads.
    bytes: usize,
    submitting: bool,
}

/// The result of a job.
enum Done {
    Admitted(Result<Box<Admitted>, Refusal>),
    Subscribed(Token, Vec<Result<Opened, Refusal>>),
    Submitted(Token, Result<Submitted, Refusal>),
    Published(Token, Result<(), Refusal>),
    Fetched(PageFetched),
}

impl Connection {
    pub(super) fn new(edge: Edge, peer: Peer, now: Instant) -> Connection {
        let session = Session::new(Arc::clone(&edge.0.limits), now);
        Connection {
            edge,
            peer: Arc::new(peer),
            session,
            guest: None,
            jobs: FuturesUnordered::new(),
            drafts: Drafts::default(),
            reading: Reading::default(),
            closing: None,
        }
    }

    /// Whether a packet may be taken in now: the session accepts one, and what waits to be handed
    /// over is less than the largest packet.
    pub(super) fn accepts_input(&self) -> bool {
        self.session.accepts_input() && self.drafts.bytes < self.edge.0.limits.max_packet_size
    }

    pub(super) fn received(&mut self, packet: Packet, now: Instant) {
        if matches!(packet, Packet::Publish(_)) {
            self.edge.0.counters.messages_received.add(1);
        }
        self.session.received(packet, now);
    }

    pub(super) fn malformed(&mut self, error: DecodeError) {
        self.session.malformed(error);
    }

    /// Whether the client said goodbye itself.
    pub(super) fn has_left(&self) -> bool {
        self.closing.as_ref().is_some_and(Reason::is_clean)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether mail may be taken now: not before a SUBSCRIBE has been answered, so that what it
    /// brings comes after the SUBACK; and only what goes out at once, so that what waits for a
    /// client waits in one place and counts once.
    pub(super) fn takes_mail(&self) -> bool {
        self.session.has_room() && !self.session.has_request()
    }

    pub(super) fn mailbox(&self) -> Option<&Mailbox> {
        self.guest.as_ref().map(|guest| &*guest.place.mailbox)
    }

    /// Somebody outside wants this connection to end, or it reads too slowly.
    pub(super) fn asked_to_end(&self) -> Option<Reason> {
        self.guest.as_ref()?.place.mailbox.end()
    }

    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Waits for the next job to be done, and takes in its result.
    pub(super) async fn work(&mut self) {
        std::future::poll_fn(|context| self.poll_work(context)).await;
    }

    /// The same for a task that waits for other things, too. Pending when there are no jobs.
    pub(super) fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.jobs.poll_next_unpin(context) {
            Poll::Ready(Some(done)) => {
                self.done(done);
                Poll::Ready(())
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Does what the session asks; packets for the client go to `output`.
    pub(super) fn perform(&mut self, output: &mut BytesMut) {
        while let Some(effect) = self.session.next_effect() {
            match effect {
                Effect::Send(outgoing) => self.write(&outgoing, output),
                Effect::Authenticate(connect) => {
                    let admit = admission::admit(self.edge.clone(), self.peer.clone(), connect);
                    self.jobs.push(admit.map(Done::Admitted).boxed());
                }
                Effect::Subscribe { token, subscriptions, properties } => {
                    self.subscribe(token, subscriptions, &properties);
                }
                Effect::Unsubscribe { token, filters } => {
                    filters.iter().for_each(|filter| self.unsubscribe(filter));
                    self.session.unsubscribed(token);
                }
                Effect::Publish { token, publish } => {
                    self.drafts.bytes += publish.payload.len();
                    self.drafts.waiting.push_back((token, publish));
                    self.submit_next();
                }
                Effect::Close(reason) => self.closing = Some(reason),
            }
        }
    }

    fn write(&mut self, outgoing: &Outgoing, output: &mut BytesMut) {
        match outgoing.publishes() {
            0 => {}
            count => self.edge.0.counters.messages_sent.add(count),
        }
        if let Err(error) = self.session.write(outgoing, output) {
            tracing::warn!(%error, "a packet cannot be written");
            self.session.close(Reason::Administrative("an answer does not fit into a packet"));
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Admitted(admitted) => self.admitted(admitted),
            Done::Subscribed(token, results) => self.subscribed(token, results),
            Done::Submitted(token, submitted) => {
                self.drafts.submitting = false;
                self.submitted(token, submitted);
                self.submit_next();
            }
            Done::Published(token, outcome) => self.published(token, outcome),
            Done::Fetched(page) => self.fetched(page),
        }
    }

    fn admitted(&mut self, admitted: Result<Box<Admitted>, Refusal>) {
        let now = Instant::now();
        match admitted {
            Ok(admitted) => {
                let Admitted { granted, who, place, opened } = *admitted;
                if self.session.is_closed() {
                    return ending::give_back(&self.edge, place, granted.stored, &opened);
                }
                self.edge.0.counters.client_came();
                self.reading.resume(opened);
                self.guest = Some(Guest { who, place });
                self.session.authenticated(Ok(granted), now);
                self.log_connect();
            }
            Err(refusal) => self.session.authenticated(Err(refusal), now),
        }
    }

    fn log_connect(&self) {
        let Some(guest) = &self.guest else { return };
        tracing::info!(
            address = %self.peer.address,
            transport = self.peer.transport,
            client = self.session.client_id().unwrap_or_default(),
            identity = %guest.who.uid,
            name = guest.who.name.as_deref(),
            "connected"
        );
    }

    fn published(&mut self, token: Token, outcome: Result<(), Refusal>) {
        if let Err(refusal) = &outcome {
            self.edge.0.counters.publishes_refused.add(1);
            tracing::debug!(%refusal, "a publish was refused");
        }
        self.session.published(token, outcome);
    }

    fn submitted(&mut self, token: Token, submitted: Result<Submitted, Refusal>) {
        match submitted {
            Ok(Submitted::Done) => self.published(token, Ok(())),
            Ok(Submitted::Pending(pending)) => self.await_commit(token, *pending),
            Err(refusal) => self.published(token, Err(refusal)),
        }
    }

    /// The event's id is known before its mail can be taken: jobs and mail are this task's.
    fn await_commit(&mut self, token: Token, pending: Pending) {
        self.reading.said(pending.room(), pending.id());
        let stored = async move {
            let outcome = pending.stored().await.map(|_| ()).map_err(Refusal::from);
            Done::Published(token, outcome)
        };
        self.jobs.push(stored.boxed());
    }

    /// Hands over what waits, one after the other, as far as it goes without waiting.
    fn submit_next(&mut self) {
        while !self.drafts.submitting {
            let Some(guest) = &self.guest else { return };
            let Some((token, publish)) = self.drafts.waiting.pop_front() else { return };
            self.drafts.bytes -= publish.payload.len();
            let (edge, who, from) = (self.edge.clone(), Arc::clone(&guest.who), guest.place.id);
            let mut submit =
                async move { publishing::submit(&edge, &who, Some(from), publish).await }.boxed();
            // Mostly there is a place in the queue, and nothing to wait for.
            if let Some(submitted) = (&mut submit).now_or_never() {
                self.submitted(token, submitted);
            } else {
                self.drafts.submitting = true;
                self.jobs.push(submit.map(move |it| Done::Submitted(token, it)).boxed());
            }
        }
    }

    fn subscribed(&mut self, token: Token, results: Vec<Result<Opened, Refusal>>) {
        let Some(guest) = &self.guest else { return };
        let session = guest.place.id;
        let seated: Vec<RoomId> = results.iter().flatten().filter_map(Opened::seated).collect();
        let answers: Vec<Result<Qos, Refusal>> = results
            .into_iter()
            .map(|result| result.map(|opened| self.reading.opened(opened)))
            .collect();
        self.session.subscribed(token, answers);
        // The mail that says so may have been read already.
        for room in seated {
            if !self.edge.0.hub.is_read_by(room, session) {
                self.evicted(room);
            }
        }
    }

    fn unsubscribe(&mut self, filter: &Filter) {
        let Some(guest) = &self.guest else { return };
        self.reading.closed(filter);
        subscribing::end(&self.edge, guest.place.id, filter);
    }
}
