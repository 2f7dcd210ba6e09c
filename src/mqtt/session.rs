//! One client's MQTT session without I/O: packets and time go in, effects come out. Pure: the
//! driver moves the bytes, the shell above answers what the effects ask.
//!
//! `connect` opens it, `inbound` takes publishes, `outbound` sends them, `subscriptions` asks for
//! topics, `closing` ends it; `stored` is what outlives the connection.

mod aliases;
mod client;
mod closing;
mod connect;
mod delivery;
mod effect;
mod inbound;
mod limits;
mod outbound;
mod publish;
mod queue;
mod run;
mod stored;
mod subscriptions;

#[cfg(test)]
mod any_sequence;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bytes::BytesMut;

use self::{
    client::Client, inbound::Inbound, outbound::Outbound, subscriptions::SubscriptionRequest,
};
pub use self::{
    closing::Ended,
    connect::Granted,
    delivery::{Delivery, Message, OutgoingPublish},
    effect::{Effect, Outgoing, Requested, Token},
    limits::Limits,
    run::Run,
    stored::{HeldSubscription, Stored},
};
use super::{
    codec::{ConnAck, DecodeError, DecodeLimits, EncodeError, Packet, PacketType, SubAck, Version},
    reason::{Reason, ReasonCode},
};
use crate::bridge::pace::Bucket;

/// The server's side of one connection. Feed it packets only while [`Session::accepts_input`], take
/// all effects after every call, come back at [`Session::deadline`].
pub struct Session {
    limits: Arc<Limits>,
    phase: Phase,
    /// What the CONNECT said; none before it.
    client: Option<Client>,
    /// How to answer a CONNECT that could not be decoded.
    answer_in: Option<Version>,
    effects: VecDeque<Effect>,
    last_token: u64,
    /// When the client was last heard, or when the present phase began.
    heard: Instant,
    control: Bucket,
    /// It has asked for too much: until then nothing is taken in.
    paused_until: Option<Instant>,
    inbound: Inbound,
    outbound: Outbound,
    subscriptions: stored::Subscriptions,
    /// The SUBSCRIBE or UNSUBSCRIBE that waits for the shell; further input waits with it.
    request: Option<SubscriptionRequest>,
    end: Option<Reason>,
    /// Whether the client had been accepted when the end came.
    was_live: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Authenticating,
    Live,
    Closed,
}

impl Session {
    /// A session for a transport that was opened at `now`.
    pub fn new(limits: Arc<Limits>, now: Instant) -> Session {
        Session {
            phase: Phase::Connecting,
            client: None,
            answer_in: None,
            effects: VecDeque::new(),
            last_token: 0,
            heard: now,
            control: Bucket::full(limits.control, now),
            paused_until: None,
            limits,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            subscriptions: stored::Subscriptions::default(),
            request: None,
            end: None,
            was_live: false,
        }
    }

    /// What happened, in order. Small: at most a window of messages after one call.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether another packet may be given to [`Session::received`]. While it is false the bytes
    /// stay where they are, and the peer is held back by its transport: during authentication,
    /// during a SUBSCRIBE or UNSUBSCRIBE, with too many publishes waiting for their commit, and for
    /// a while after too many control packets.
    pub fn accepts_input(&self) -> bool {
        match self.phase {
            Phase::Connecting => true,
            Phase::Authenticating | Phase::Closed => false,
            Phase::Live => {
                self.request.is_none()
                    && self.paused_until.is_none()
                    && self.inbound.unsettled() < self.limits.max_unsettled_publishes
            }
        }
    }

    /// The subscriptions as they are.
    pub fn subscriptions(&self) -> impl Iterator<Item = &HeldSubscription> {
        self.subscriptions.values()
    }

    /// The version to decode with, once a CONNECT has told it.
    pub fn version(&self) -> Option<Version> {
        self.client.as_ref().map(|client| client.version)
    }

    /// What to decode a packet with that begins with this byte: less before the client is known,
    /// and much only for a PUBLISH.
    pub fn decode_limits(&self, first: Option<u8>) -> DecodeLimits {
        let is_publish = first.is_some_and(|first| first >> 4 == PacketType::Publish as u8);
        let max_packet_size = match self.phase {
            Phase::Connecting | Phase::Authenticating => self.limits.max_connect_size,
            Phase::Live | Phase::Closed if is_publish => self.limits.max_packet_size,
            Phase::Live | Phase::Closed => self.limits.max_other_size,
        };
        DecodeLimits { max_packet_size, max_user_properties: self.limits.max_user_properties }
    }

    /// Appends the bytes of an effect's packet.
    pub fn write(&self, outgoing: &Outgoing, out: &mut BytesMut) -> Result<(), EncodeError> {
        let (version, max_size) = match &self.client {
            Some(client) => (client.version, client.max_packet_size),
            None => (self.answer_in.unwrap_or(Version::V4), usize::MAX),
        };
        outgoing.write(version, max_size, out)
    }

    /// A packet from the client. One given although [`Session::accepts_input`] is false ends the
    /// session, so that nothing can pile up.
    pub fn received(&mut self, packet: Packet, now: Instant) {
        if self.phase == Phase::Closed {
            return;
        }
        self.heard = now;
        if !self.accepts_input() {
            return self.violation(ReasonCode::ProtocolError, "a packet out of turn", "4.9");
        }
        match (self.phase, packet) {
            (Phase::Connecting, Packet::Connect(connect)) => self.connect(*connect),
            (Phase::Connecting, _) => self.violation(
                ReasonCode::ProtocolError,
                "the first packet is not CONNECT",
                "MQTT-3.1.0-1",
            ),
            (_, packet) => self.received_live(packet, now),
        }
    }

