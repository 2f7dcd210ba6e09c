//! The session's side of a publish from the client: what it checks, forwards and answers.

use std::time::Instant;

use super::{Effect, Phase, Session, Token, inbound::Admission};
use crate::mqtt::{
    codec::{Acknowledgement, Packet, Publish, Version},
    filter::check_name,
    reason::{Reason, ReasonCode, Refusal},
};

impl Session {
    pub(super) fn publish(&mut self, mut publish: Publish, now: Instant) {
        let version = self.version().unwrap_or(Version::V4);
        if publish.properties.subscription_identifier().is_some() {
            return self.violation(
                ReasonCode::ProtocolError,
                "a subscription identifier from a client",
                "MQTT-3.3.4-6",
            );
        }
        if publish.topic.is_empty() && version == Version::V4 {
            return self.violation(ReasonCode::MalformedPacket, "an empty topic", "MQTT-4.7.3-1");
        }
        let maximum = self.limits.topic_alias_maximum;
        let name = if publish.topic.is_empty() {
            Ok(())
        } else {
            check_name(&publish.topic, self.limits.topic)
        };
        // A name that is refused is not remembered under its alias.
        if name.is_ok()
            && let Err(reason) = self.inbound.resolve_alias(&mut publish, maximum)
        {
            return self.close(reason);
        }
        match self.inbound.admit(&publish, version, &self.limits) {
            Err(reason) => self.close(reason),
            Ok(Admission::Duplicate { answered }) => {
                self.charge(1, now);
                if let (true, Some(packet_id)) = (answered, publish.packet_id) {
                    let ack = Acknowledgement::new(packet_id, ReasonCode::Success);
                    self.send(Packet::PubRec(ack));
                }
            }
            Ok(Admission::New) => {
                let token = self.token();
                self.inbound.begin(token, &publish);
                match name {
                    Ok(()) => self.effects.push_back(Effect::Publish { token, publish }),
                    Err(error) => {
                        self.charge(1, now);
                        let text = format!("the topic {error}");
                        let refusal = Refusal::new(ReasonCode::TopicNameInvalid, text);
                        self.published(token, Err(refusal));
                    }
                }
            }
        }
    }

    /// The answer to [`Effect::Publish`]: durable, or refused. May come in any order, and after the
    /// end: then it still counts for what is stored. Acknowledgements leave in the order of the
    /// publishes. A refusal is told in MQTT 5; in 3.1.1, and at QoS 0, the message is dropped. But
    /// what may succeed later (0x88) is never acknowledged: in 3.1.1 the connection ends instead, so
    /// that the client sends it again.
    pub fn published(&mut self, token: Token, outcome: Result<(), Refusal>) {
        let version = self.version().unwrap_or(Version::V4);
        let later = matches!(&outcome, Err(no) if no.code == ReasonCode::ServerUnavailable);
        if later && version == Version::V4 && self.inbound.abandon(token) {
            return self.close(Reason::Unavailable);
        }
        let mut answers = Vec::new();
        self.inbound.settle(token, outcome, version, |packet| answers.push(packet));
        if self.phase == Phase::Live {
            answers.into_iter().for_each(|packet| self.send(packet));
        }
    }

