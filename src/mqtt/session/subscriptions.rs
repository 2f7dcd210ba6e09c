//! SUBSCRIBE and UNSUBSCRIBE: each filter is judged on its own, the rest asked of the shell, and
//! one acknowledgement sent. One request at a time; what follows it waits.

use super::{Effect, HeldSubscription, Phase, Requested, Session, Token};
use crate::mqtt::{
    codec::{
        Packet, PacketId, Properties, Property, Qos, SubAck, Subscribe, SubscribeOptions,
        Subscription, Unsubscribe, Varint, Version,
    },
    filter::Filter,
    reason::{ReasonCode, Refusal},
};

/// A request that waits for the shell's answer.
#[derive(Debug)]
pub(super) struct SubscriptionRequest {
    token: Token,
    packet_id: PacketId,
    is_subscribe: bool,
    /// One for each filter of the packet.
    verdicts: Vec<Verdict>,
}

#[derive(Debug)]
enum Verdict {
    Known(Result<ReasonCode, Refusal>),
    Asked(Requested),
    Removing(Filter),
}

impl Session {
    pub(super) fn subscribe(&mut self, subscribe: Subscribe) {
        let identifier = subscribe.properties.subscription_identifier().map(|id| id.0);
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(subscribe.subscriptions.len());
        let mut added = 0;
        for subscription in subscribe.subscriptions {
            let verdict = match self.judge(subscription, identifier, verdicts.len(), added) {
                Ok(requested) => {
                    added += usize::from(requested.is_new);
                    Verdict::Asked(requested)
                }
                Err(refusal) => Verdict::Known(Err(refusal)),
            };
            verdicts.push(verdict);
        }
        let asked: Vec<Requested> = verdicts
            .iter()
            .filter_map(|verdict| match verdict {
                Verdict::Asked(requested) => Some(requested.clone()),
                _ => None,
            })
            .collect();
        let packet_id = subscribe.packet_id;
        let token = self.token();
        let request = SubscriptionRequest { token, packet_id, is_subscribe: true, verdicts };
        if asked.is_empty() {
            return self.acknowledge(request);
        }
        self.request = Some(request);
        let mut properties = subscribe.properties;
        properties.retain(|one| !matches!(one, Property::SubscriptionIdentifier(Varint(_))));
        self.effects.push_back(Effect::Subscribe { token, subscriptions: asked, properties });
    }

    fn judge(
        &self,
        subscription: Subscription,
        identifier: Option<u32>,
        position: usize,
        added: usize,
    ) -> Result<Requested, Refusal> {
        let filter = Filter::parse(&subscription.filter, self.limits.topic).map_err(|error| {
            Refusal::new(ReasonCode::TopicFilterInvalid, format!("the filter {error}"))
        })?;
        let is_new = !self.subscriptions.contains_key(filter.as_str());
        let full = is_new && self.subscriptions.len() + added >= self.limits.max_subscriptions;
        if full || position >= self.limits.max_filters_per_packet {
            return Err(Refusal::new(ReasonCode::QuotaExceeded, "too many subscriptions"));
        }
        Ok(Requested { filter, options: subscription.options, identifier, is_new })
    }

    /// The answer to [`Effect::Subscribe`]: for each subscription the granted QoS, or a refusal.
    pub fn subscribed(&mut self, token: Token, results: Vec<Result<Qos, Refusal>>) {
        let Some(mut request) = self.request.take_if(|request| request.token == token) else {
            return;
        };
        let mut results = results.into_iter();
        for verdict in &mut request.verdicts {
            let Verdict::Asked(requested) = verdict else { continue };
            let result = results.next().unwrap_or_else(|| {
                Err(Refusal::new(ReasonCode::UnspecifiedError, "no answer for this filter"))
            });
            if let Ok(qos) = result {
                let options = SubscribeOptions { qos, ..requested.options };
                let Requested { filter, identifier, .. } = requested.clone();
                let held = HeldSubscription { filter, options, identifier };
                self.subscriptions.insert(held.filter.as_str().to_owned(), held);
            }
            *verdict = Verdict::Known(result.map(Qos::granted));
        }
        self.acknowledge(request);
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: Unsubscribe) {
        let mut removing: Vec<Filter> = Vec::new();
        let mut verdicts = Vec::with_capacity(unsubscribe.filters.len());
        for text in &unsubscribe.filters {
            let held = self.subscriptions.get(text).map(|held| held.filter.clone());
            verdicts.push(match held {
                Some(filter) if !removing.contains(&filter) => {
                    removing.push(filter.clone());
                    Verdict::Removing(filter)
                }
                _ => Verdict::Known(self.judge_absent(text)),
            });
        }
        let token = self.token();
        let packet_id = unsubscribe.packet_id;
        let request = SubscriptionRequest { token, packet_id, is_subscribe: false, verdicts };
        if removing.is_empty() {
            return self.acknowledge(request);
        }
        self.request = Some(request);
        self.effects.push_back(Effect::Unsubscribe { token, filters: removing });
    }

