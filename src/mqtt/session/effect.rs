//! What a session wants done.

use std::sync::Arc;

use bytes::BytesMut;

use super::{delivery::OutgoingPublish, run::Run};
use crate::mqtt::{
    codec::{
        Connect, EncodeError, Packet, Properties, Property, Publish, SubscribeOptions, Version,
        encode,
    },
    filter::Filter,
    reason::Reason,
};

/// Connects a request in an effect with its answer. Unique and ascending within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

/// Something for the driver or the shell to do, in the order given.
#[derive(Debug)]
pub enum Effect {
    /// Write it to the client.
    Send(Outgoing),
    /// Find out who this is and whether its will is allowed; answer with `authenticated`. With
    /// `clean_start`, what is stored under this client id is discarded first [MQTT-3.1.4-4].
    Authenticate(Box<Connect>),
    /// Answer with `subscribed`, one result for each. Not empty.
    Subscribe { token: Token, subscriptions: Vec<Requested>, properties: Properties },
    /// Answer with `unsubscribed`. Not empty; all were held.
    Unsubscribe { token: Token, filters: Vec<Filter> },
    /// Answer with `published` when it is durable, or refused. The topic is never empty.
    Publish { token: Token, publish: Publish },
    /// Write what is left, close the transport, settle what is unsettled, `finish`. The last one.
    Close(Reason),
}

/// A subscription that the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    pub filter: Filter,
    pub options: SubscribeOptions,
    pub identifier: Option<u32>,
    /// False when it replaces a subscription to the same filter (matters to retain handling 1).
    pub is_new: bool,
}

/// A packet to be written.
#[derive(Debug)]
pub enum Outgoing {
    Packet(Packet),
    Publish(OutgoingPublish),
    /// Publishes at QoS 0, as they stand.
    Run(Arc<Run>),
}

impl Outgoing {
    /// How many PUBLISH packets it is.
    pub fn publishes(&self) -> usize {
        match self {
            Outgoing::Packet(_) => 0,
            Outgoing::Publish(_) => 1,
            Outgoing::Run(run) => run.count(),
        }
    }

    pub(super) fn write(
        &self,
        version: Version,
        max_size: usize,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        match self {
            Outgoing::Packet(packet) => encode(packet, version, max_size, out),
            Outgoing::Publish(publish) => publish.write(version, out),
            Outgoing::Run(run) => run.write(version, out),
        }
    }
}

/// With Request Problem Information 0 only CONNACK, DISCONNECT and PUBLISH may carry Reason String
/// and user properties [MQTT-3.1.2-29].
pub(super) fn without_problem_information(mut packet: Packet) -> Packet {
    let properties = match &mut packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &mut ack.properties
        }
        Packet::SubAck(ack) | Packet::UnsubAck(ack) => &mut ack.properties,
        _ => return packet,
    };
    properties.retain(|one| !matches!(one, Property::ReasonString(_) | Property::UserProperty(_)));
    packet
}
