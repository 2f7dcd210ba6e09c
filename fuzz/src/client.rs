//! A client that sends any bytes to a session, the shell behind it, and a model of what the two may
//! owe each other. Time is a number; the shell does what a script of bytes says.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use parlor::mqtt::{
    codec::{Connect, Packet, PacketId, Properties, Property, Publish, Qos, Version, decode},
    reason::{Reason, ReasonCode, Refusal},
    session::{
        Delivery, Effect, Granted, HeldSubscription, Limits, Message, Outgoing, Session, Stored,
        Token,
    },
};

use super::{codes, packet::LIMITS};

const WINDOW: u16 = 3;
const QUEUE: usize = 5;
const UNSETTLED: usize = 4;
const SUBSCRIPTIONS: usize = 3;
const UNRELEASED: u16 = 4;
const ALIASES: u16 = 2;

fn limits() -> Arc<Limits> {
    Arc::new(Limits {
        max_connect_size: LIMITS.max_packet_size,
        max_packet_size: LIMITS.max_packet_size,
        max_user_properties: LIMITS.max_user_properties,
        receive_maximum: UNRELEASED,
        max_unreleased: UNRELEASED.into(),
        max_unsettled_publishes: UNSETTLED,
        topic_alias_maximum: ALIASES,
        max_inflight: WINDOW,
        max_queued: QUEUE,
        max_subscriptions: SUBSCRIPTIONS,
        ..Limits::default()
    })
}

pub struct Client {
    session: Session,
    limits: Arc<Limits>,
    now: Instant,
    /// What the shell says to a CONNECT, as a position among the reason codes; 0 is yes.
    answer: u8,
    connect: Option<Connect>,
    shell: Shell,
    model: Model,
    ended: Option<Reason>,
}

/// What waits for the shell.
#[derive(Default)]
struct Shell {
    publishes: VecDeque<Token>,
    /// With the number of its filters, and whether it is a SUBSCRIBE.
    request: Option<(Token, usize, bool)>,
    stored: Option<Stored>,
}

/// What the client knows of its connection.
#[derive(Default)]
struct Model {
    /// Answers that the server may still give: PUBACK and PUBREC by identifier.
    owed: BTreeMap<(Qos, PacketId), usize>,
    /// QoS 2 identifiers that the server has; true once it has said so.
    taken: BTreeMap<PacketId, bool>,
    /// Filters of the SUBSCRIBE or UNSUBSCRIBE that is not answered.
    asked: Option<usize>,
    /// Deliveries on their way to us.
    inflight: BTreeMap<PacketId, Qos>,
    /// Identifiers that we acknowledged and that were not on their way: each gets its PUBREL.
    strays: BTreeSet<PacketId>,
    pings: usize,
    releases: usize,
}

impl Client {
    /// Nothing has been said. To its CONNECT the shell says what `answer` stands for.
    pub fn stranger(answer: u8) -> Self {
        let (limits, now) = (limits(), Instant::now());
        Self {
            session: Session::new(Arc::clone(&limits), now),
            limits,
            now,
            answer,
            connect: None,
            shell: Shell::default(),
            model: Model::default(),
            ended: None,
        }
    }

    /// Somebody who has been let in. `options` are bits, see `connect`.
    pub fn known(version: Version, options: u8) -> Self {
        let mut client = Self::stranger(0);
        client.take_in(Packet::Connect(Box::new(connect(version, options))));
        assert!(client.ended.is_none() && client.session.is_live(), "{:?}", client.ended);
        client
    }

    /// Reads the client's bytes as the driver does; after each packet the shell acts once.
    pub fn receive(&mut self, stream: &[u8], script: &[u8]) {
        let mut input = BytesMut::from(stream);
        let mut script = script.iter();
        while self.ended.is_none() {
            if !self.session.accepts_input() {
                match script.next() {
                    Some(act) => self.act(*act),
                    None => self.settle_everything(),
                }
                continue;
            }
            let limits = self.session.decode_limits(input.first().copied());
            match decode(&mut input, self.session.version(), limits) {
                Ok(Some(packet)) => {
                    self.take_in(packet);
                    if let Some(act) = script.next() {
                        self.act(*act);
                    }
                }
                Ok(None) => return script.for_each(|act| self.act(*act)),
                Err(error) => {
                    self.session.malformed(error);
                    self.collect();
                }
            }
        }
    }