    fn received_live(&mut self, packet: Packet, now: Instant) {
        match &packet {
            Packet::PingReq => self.charge(1, now),
            Packet::Subscribe(subscribe) => self.charge(subscribe.subscriptions.len(), now),
            Packet::Unsubscribe(unsubscribe) => self.charge(unsubscribe.filters.len(), now),
            _ => {}
        }
        match packet {
            Packet::Publish(publish) => self.publish(publish, now),
            Packet::PubAck(ack) => self.outbound_step(now, |out, to| out.puback(&ack, to)),
            Packet::PubRec(ack) => self.outbound_step(now, |out, to| out.pubrec(&ack, to)),
            Packet::PubComp(ack) => self.outbound_step(now, |out, to| out.pubcomp(&ack, to)),
            Packet::PubRel(ack) => {
                let reply = self.inbound.release(ack.packet_id);
                if reply.code.is_failure() {
                    self.charge(1, now);
                }
                self.send(Packet::PubComp(reply));
            }
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            Packet::PingReq => self.send(Packet::PingResp),
            Packet::Disconnect(disconnect) => self.disconnect(&disconnect),
            Packet::Connect(_) => {
                self.violation(ReasonCode::ProtocolError, "a second CONNECT", "MQTT-3.1.0-2");
            }
            Packet::Auth(_) => self.violation(
                ReasonCode::BadAuthenticationMethod,
                "AUTH without an authentication method",
                "MQTT-4.12.0-6",
            ),
            Packet::ConnAck(ConnAck { .. })
            | Packet::SubAck(SubAck { .. })
            | Packet::UnsubAck(SubAck { .. })
            | Packet::PingResp => self.violation(
                ReasonCode::ProtocolError,
                "a packet that only servers send",
                "2.1.2",
            ),
        }
    }

    /// The bytes from the client were no packet.
    pub fn malformed(&mut self, error: DecodeError) {
        self.answer_in = self.answer_in.or(error.answer_in);
        self.close(Reason::Malformed(error));
    }

    /// A message for the client. Before the CONNACK and after the end nothing is delivered.
    ///
    /// QoS 0 is sent at once: the driver takes no more deliveries while it cannot write. QoS 1
    /// and 2 wait behind the window; when that queue is full the session ends with 0x97. A message
    /// that is larger than the client takes is left out [MQTT-3.1.2-25].
    pub fn deliver(&mut self, delivery: Delivery, now: Instant) {
        if self.phase != Phase::Live {
            return;
        }
        if self.outbound.deliver(delivery, &self.limits, now, &mut self.effects).is_err() {
            self.close(Reason::SlowReader);
        }
    }

    /// Messages for the client at QoS 0, all in one piece. False when they have to be delivered one by
    /// one, and nothing was done.
    pub fn deliver_run(&mut self, run: &Arc<Run>) -> bool {
        let goes = self.phase == Phase::Live && self.outbound.takes_whole(run);
        if goes {
            self.effects.push_back(Effect::Send(Outgoing::Run(Arc::clone(run))));
        }
        goes
    }

    /// Whether what is delivered now goes out at once: nothing waits behind the window.
    pub fn has_room(&self) -> bool {
        self.phase == Phase::Live && self.outbound.is_idle()
    }

    /// Whether the client is accepted and not gone.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether it has ended, for whatever reason.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether a SUBSCRIBE or UNSUBSCRIBE waits for its answer.
    pub fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// How many deliveries were left out: too large for the client, or expired.
    pub fn discarded(&self) -> u64 {
        self.outbound.discarded()
    }

    /// When [`Session::tick`] has something to do, unless packets arrive before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.phase == Phase::Closed {
            return None;
        }
        self.silence_ends().into_iter().chain(self.paused_until).min()
    }

    fn silence_ends(&self) -> Option<Instant> {
        let patience = match self.phase {
            Phase::Connecting => self.limits.connect_timeout,
            Phase::Authenticating => self.limits.authentication_timeout,
            Phase::Live => self.client.as_ref()?.patience,
            Phase::Closed => return None,
        };
        self.heard.checked_add(patience)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        let is_over = self.silence_ends().is_some_and(|end| end <= now);
        match self.phase {
            _ if !is_over => {}
            Phase::Connecting | Phase::Authenticating => self.close(Reason::ConnectTimeout),
            // Whoever is not listened to cannot be called silent.
            Phase::Live if !self.accepts_input() => self.heard = now,
            Phase::Live => self.close(Reason::KeepAliveTimeout),
            Phase::Closed => {}
        }
        self.paused_until.take_if(|until| *until <= now);
    }

    /// `step` tells whether the acknowledgement was one of something.
    fn outbound_step(
        &mut self,
        now: Instant,
        step: impl FnOnce(&mut Outbound, &mut VecDeque<Effect>) -> Result<bool, Reason>,
    ) {
        match step(&mut self.outbound, &mut self.effects) {
            Ok(true) => self.outbound.pump(now, &mut self.effects),
            Ok(false) => self.charge(1, now),
            Err(reason) => self.close(reason),
        }
    }

    /// Counts what was asked for; with too much of it reading pauses until it is worked off.
    fn charge(&mut self, count: usize, now: Instant) {
        let rate = self.limits.control;
        self.control.charge(u32::try_from(count).unwrap_or(u32::MAX), rate, now);
        self.paused_until = self.control.wait(rate, now).map(|wait| now + wait);
    }

    fn send(&mut self, packet: Packet) {
        let mute = self.client.as_ref().is_some_and(|client| !client.problem_information);
        let packet = if mute { effect::without_problem_information(packet) } else { packet };
        self.effects.push_back(Effect::Send(Outgoing::Packet(packet)));
    }

    fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    fn violation(&mut self, code: ReasonCode, what: &'static str, clause: &'static str) {
        self.close(Reason::Violation { code, what, clause });
    }
}