    /// How many publishes wait for their outcome. Before [`Session::finish`] it should be 0, or a
    /// QoS 2 message that is committed later can arrive twice.
    pub fn unsettled(&self) -> usize {
        self.inbound.unsettled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{
        codec::{Properties, Property, Qos, Varint},
        scenario::{Scenario, ack, connect, publish},
        session::{Granted, Limits},
    };

    fn refusal() -> Refusal {
        Refusal::new(ReasonCode::NotAuthorized, "not your room")
    }

    fn with_alias(topic: &str, alias: u16) -> Packet {
        Packet::Publish(Publish {
            topic: topic.into(),
            properties: Properties::default().with(Property::TopicAlias(alias)),
            ..publish(Qos::AtMostOnce, 0)
        })
    }

    #[test]
    fn an_acknowledgement_waits_for_the_commit() {
        for version in [Version::V4, Version::V5] {
            let mut scenario = Scenario::live(version);
            scenario.receive(Packet::Publish(publish(Qos::AtLeastOnce, 1)));
            scenario.receive(Packet::Publish(publish(Qos::ExactlyOnce, 2)));
            assert!(scenario.sent.is_empty());
            for _ in 0..2 {
                let (token, _) = scenario.asked_publish();
                scenario.session.published(token, Ok(()));
            }
            scenario.collect();
            assert_eq!(scenario.sent, [Packet::PubAck(ack(1)), Packet::PubRec(ack(2))]);
        }
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_the_publishes() {
        let mut scenario = Scenario::live(Version::V5);
        for packet_id in 1..=4 {
            scenario.receive(Packet::Publish(publish(Qos::AtLeastOnce, packet_id)));
        }
        let tokens: Vec<Token> = (0..4).map(|_| scenario.asked_publish().0).collect();
        for (index, answered) in [(2, 0), (3, 0), (0, 1), (1, 4)] {
            scenario.session.published(tokens[index], Ok(()));
            scenario.collect();
            assert_eq!(scenario.sent.len(), answered);
        }
        assert_eq!(scenario.sent, (1..=4).map(|id| Packet::PubAck(ack(id))).collect::<Vec<_>>());
    }

    #[test]
    fn a_publish_at_qos_0_holds_nobody_up_and_gets_no_answer() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(Packet::Publish(publish(Qos::AtMostOnce, 0)));
        scenario.receive(Packet::Publish(publish(Qos::AtLeastOnce, 1)));
        let (slow, _) = scenario.asked_publish();
        let (fast, _) = scenario.asked_publish();
        assert_eq!(scenario.session.unsettled(), 2);
        scenario.session.published(fast, Ok(()));
        scenario.collect();
        assert_eq!(scenario.sent, [Packet::PubAck(ack(1))]);
        scenario.session.published(slow, Err(refusal()));
        scenario.collect();
        assert_eq!(scenario.sent.len(), 1);
        assert_eq!(scenario.session.unsettled(), 0);
    }

    #[test]
    fn a_refusal_is_a_reason_in_mqtt_5_and_a_plain_acknowledgement_before() {
        for (version, code) in
            [(Version::V4, ReasonCode::Success), (Version::V5, ReasonCode::NotAuthorized)]
        {
            for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
                let mut scenario = Scenario::live(version);
                scenario.receive(Packet::Publish(publish(qos, 9)));
                let (token, _) = scenario.asked_publish();
                scenario.session.published(token, Err(refusal()));
                scenario.collect();
                match scenario.sent.pop_front() {
                    Some(Packet::PubAck(ack) | Packet::PubRec(ack)) => assert_eq!(ack.code, code),
                    other => panic!("no answer but {other:?}"),
                }
            }
        }
    }