    /// The transport is gone: what is kept is within its limits.
    pub fn end(mut self) {
        self.settle_everything();
        self.session.close(Reason::ConnectionLost);
        self.collect();
        assert!(self.session.is_closed() && self.session.deadline().is_none());
        if let Some(ended) = self.session.finish() {
            check_stored(&ended.stored);
            assert!(ended.session_expiry_s <= self.limits.max_session_expiry_s);
            let will_delay = ended.will.map_or(0, |(_, delay_s)| delay_s);
            assert!(will_delay <= ended.session_expiry_s);
        }
    }

    fn take_in(&mut self, packet: Packet) {
        if let Packet::Connect(connect) = &packet
            && self.connect.is_none()
        {
            self.connect = Some(*connect.clone());
        }
        let is_live = self.session.is_live();
        let is_duplicate = self.model.hears(&packet) && is_live;
        let filters = match &packet {
            Packet::Subscribe(subscribe) => Some(subscribe.subscriptions.len()),
            Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.filters.len()),
            _ => None,
        };
        if is_live && filters.is_some() {
            self.model.asked = filters;
        }
        let publishes = self.shell.publishes.len();
        self.session.received(packet, self.now);
        self.collect();
        if is_duplicate {
            assert!(self.shell.publishes.len() <= publishes, "a QoS 2 message came twice");
        }
    }

    fn act(&mut self, act: u8) {
        let argument = act >> 3;
        match act & 0b111 {
            0 => self.settle(usize::from(argument), None),
            1 => self.settle(0, Some(argument)),
            2 => self.answer_request(None),
            3 => self.answer_request(Some(argument)),
            4 | 5 => self.deliver(argument),
            6 => {
                self.now += Duration::from_secs(u64::from(argument));
                self.session.tick(self.now);
                self.collect();
            }
            _ => self.resume(),
        }
    }

    fn settle(&mut self, index: usize, refusal: Option<u8>) {
        if let Some(token) = self.shell.publishes.remove(index) {
            self.session.published(token, refusal.map_or(Ok(()), |code| Err(refused(code))));
            self.collect();
        }
    }

    fn answer_request(&mut self, refusal: Option<u8>) {
        let Some((token, count, is_subscribe)) = self.shell.request.take() else { return };
        if is_subscribe {
            let result = refusal.map_or(Ok(Qos::ExactlyOnce), |code| Err(refused(code)));
            self.session.subscribed(token, vec![result; count]);
        } else {
            self.session.unsubscribed(token);
        }
        self.collect();
    }

    fn deliver(&mut self, argument: u8) {
        let qos = Qos::from_value(argument & 0b11).unwrap_or_default();
        let topic = if argument & 0b100 == 0 { "chat/r1" } else { "sensors/a" };
        let expires = (argument & 0b1000 != 0).then_some(self.now + Duration::from_secs(5));
        let payload = Bytes::from_static(b"hello");
        let message = Message::new(topic, payload, Properties::default(), expires);
        let mut delivery = Delivery::new(Arc::new(message), qos);
        if argument & 0b1_0000 != 0 {
            delivery.subscription_identifiers = vec![7];
        }
        self.session.deliver(delivery, self.now);
        self.collect();
    }

    /// The connection is lost and the client comes back to its session.
    fn resume(&mut self) {
        if self.ended.is_some() || !self.session.is_live() {
            return;
        }
        self.settle_everything();
        if self.ended.is_some() {
            return;
        }
        let fresh = Session::new(Arc::clone(&self.limits), self.now);
        let mut old = std::mem::replace(&mut self.session, fresh);
        old.close(Reason::ConnectionLost);
        let Some(ended) = old.finish() else { panic!("it was live") };
        check_stored(&ended.stored);
        self.shell = Shell { stored: Some(ended.stored), ..Shell::default() };
        let taken = std::mem::take(&mut self.model.taken);
        let Some(mut again) = self.connect.take() else { panic!("it has connected") };
        again.clean_start = false;
        self.model = Model { taken, ..Model::default() };
        if again.client_id.is_empty() {
            again.client_id = "assigned".into();
        }
        self.take_in(Packet::Connect(Box::new(again)));
    }

    fn settle_everything(&mut self) {
        while !self.shell.publishes.is_empty() {
            self.settle(0, None);
        }
        self.answer_request(None);
        assert_eq!(self.session.unsettled(), 0, "an answer waits for nothing");
    }

    fn collect(&mut self) {
        while let Some(effect) = self.session.next_effect() {
            assert!(self.ended.is_none(), "after the end: {effect:?}");
            match effect {
                Effect::Send(outgoing) => self.send(&outgoing),
                Effect::Authenticate(_) => {
                    let stored = self.shell.stored.take();
                    let granted = Granted { assigned_client_id: "assigned".into(), stored };
                    let answer = match self.answer {
                        0 => Ok(granted),
                        code => Err(refused(code)),
                    };
                    self.session.authenticated(answer, self.now);
                }
                Effect::Publish { token, publish } => {
                    assert!(!publish.topic.is_empty() && !publish.topic.contains(['+', '#']));
                    self.shell.publishes.push_back(token);
                }
                Effect::Subscribe { token, subscriptions, .. } => {
                    assert!(self.shell.request.is_none() && !subscriptions.is_empty());
                    self.shell.request = Some((token, subscriptions.len(), true));
                }
                Effect::Unsubscribe { token, filters } => {
                    assert!(self.shell.request.is_none() && !filters.is_empty());
                    self.shell.request = Some((token, filters.len(), false));
                }
                Effect::Close(reason) => self.ended = Some(reason),
            }
        }
        assert!(self.session.unsettled() <= UNSETTLED);
        assert!(self.shell.publishes.len() <= self.session.unsettled());
        let held: Vec<&HeldSubscription> = self.session.subscriptions().collect();
        assert!(held.len() <= SUBSCRIPTIONS, "{held:?}");
    }

    /// Over the wire, so that the model hears what a client would.
    fn send(&mut self, outgoing: &Outgoing) {
        let (version, most) = match &self.connect {
            Some(connect) => (connect.version, connect.properties.maximum_packet_size().copied()),
            None => (Version::V4, None),
        };
        let mut wire = BytesMut::new();
        if self.session.write(outgoing, &mut wire).is_err() {
            assert!(wire.is_empty() && most.is_some(), "only a small client is too small");
            return self.session.close(Reason::Administrative("an answer does not fit"));
        }
        assert!(most.is_none_or(|most| wire.len() <= most as usize), "larger than it takes");
        // Who has not told a version is answered in the one that its CONNECT looked like.
        let stranger = self.connect.is_none() && wire.len() > 4;
        let version = if stranger { Version::V5 } else { version };
        let packet = decode(&mut wire, Some(version), LIMITS);
        let packet = packet.expect("what a session sends is well-formed").expect("and whole");
        assert!(wire.is_empty());
        codes::check_sent(&packet, version);
        let window = self.connect.as_ref().and_then(|one| one.properties.receive_maximum());
        self.model.is_told(&packet, window.copied().unwrap_or(u16::MAX).min(WINDOW));
    }
}

