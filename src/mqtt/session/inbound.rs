//! Publishes from the client: which are new, which wait for their commit, in what order they are
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Limits, Token};
use crate::mqtt::{
    codec::{Acknowledgement, Packet, PacketId, Property, Publish, Qos, Version},
    reason::{Reason, ReasonCode, Refusal},
};

#[derive(Debug, Default)]
pub(super) struct Inbound {
    /// In the order of arrival, which is the order of the answers [MQTT-4.6.0-2, MQTT-4.6.0-3].
    pending: VecDeque<Pending>,
    /// Publishes at QoS 0, which nobody is told about; they count, and hold no answer up.
    unanswered: BTreeSet<Token>,
    /// QoS 2 identifiers answered with PUBREC and not yet released.
    unreleased: BTreeSet<PacketId>,
    /// Topics by alias, of this connection [MQTT-3.3.2-7].
    aliases: BTreeMap<u16, String>,
}

#[derive(Debug)]
struct Pending {
    token: Token,
    packet_id: PacketId,
    qos: Qos,
    outcome: Option<Result<(), Refusal>>,
}

/// What to do with a publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    New,
    /// A QoS 2 message that is here already; PUBREC again if it was sent before.
    Duplicate {
        answered: bool,
    },
}

impl Inbound {
    /// Publishes without an outcome, and those whose answer waits behind such a one.
    pub(super) fn unsettled(&self) -> usize {
        self.pending.len() + self.unanswered.len()
    }

    pub(super) fn restore(&mut self, unreleased: BTreeSet<PacketId>) {
        self.unreleased = unreleased;
    }

    pub(super) fn store(&mut self) -> BTreeSet<PacketId> {
        std::mem::take(&mut self.unreleased)
    }

    /// Whether the publish is new, and whether there may be another one at all.
    pub(super) fn admit(
        &self,
        publish: &Publish,
        version: Version,
        limits: &Limits,
    ) -> Result<Admission, Reason> {
        let Some(packet_id) = publish.packet_id else { return Ok(Admission::New) };
        if publish.qos == Qos::ExactlyOnce {
            if self.unreleased.contains(&packet_id) {
                return Ok(Admission::Duplicate { answered: true });
            }
            let is_same = |one: &Pending| one.packet_id == packet_id && one.qos == publish.qos;
            if self.pending.iter().any(is_same) {
                return Ok(Admission::Duplicate { answered: false });
            }
        }
        let unacknowledged = self.pending.len() + self.unreleased.len();
        let exceeded = match version {
            Version::V5 => unacknowledged >= usize::from(limits.receive_maximum),
            Version::V4 => self.unreleased.len() >= limits.max_unreleased,
        };
        if exceeded {
            return Err(Reason::Violation {
                code: ReasonCode::ReceiveMaximumExceeded,
                what: "more unacknowledged publishes than the receive maximum",
                clause: "MQTT-3.3.4-7",
            });
        }
        Ok(Admission::New)
    }

    /// Puts the topic in the place of the alias, or remembers it (section 3.3.2.3.4).
    pub(super) fn resolve_alias(
        &mut self,
        publish: &mut Publish,
        maximum: u16,
    ) -> Result<(), Reason> {
        let Some(alias) = publish.properties.topic_alias().copied() else { return Ok(()) };
        if alias > maximum {
            return Err(Reason::Violation {
                code: ReasonCode::TopicAliasInvalid,
                what: "a topic alias above the maximum",
                clause: "MQTT-3.3.2-9",
            });
        }
        if !publish.topic.is_empty() {
            self.aliases.insert(alias, publish.topic.clone());
        } else if let Some(topic) = self.aliases.get(&alias) {
            publish.topic.clone_from(topic);
        } else {
            return Err(Reason::Violation {
                code: ReasonCode::ProtocolError,
                what: "a topic alias that stands for no topic",
                clause: "3.3.2.3.4",
            });
        }
        publish.properties.retain(|property| !matches!(property, Property::TopicAlias(_)));
        Ok(())
    }

    pub(super) fn begin(&mut self, token: Token, publish: &Publish) {
        match publish.packet_id {
            None => {
                self.unanswered.insert(token);
            }
            Some(packet_id) => {
                let qos = publish.qos;
                self.pending.push_back(Pending { token, packet_id, qos, outcome: None });
            }
        }
    }

    /// Notes an outcome. The answers that are due now go to `answer`: those of the front whose
    /// outcome is known.
    pub(super) fn settle(
        &mut self,
        token: Token,
        outcome: Result<(), Refusal>,
        version: Version,
        mut answer: impl FnMut(Packet),
    ) {
        if self.unanswered.remove(&token) {
            return;
        }
        let Ok(index) = self.pending.binary_search_by_key(&token, |one| one.token) else { return };
        self.pending[index].outcome.get_or_insert(outcome);
        while let Some(outcome) = self.pending.front_mut().and_then(|one| one.outcome.take()) {
            let Some(Pending { packet_id, qos, .. }) = self.pending.pop_front() else { return };
            answer(self.acknowledge(packet_id, qos, outcome, version));
        }
    }

    /// Forgets a publish that is never to be acknowledged. False at QoS 0, where nothing is.
    pub(super) fn abandon(&mut self, token: Token) -> bool {
        let found = self.pending.binary_search_by_key(&token, |one| one.token);
        found.is_ok_and(|index| self.pending.remove(index).is_some())
    }

    /// In MQTT 3.1.1 there is no refusal: what is dropped is acknowledged like the rest.
    fn acknowledge(
        &mut self,
        packet_id: PacketId,
        qos: Qos,
        outcome: Result<(), Refusal>,
        version: Version,
    ) -> Packet {
        let refusal = outcome.err().filter(|_| version == Version::V5);
        if qos == Qos::ExactlyOnce && refusal.is_none() {
            self.unreleased.insert(packet_id);
        }
        let mut ack = Acknowledgement::new(packet_id, ReasonCode::Success);
        if let Some(refusal) = refusal {
            ack.code = publish_code(refusal.code);
            ack.properties.explain(refusal.text);
        }
        if qos == Qos::ExactlyOnce { Packet::PubRec(ack) } else { Packet::PubAck(ack) }
    }

    /// PUBREL: the identifier is free again. The answer is PUBCOMP, whatever was known.
    pub(super) fn release(&mut self, packet_id: PacketId) -> Acknowledgement {
        let code = if self.unreleased.remove(&packet_id) {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        Acknowledgement::new(packet_id, code)
    }
}

/// The codes that PUBACK and PUBREC have (table 3-4); others become the nearest of them.
fn publish_code(code: ReasonCode) -> ReasonCode {
    match code {
        ReasonCode::NoMatchingSubscribers
        | ReasonCode::ImplementationSpecificError
        | ReasonCode::NotAuthorized
        | ReasonCode::TopicNameInvalid
        | ReasonCode::PacketIdentifierInUse
        | ReasonCode::QuotaExceeded
        | ReasonCode::PayloadFormatInvalid => code,
        ReasonCode::Banned => ReasonCode::NotAuthorized,
        ReasonCode::MessageRateTooHigh | ReasonCode::PacketTooLarge => ReasonCode::QuotaExceeded,
        ReasonCode::ServerBusy | ReasonCode::ServerUnavailable => {
            ReasonCode::ImplementationSpecificError
        }
        _ => ReasonCode::UnspecifiedError,
    }
}