    #[test]
    fn what_may_succeed_later_is_never_acknowledged() {
        let later = || Refusal::new(ReasonCode::ServerUnavailable, "try again");
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let mut older = Scenario::live(Version::V4);
            older.receive(Packet::Publish(publish(qos, 9)));
            let (token, _) = older.asked_publish();
            older.session.published(token, Err(later()));
            older.collect();
            assert!(older.sent.is_empty());
            assert_eq!(older.closed, Some(Reason::Unavailable));
            assert_eq!(older.session.unsettled(), 0);
            let stored = older.session.finish().expect("live").stored;
            assert!(stored.unreleased.is_empty(), "sent again, it is new");
        }
    }

    #[test]
    fn a_client_that_wants_no_problem_information_gets_none() {
        let mut asked = connect(Version::V5);
        asked.properties.push(Property::RequestProblemInformation(false));
        let (mut scenario, _) = Scenario::live_with(Limits::default(), asked, Granted::default());
        scenario.receive(Packet::Publish(publish(Qos::AtLeastOnce, 9)));
        let (token, _) = scenario.asked_publish();
        scenario.session.published(token, Err(refusal()));
        scenario.collect();
        let Some(Packet::PubAck(ack)) = scenario.sent.pop_front() else { panic!("no PUBACK") };
        assert!(ack.code.is_failure() && ack.properties.is_empty());
    }

    #[test]
    fn a_qos_2_duplicate_is_delivered_once() {
        let mut scenario = Scenario::live(Version::V4);
        let again = Publish { dup: true, ..publish(Qos::ExactlyOnce, 5) };
        scenario.receive(Packet::Publish(publish(Qos::ExactlyOnce, 5)));
        let (token, _) = scenario.asked_publish();
        scenario.receive(Packet::Publish(again.clone()));
        assert!(
            scenario.asked.is_empty() && scenario.sent.is_empty(),
            "before the commit: nothing"
        );
        scenario.session.published(token, Ok(()));
        scenario.collect();
        scenario.receive(Packet::Publish(again));
        assert!(scenario.asked.is_empty());
        assert_eq!(scenario.sent, [Packet::PubRec(ack(5)), Packet::PubRec(ack(5))]);
        scenario.sent.clear();
        scenario.receive(Packet::PubRel(ack(5)));
        assert_eq!(scenario.sent.pop_front(), Some(Packet::PubComp(ack(5))));
        scenario.receive(Packet::Publish(publish(Qos::ExactlyOnce, 5)));
        assert_eq!(scenario.asked.len(), 1, "the identifier is free again");
    }

    #[test]
    fn a_refused_qos_2_message_leaves_its_identifier_free() {
        let mut scenario = Scenario::live(Version::V5);
        for _ in 0..2 {
            scenario.receive(Packet::Publish(publish(Qos::ExactlyOnce, 5)));
            let (token, _) = scenario.asked_publish();
            scenario.session.published(token, Err(refusal()));
            scenario.collect();
        }
        scenario.sent.clear();
        scenario.receive(Packet::PubRel(ack(5)));
        let Some(Packet::PubComp(answer)) = scenario.sent.pop_front() else { panic!("no PUBCOMP") };
        assert_eq!(answer.code, ReasonCode::PacketIdentifierNotFound);
    }

    #[test]
    fn more_than_the_receive_maximum_ends_the_session() {
        let limits = Limits { receive_maximum: 2, max_unreleased: 3, ..Limits::default() };
        for (version, allowed) in [(Version::V5, 2), (Version::V4, 3)] {
            let (mut scenario, _) =
                Scenario::live_with(limits.clone(), connect(version), Granted::default());
            for packet_id in 1..=allowed {
                scenario.receive(Packet::Publish(publish(Qos::ExactlyOnce, packet_id)));
                let (token, _) = scenario.asked_publish();
                scenario.session.published(token, Ok(()));
                scenario.collect();
            }
            assert_eq!(scenario.closed, None);
            scenario.receive(Packet::Publish(publish(Qos::ExactlyOnce, allowed + 1)));
            assert_eq!(scenario.closed_with(), Some(ReasonCode::ReceiveMaximumExceeded));
        }
    }

    #[test]
    fn reading_pauses_while_too_many_publishes_wait() {
        let limits = Limits { max_unsettled_publishes: 2, ..Limits::default() };
        let (mut scenario, _) =
            Scenario::live_with(limits, connect(Version::V4), Granted::default());
        scenario.receive(Packet::Publish(publish(Qos::AtLeastOnce, 1)));
        assert!(scenario.session.accepts_input());
        scenario.receive(Packet::Publish(publish(Qos::AtMostOnce, 0)));
        assert!(!scenario.session.accepts_input());
        let (token, _) = scenario.asked_publish();
        scenario.session.published(token, Ok(()));
        assert!(scenario.session.accepts_input());
    }

    #[test]
    fn an_alias_stands_for_the_last_topic_it_came_with() {
        let mut scenario = Scenario::live(Version::V5);
        for (sent, meant) in [("a", "a"), ("", "a"), ("b", "b"), ("", "b")] {
            scenario.receive(with_alias(sent, 16));
            let (_, publish) = scenario.asked_publish();
            assert_eq!(publish.topic, meant);
            assert_eq!(publish.properties.topic_alias(), None, "it stays on its connection");
        }
    }

    #[test]
    fn aliases_out_of_range_or_without_a_topic_end_the_session() {
        for (packet, code) in [
            (with_alias("a", 17), ReasonCode::TopicAliasInvalid),
            (with_alias("", 3), ReasonCode::ProtocolError),
        ] {
            let mut scenario = Scenario::live(Version::V5);
            scenario.receive(packet);
            assert_eq!(scenario.closed_with(), Some(code));
        }
    }

    #[test]
    fn a_subscription_identifier_is_not_the_clients_to_send() {
        let mut scenario = Scenario::live(Version::V5);
        let mut forged = publish(Qos::AtMostOnce, 0);
        forged.properties.push(Property::SubscriptionIdentifier(Varint(1)));
        scenario.receive(Packet::Publish(forged));
        assert_eq!(scenario.closed_with(), Some(ReasonCode::ProtocolError));
    }

    #[test]
    fn a_topic_beyond_the_limits_is_refused_in_its_turn() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(Packet::Publish(publish(Qos::AtLeastOnce, 1)));
        let deep = Publish { topic: "a/".repeat(20), ..publish(Qos::AtLeastOnce, 2) };
        scenario.receive(Packet::Publish(deep));
        assert!(scenario.sent.is_empty(), "the first one is not answered yet");
        let (token, _) = scenario.asked_publish();
        scenario.session.published(token, Ok(()));
        scenario.collect();
        assert_eq!(scenario.sent.pop_front(), Some(Packet::PubAck(ack(1))));
        let Some(Packet::PubAck(second)) = scenario.sent.pop_front() else { panic!("no PUBACK") };
        assert_eq!(second.code, ReasonCode::TopicNameInvalid);
        assert!(scenario.asked.is_empty(), "nobody is asked about it");
    }
}