impl Model {
    /// The client sends. True for a QoS 2 message that the server has already.
    fn hears(&mut self, packet: &Packet) -> bool {
        match packet {
            Packet::Publish(Publish { qos, packet_id: Some(id), .. }) => {
                *self.owed.entry((*qos, *id)).or_default() += 1;
                let is_known = *qos == Qos::ExactlyOnce && self.taken.contains_key(id);
                if *qos == Qos::ExactlyOnce && !is_known {
                    self.taken.insert(*id, false);
                }
                return is_known;
            }
            Packet::PubRel(ack) => {
                self.releases += 1;
                if self.taken.get(&ack.packet_id) == Some(&true) {
                    self.taken.remove(&ack.packet_id);
                }
            }
            Packet::PubAck(ack) if self.inflight.get(&ack.packet_id) == Some(&Qos::AtLeastOnce) => {
                self.inflight.remove(&ack.packet_id);
            }
            Packet::PubRec(ack) if !self.inflight.contains_key(&ack.packet_id) => {
                self.strays.insert(ack.packet_id);
            }
            Packet::PubRec(ack) if ack.code.is_failure() => {
                self.inflight.remove(&ack.packet_id);
            }
            // Before PUBREC it is a violation and the end, so that it does not matter.
            Packet::PubComp(ack) => {
                self.inflight.remove(&ack.packet_id);
            }
            Packet::PingReq => self.pings += 1,
            _ => {}
        }
        false
    }

