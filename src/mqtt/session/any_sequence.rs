//! Whatever a client sends, the shell answers and the clock does, in whatever order: no panic, all
//! within the limits, and nothing after the end. `fuzz/src/client.rs` does the same from bytes, with a
//! model of what the two sides owe each other and of the codes that each packet may carry.

use std::{collections::VecDeque, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::bridge::pace::Rate;
use crate::mqtt::{
    codec::{
        Disconnect, Properties, Property, Publish, Qos, Subscribe, SubscribeOptions, Subscription,
        Unsubscribe,
    },
    reason::Refusal,
    scenario::{Scenario, ack, connect, delivery, id, publish},
};

const WINDOW: usize = 3;
const QUEUE: usize = 5;
const UNSETTLED: usize = 4;
const SUBSCRIPTIONS: usize = 3;
const UNRELEASED: usize = 4;

fn limits() -> Limits {
    Limits {
        receive_maximum: UNRELEASED as u16,
        max_unreleased: UNRELEASED,
        max_unsettled_publishes: UNSETTLED,
        control: Rate::new(1.0, 20),
        max_inflight: WINDOW as u16,
        max_queued: QUEUE,
        max_subscriptions: SUBSCRIPTIONS,
        ..Limits::default()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Receive(Packet),
    /// Even when the session does not accept input.
    Push(Packet),
    Deliver(Qos),
    /// Answers a publish that waits, counted from the oldest.
    Settle(usize, bool),
    /// Answers the request that waits.
    Answer(bool),
    Pass(u64),
    Resume,
}

fn qos() -> impl Strategy<Value = Qos> + Clone {
    select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
}

fn packet() -> impl Strategy<Value = Packet> {
    let filter = select(vec!["a", "b", "c/+", "d", "#", "a/#/b", "$share/g/a"]);
    let filters = vec(filter, 1..4);
    let goodbye = Disconnect { code: ReasonCode::Success, properties: Properties::default() };
    prop_oneof![
        20 => (qos(), 1..8_u16, any::<bool>(), 0..4_u16).prop_map(|(qos, packet_id, dup, alias)| {
            let packet_id = if qos == Qos::AtMostOnce { 0 } else { packet_id };
            let mut publish = Publish { dup, ..publish(qos, packet_id) };
            if alias > 2 {
                publish.properties.push(Property::TopicAlias(alias));
            }
            Packet::Publish(publish)
        }),
        10 => (1..6_u16).prop_map(|id| Packet::PubAck(ack(id))),
        10 => (1..6_u16).prop_map(|id| Packet::PubRec(ack(id))),
        10 => (1..6_u16).prop_map(|id| Packet::PubComp(ack(id))),
        10 => (1..8_u16).prop_map(|id| Packet::PubRel(ack(id))),
        8 => filters.clone().prop_map(|filters| {
            let options = SubscribeOptions::default();
            let subscriptions = filters
                .into_iter()
                .map(|filter| Subscription { filter: filter.into(), options })
                .collect();
            let properties = Properties::default();
            Packet::Subscribe(Subscribe { packet_id: id(1), properties, subscriptions })
        }),
        8 => filters.prop_map(|filters| {
            let filters = filters.into_iter().map(str::to_owned).collect();
            let properties = Properties::default();
            Packet::Unsubscribe(Unsubscribe { packet_id: id(1), properties, filters })
        }),
        5 => Just(Packet::PingReq),
        1 => Just(Packet::Disconnect(goodbye)),
        1 => Just(Packet::PingResp),
        1 => Just(Packet::Connect(Box::new(connect(Version::V5)))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => packet().prop_map(Step::Receive),
        1 => packet().prop_map(Step::Push),
        20 => qos().prop_map(Step::Deliver),
        25 => (0..UNSETTLED, any::<bool>()).prop_map(|(index, ok)| Step::Settle(index, ok)),
        15 => any::<bool>().prop_map(Step::Answer),
        5 => (0..20_u64).prop_map(Step::Pass),
        2 => Just(Step::Resume),
    ]
}

/// What waits for the shell.
#[derive(Default)]
struct Waiting {
    publishes: VecDeque<Token>,
    request: Option<(Token, usize)>,
}

fn resumed(version: Version, stored: Option<Stored>) -> Scenario {
    let mut asked = connect(version);
    asked.clean_start = false;
    let granted = Granted { stored, ..Granted::default() };
    Scenario::live_with(limits(), asked, granted).0
}

fn apply(step: Step, scenario: &mut Scenario, waiting: &mut Waiting, version: Version) {
    let refusal = || Refusal::new(ReasonCode::NotAuthorized, "no");
    match step {
        Step::Receive(packet) if scenario.session.accepts_input() => scenario.receive(packet),
        Step::Receive(_) => {}
        Step::Push(packet) => scenario.receive(packet),
        Step::Deliver(qos) => scenario.deliver(delivery(qos, "hello")),
        Step::Settle(index, ok) => {
            if let Some(token) = waiting.publishes.remove(index) {
                scenario.session.published(token, if ok { Ok(()) } else { Err(refusal()) });
            }
        }
        Step::Answer(ok) => {
            if let Some((token, count)) = waiting.request.take() {
                let result = if ok { Ok(Qos::ExactlyOnce) } else { Err(refusal()) };
                scenario.session.subscribed(token, vec![result; count]);
                scenario.session.unsubscribed(token);
            }
        }
        Step::Pass(seconds) => scenario.pass(Duration::from_secs(seconds)),
        Step::Resume => {
            let fresh = Scenario::live(version);
            let mut old = std::mem::replace(scenario, fresh);
            old.session.close(Reason::ConnectionLost);
            let stored = old.session.finish().expect("it was live").stored;
            *scenario = resumed(version, Some(stored));
            *waiting = Waiting::default();
        }
    }
    scenario.collect();
    for effect in scenario.asked.drain(..) {
        match effect {
            Effect::Publish { token, .. } => waiting.publishes.push_back(token),
            Effect::Subscribe { token, subscriptions, .. } => {
                waiting.request = Some((token, subscriptions.len()));
            }
            Effect::Unsubscribe { token, filters } => {
                waiting.request = Some((token, filters.len()));
            }
            other => panic!("not expected: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_grows(
        steps in vec(step(), 1..200), version in select(vec![Version::V4, Version::V5])
    ) {
        let mut scenario = resumed(version, None);
        let mut waiting = Waiting::default();
        for step in steps {
            let had_ended = scenario.closed.is_some() && !matches!(step, Step::Resume);
            scenario.sent.clear();
            apply(step, &mut scenario, &mut waiting, version);
            prop_assert!(!had_ended || scenario.sent.is_empty(), "said after the end");
            prop_assert!(scenario.session.unsettled() <= UNSETTLED);
            prop_assert!(scenario.session.unsettled() >= waiting.publishes.len());
            prop_assert!(scenario.session.subscriptions.len() <= SUBSCRIPTIONS);
        }
        scenario.session.close(Reason::ConnectionLost);
        let stored = scenario.session.finish().expect("it was live").stored;
        prop_assert!(stored.inflight.len() <= WINDOW);
        prop_assert!(stored.queue.len() <= QUEUE);
        prop_assert!(stored.unreleased.len() <= UNRELEASED + UNSETTLED);
    }
}