    fn judge_absent(&self, text: &str) -> Result<ReasonCode, Refusal> {
        match Filter::parse(text, self.limits.topic) {
            Ok(_) => Ok(ReasonCode::NoSubscriptionExisted),
            Err(error) => {
                Err(Refusal::new(ReasonCode::TopicFilterInvalid, format!("the filter {error}")))
            }
        }
    }

    /// The answer to [`Effect::Unsubscribe`]: all of them have ended.
    pub fn unsubscribed(&mut self, token: Token) {
        let Some(mut request) = self.request.take_if(|request| request.token == token) else {
            return;
        };
        for verdict in &mut request.verdicts {
            if let Verdict::Removing(filter) = verdict {
                self.subscriptions.remove(filter.as_str());
                *verdict = Verdict::Known(Ok(ReasonCode::Success));
            }
        }
        self.acknowledge(request);
    }

    /// A subscription has ended on the server's side, for instance with its room. The protocol has
    /// no word for it towards the client.
    pub fn subscription_ended(&mut self, filter: &str) {
        self.subscriptions.remove(filter);
    }

    fn acknowledge(&mut self, request: SubscriptionRequest) {
        if self.phase != Phase::Live {
            return;
        }
        let mut properties = Properties::default();
        let codes = request
            .verdicts
            .into_iter()
            .map(|verdict| match verdict {
                Verdict::Known(Ok(code)) => code,
                Verdict::Known(Err(refusal)) => {
                    let code = request_code(refusal.code, request.is_subscribe);
                    if properties.is_empty() && self.version() == Some(Version::V5) {
                        properties.explain(refusal.text);
                    }
                    code
                }
                Verdict::Asked(_) | Verdict::Removing(_) => ReasonCode::UnspecifiedError,
            })
            .collect();
        let ack = SubAck { packet_id: request.packet_id, properties, codes };
        self.send(if request.is_subscribe { Packet::SubAck(ack) } else { Packet::UnsubAck(ack) });
    }
}