    /// The server sends.
    fn is_told(&mut self, packet: &Packet, window: u16) {
        match packet {
            Packet::PubAck(ack) => self.is_answered(Qos::AtLeastOnce, ack.packet_id),
            Packet::PubRec(ack) => {
                self.is_answered(Qos::ExactlyOnce, ack.packet_id);
                if ack.code.is_failure() {
                    self.taken.remove(&ack.packet_id);
                } else {
                    self.taken.insert(ack.packet_id, true);
                }
            }
            Packet::PubComp(_) => {
                self.releases = self.releases.checked_sub(1).expect("a PUBREL for each PUBCOMP");
            }
            Packet::PingResp => {
                self.pings = self.pings.checked_sub(1).expect("a PINGREQ for each PINGRESP");
            }
            Packet::SubAck(ack) => {
                assert_eq!(self.asked.take(), Some(ack.codes.len()), "a code for each filter");
            }
            Packet::UnsubAck(_) => assert!(self.asked.take().is_some(), "nobody asked"),
            Packet::Publish(publish) => {
                assert_eq!(publish.packet_id.is_some(), publish.qos != Qos::AtMostOnce);
                if let Some(id) = publish.packet_id {
                    let old = self.inflight.insert(id, publish.qos);
                    assert!(old.is_none(), "identifier {id} is in use");
                }
                assert!(self.inflight.len() <= usize::from(window), "beyond the window");
            }
            Packet::PubRel(ack) if self.strays.remove(&ack.packet_id) => {}
            Packet::PubRel(ack) => {
                assert_eq!(ack.code, ReasonCode::Success, "{ack:?}");
                self.inflight.insert(ack.packet_id, Qos::ExactlyOnce);
                assert!(self.inflight.len() <= usize::from(window), "beyond the window");
            }
            _ => {}
        }
    }

    fn is_answered(&mut self, qos: Qos, id: PacketId) {
        let owed = self.owed.get_mut(&(qos, id)).filter(|owed| **owed > 0);
        *owed.unwrap_or_else(|| panic!("an answer too many for {id}")) -= 1;
    }
}

fn check_stored(stored: &Stored) {
    assert!(stored.waiting() <= usize::from(WINDOW) + QUEUE);
    assert!(stored.unreleased() <= usize::from(UNRELEASED) + UNSETTLED);
    assert!(stored.subscriptions().count() <= SUBSCRIPTIONS);
}

/// The code at this position among those that refuse.
fn refused(position: u8) -> Refusal {
    let failures: Vec<ReasonCode> =
        ReasonCode::ALL.iter().copied().filter(|code| code.is_failure()).collect();
    Refusal::new(failures[usize::from(position) % failures.len()], "no")
}

fn connect(version: Version, options: u8) -> Connect {
    let has = |bit: u8| options & 1 << bit != 0;
    let mut properties = Properties::default();
    if version == Version::V5 {
        let offered = [
            (0, Property::TopicAliasMaximum(1)),
            (1, Property::ReceiveMaximum(2)),
            (2, Property::RequestProblemInformation(false)),
            // CONNACK takes 25 bytes of it.
            (3, Property::MaximumPacketSize(32)),
            (4, Property::SessionExpiryInterval(100)),
        ];
        for (bit, property) in offered {
            if has(bit) {
                properties.push(property);
            }
        }
    }
    Connect {
        version,
        clean_start: has(5),
        keep_alive_s: if has(6) { 10 } else { 60 },
        client_id: "client".into(),
        will: None,
        user_name: None,
        password: None,
        properties,
    }
}
