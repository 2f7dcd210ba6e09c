//! For tests: a session and its client on a virtual clock. Whatever the session sends goes through
//! the encoder and comes back through the decoder, so that a scenario speaks of packets.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

use super::{
    codec::{
        Acknowledgement, ConnAck, Connect, DecodeLimits, Packet, PacketId, Properties, Publish,
        Qos, Version, decode,
    },
    reason::{Reason, ReasonCode},
    session::{Delivery, Effect, Granted, Limits, Message, Outgoing, Session, Token},
};

pub(crate) struct Scenario {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) sent: VecDeque<Packet>,
    /// Everything but packets and the end.
    pub(crate) asked: VecDeque<Effect>,
    pub(crate) closed: Option<Reason>,
    version: Version,
}

impl Scenario {
    /// The transport is open, nothing has been said.
    pub(crate) fn open(limits: Limits) -> Scenario {
        let now = Instant::now();
        Scenario {
            session: Session::new(Arc::new(limits), now),
            now,
            sent: VecDeque::new(),
            asked: VecDeque::new(),
            closed: None,
            version: Version::V5,
        }
    }

    /// A client that has been accepted; its CONNACK is taken.
    pub(crate) fn live(version: Version) -> Scenario {
        Scenario::live_with(Limits::default(), connect(version), Granted::default()).0
    }

    pub(crate) fn live_with(
        limits: Limits,
        connect: Connect,
        granted: Granted,
    ) -> (Scenario, ConnAck) {
        let mut scenario = Scenario::open(limits);
        scenario.receive(Packet::Connect(Box::new(connect)));
        assert!(matches!(scenario.asked.pop_front(), Some(Effect::Authenticate(_))));
        scenario.session.authenticated(Ok(granted), scenario.now);
        scenario.collect();
        let Some(Packet::ConnAck(connack)) = scenario.sent.pop_front() else {
            panic!("no CONNACK: {:?}", scenario.closed);
        };
        assert_eq!(connack.code, ReasonCode::Success);
        (scenario, connack)
    }

    pub(crate) fn receive(&mut self, packet: Packet) {
        if let Packet::Connect(connect) = &packet {
            self.version = connect.version;
        }
        self.session.received(packet, self.now);
        self.collect();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.tick(self.now);
        self.collect();
    }

    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        self.session.deliver(delivery, self.now);
        self.collect();
    }

    pub(crate) fn collect(&mut self) {
        while let Some(effect) = self.session.next_effect() {
            match effect {
                Effect::Send(outgoing) => {
                    let packet = self.over_the_wire(&outgoing);
                    self.sent.push_back(packet);
                }
                Effect::Close(reason) => self.closed = Some(reason),
                asked => self.asked.push_back(asked),
            }
        }
    }

    fn over_the_wire(&self, outgoing: &Outgoing) -> Packet {
        let mut wire = BytesMut::new();
        self.session.write(outgoing, &mut wire).expect("the packet can be written");
        let limits = DecodeLimits { max_packet_size: usize::MAX, max_user_properties: 100 };
        let packet = decode(&mut wire, Some(self.version), limits)
            .expect("what the session sends is well-formed")
            .expect("and complete");
        assert!(wire.is_empty());
        packet
    }

    /// The token of the next publish that waits for its commit, and the publish.
    pub(crate) fn asked_publish(&mut self) -> (Token, Publish) {
        match self.asked.pop_front() {
            Some(Effect::Publish { token, publish }) => (token, publish),
            other => panic!("no publish but {other:?}"),
        }
    }

    /// The code with which it closed.
    pub(crate) fn closed_with(&self) -> Option<ReasonCode> {
        self.closed.as_ref().map(Reason::code)
    }
}

pub(crate) fn connect(version: Version) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive_s: 60,
        client_id: "client".into(),
        will: None,
        user_name: None,
        password: None,
        properties: Properties::default(),
    }
}

pub(crate) fn publish(qos: Qos, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: "chat/r1".into(),
        packet_id: PacketId::new(packet_id),
        properties: Properties::default(),
        payload: Bytes::from_static(b"hello"),
    }
}

pub(crate) fn ack(packet_id: u16) -> Acknowledgement {
    Acknowledgement::new(id(packet_id), ReasonCode::Success)
}

pub(crate) fn id(packet_id: u16) -> PacketId {
    PacketId::new(packet_id).expect("not 0")
}

pub(crate) fn delivery(qos: Qos, text: &str) -> Delivery {
    let payload = Bytes::copy_from_slice(text.as_bytes());
    let message = Message::new("chat/r1", payload, Properties::default(), None);
    Delivery::new(Arc::new(message), qos)
}