/// The codes that SUBACK and UNSUBACK have (tables 3-8 and 3-9); others become the nearest of them.
fn request_code(code: ReasonCode, is_subscribe: bool) -> ReasonCode {
    match code {
        ReasonCode::UnspecifiedError
        | ReasonCode::ImplementationSpecificError
        | ReasonCode::NotAuthorized
        | ReasonCode::TopicFilterInvalid
        | ReasonCode::PacketIdentifierInUse => code,
        ReasonCode::QuotaExceeded
        | ReasonCode::SharedSubscriptionsNotSupported
        | ReasonCode::WildcardSubscriptionsNotSupported
        | ReasonCode::SubscriptionIdentifiersNotSupported
            if is_subscribe =>
        {
            code
        }
        ReasonCode::MessageRateTooHigh | ReasonCode::ServerBusy if is_subscribe => {
            ReasonCode::QuotaExceeded
        }
        ReasonCode::ServerUnavailable => ReasonCode::ImplementationSpecificError,
        ReasonCode::TopicNameInvalid => ReasonCode::TopicFilterInvalid,
        ReasonCode::Banned => ReasonCode::NotAuthorized,
        code if code.is_failure() => ReasonCode::UnspecifiedError,
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{
        filter::TopicLimits,
        scenario::{Scenario, connect, id},
        session::{Granted, Limits},
    };

    fn subscribe(filters: &[&str]) -> Packet {
        let options = SubscribeOptions { qos: Qos::ExactlyOnce, ..SubscribeOptions::default() };
        let subscriptions = filters
            .iter()
            .map(|filter| Subscription { filter: (*filter).into(), options })
            .collect();
        let properties = Properties::default();
        Packet::Subscribe(Subscribe { packet_id: id(1), properties, subscriptions })
    }

    fn unsubscribe(filters: &[&str]) -> Packet {
        let filters = filters.iter().map(|filter| (*filter).into()).collect();
        Packet::Unsubscribe(Unsubscribe {
            packet_id: id(2),
            properties: Properties::default(),
            filters,
        })
    }

    fn codes(scenario: &mut Scenario) -> Vec<u8> {
        match scenario.sent.pop_front() {
            Some(Packet::SubAck(ack) | Packet::UnsubAck(ack)) => {
                ack.codes.iter().map(|code| code.value()).collect()
            }
            other => panic!("no answer but {other:?}"),
        }
    }

    fn asked(scenario: &mut Scenario) -> (Token, Vec<Requested>) {
        match scenario.asked.pop_front() {
            Some(Effect::Subscribe { token, subscriptions, .. }) => (token, subscriptions),
            other => panic!("nothing asked but {other:?}"),
        }
    }

    #[test]
    fn every_filter_has_its_own_answer() {
        for (version, expected) in
            [(Version::V4, [0x01, 0x80, 0x80]), (Version::V5, [0x01, 0x8F, 0x97])]
        {
            let mut scenario = Scenario::live(version);
            scenario.receive(subscribe(&["chat/a", "a/#/b", "chat/full"]));
            let (token, requested) = asked(&mut scenario);
            assert_eq!(requested.len(), 2, "the invalid one is not asked about");
            let full = Refusal::new(ReasonCode::QuotaExceeded, "the room is full");
            scenario.session.subscribed(token, vec![Ok(Qos::AtLeastOnce), Err(full)]);
            scenario.collect();
            assert_eq!(codes(&mut scenario), expected);
        }
    }

    #[test]
    fn only_what_was_granted_is_kept_and_with_its_qos() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(subscribe(&["chat/a", "chat/b"]));
        let (token, _) = asked(&mut scenario);
        let no = Refusal::new(ReasonCode::NotAuthorized, "locked");
        scenario.session.subscribed(token, vec![Ok(Qos::AtLeastOnce), Err(no)]);
        scenario.session.close(crate::mqtt::reason::Reason::ConnectionLost);
        let stored = scenario.session.finish().expect("it was live").stored;
        let kept: Vec<_> = stored.subscriptions().collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].filter.as_str(), "chat/a");
        assert_eq!(kept[0].options.qos, Qos::AtLeastOnce);
    }

    #[test]
    fn what_follows_a_subscribe_waits_for_its_answer() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(subscribe(&["chat/a"]));
        assert!(!scenario.session.accepts_input());
        let (token, _) = asked(&mut scenario);
        scenario.session.subscribed(token, vec![Ok(Qos::AtMostOnce)]);
        assert!(scenario.session.accepts_input());
        scenario.session.subscribed(token, vec![Ok(Qos::AtMostOnce)]);
        scenario.collect();
        assert_eq!(scenario.sent.len(), 1, "a second answer is not sent");
    }

    #[test]
    fn a_second_subscription_to_a_filter_replaces_the_first() {
        let mut scenario = Scenario::live(Version::V5);
        for is_new in [true, false] {
            scenario.receive(subscribe(&["chat/a"]));
            let (token, requested) = asked(&mut scenario);
            assert_eq!(requested[0].is_new, is_new);
            scenario.session.subscribed(token, vec![Ok(Qos::AtMostOnce)]);
        }
    }

    #[test]
    fn too_many_and_too_deep_is_refused_filter_by_filter() {
        let limits = Limits {
            max_subscriptions: 2,
            max_filters_per_packet: 4,
            topic: TopicLimits { max_bytes: 20, max_levels: 2 },
            ..Limits::default()
        };
        let (mut scenario, _) =
            Scenario::live_with(limits, connect(Version::V5), Granted::default());
        scenario.receive(subscribe(&["a", "b/c/d", "b", "c", "a"]));
        let (token, requested) = asked(&mut scenario);
        assert_eq!(requested.len(), 2);
        scenario.session.subscribed(token, vec![Ok(Qos::AtMostOnce); 2]);
        scenario.collect();
        assert_eq!(codes(&mut scenario), [0x00, 0x8F, 0x00, 0x97, 0x97]);
    }

    #[test]
    fn nobody_is_asked_when_every_filter_is_invalid() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(subscribe(&["", "$share/g", "#/a"]));
        assert_eq!(codes(&mut scenario), [0x8F, 0x8F, 0x8F]);
        assert!(scenario.asked.is_empty() && scenario.session.accepts_input());
    }

    #[test]
    fn a_missing_answer_is_a_refusal() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(subscribe(&["a", "b"]));
        let (token, _) = asked(&mut scenario);
        scenario.session.subscribed(token, vec![Ok(Qos::AtMostOnce)]);
        scenario.collect();
        assert_eq!(codes(&mut scenario), [0x00, 0x80]);
    }

    #[test]
    fn unsubscribing_tells_what_was_there() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(subscribe(&["a"]));
        let (token, _) = asked(&mut scenario);
        scenario.session.subscribed(token, vec![Ok(Qos::AtMostOnce)]);
        scenario.collect();
        scenario.sent.clear();
        scenario.receive(unsubscribe(&["a", "b", "a", "+a"]));
        let Some(Effect::Unsubscribe { token, filters }) = scenario.asked.pop_front() else {
            panic!("nothing asked")
        };
        assert_eq!(filters.len(), 1);
        scenario.session.unsubscribed(token);
        scenario.collect();
        assert_eq!(codes(&mut scenario), [0x00, 0x11, 0x11, 0x8F]);
        scenario.receive(unsubscribe(&["a"]));
        assert_eq!(codes(&mut scenario), [0x11]);
    }
}
