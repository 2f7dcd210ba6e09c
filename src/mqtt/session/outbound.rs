//! Messages to the client: the window of QoS 1 and 2, their acknowledgements, redelivery in order.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use super::{
    Delivery, Effect, Limits, Outgoing,
    aliases::Aliases,
    client::Client,
    queue::{Queue, QueueFull},
    run::Run,
    stored::Stored,
};
use crate::mqtt::{
    codec::{Acknowledgement, Packet, PacketId, Qos, Version},
    reason::{Reason, ReasonCode},
};

/// A delivery that holds a packet identifier.
#[derive(Debug)]
pub(super) struct Inflight {
    packet_id: PacketId,
    step: Step,
    /// Sent on this connection; false only for a while after a resume.
    sent: bool,
}

#[derive(Debug)]
enum Step {
    /// PUBLISH goes out, or went.
    Publish(Delivery),
    /// PUBREC came: PUBREL goes out, or went.
    Release,
}

impl Inflight {
    /// Whether a message of this topic would be sent again.
    pub(super) fn repeats(&self, topic: &str) -> bool {
        matches!(&self.step, Step::Publish(delivery) if delivery.message.topic() == topic)
    }
}

type Effects = VecDeque<Effect>;

#[derive(Debug)]
pub(super) struct Outbound {
    version: Version,
    max_packet_size: usize,
    window: usize,
    aliases: Aliases,
    /// In the order of first sending [MQTT-4.6.0-1].
    inflight: VecDeque<Inflight>,
    /// The identifiers of `inflight`: a window may be thousands wide.
    in_use: BTreeSet<PacketId>,
    /// How many of `inflight` are not sent on this connection yet: the rear ones.
    unsent: usize,
    queue: Queue,
    last_packet_id: u16,
    discarded: u64,
}

impl Default for Outbound {
    fn default() -> Outbound {
        Outbound {
            version: Version::V4,
            max_packet_size: usize::MAX,
            window: 1,
            aliases: Aliases::default(),
            inflight: VecDeque::new(),
            in_use: BTreeSet::new(),
            unsent: 0,
            queue: Queue::default(),
            last_packet_id: 0,
            discarded: 0,
        }
    }
}

impl Outbound {
    /// Takes up what an earlier connection left. Unacknowledged packets are sent again in their
    /// order and with their identifiers [MQTT-4.4.0-1], as far as the window reaches.
    pub(super) fn open(&mut self, client: &Client) {
        self.version = client.version;
        self.max_packet_size = client.max_packet_size;
        self.window = client.window;
        self.aliases = Aliases::new(client.topic_aliases);
    }

    pub(super) fn restore(&mut self, stored: &mut Stored) {
        self.inflight = std::mem::take(&mut stored.inflight);
        self.inflight.iter_mut().for_each(|inflight| inflight.sent = false);
        self.in_use = self.inflight.iter().map(|inflight| inflight.packet_id).collect();
        self.unsent = self.inflight.len();
        self.queue = std::mem::take(&mut stored.queue);
        self.last_packet_id = stored.last_packet_id;
    }

    pub(super) fn store(&mut self, stored: &mut Stored) {
        stored.inflight = std::mem::take(&mut self.inflight);
        stored.queue = std::mem::take(&mut self.queue);
        stored.last_packet_id = self.last_packet_id;
    }

    pub(super) fn discarded(&self) -> u64 {
        self.discarded
    }

    pub(super) fn deliver(
        &mut self,
        delivery: Delivery,
        limits: &Limits,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), QueueFull> {
        if delivery.qos == Qos::AtMostOnce {
            if delivery.is_expired(now) || !self.transmit(&delivery, None, false, now, effects) {
                self.discarded += 1;
            }
        } else if self.queue.is_empty() && self.has_room() {
            self.start(delivery, now, effects);
        } else {
            self.queue.push(delivery, limits, now)?;
        }
        Ok(())
    }

    /// Whether these may be sent as they stand: in full, and none too large for the client.
    pub(super) fn takes_whole(&self, run: &Run) -> bool {
        self.aliases.are_off()
            && run.largest(self.version).is_ok_and(|largest| largest <= self.max_packet_size)
    }

    /// Sends what the window has room for: first what an earlier connection left unacknowledged.
    pub(super) fn pump(&mut self, now: Instant, effects: &mut Effects) {
        while self.unsent > 0 && self.inflight.len() - self.unsent < self.window {
            self.resend_next(now, effects);
        }
        while self.has_room() {
            let Some(delivery) = self.queue.pop() else { return };
            self.start(delivery, now, effects);
        }
    }

    /// This and the next two tell whether it was one of something.
    pub(super) fn puback(
        &mut self,
        ack: &Acknowledgement,
        _: &mut Effects,
    ) -> Result<bool, Reason> {
        let Some(index) = self.sent_position(ack.packet_id) else { return Ok(false) };
        match &self.inflight[index].step {
            Step::Publish(delivery) if delivery.qos == Qos::AtLeastOnce => {
                self.forget(index);
                Ok(true)
            }
            _ => Err(out_of_step("PUBACK for a QoS 2 message", "4.3.3")),
        }
    }

    pub(super) fn pubrec(
        &mut self,
        ack: &Acknowledgement,
        effects: &mut Effects,
    ) -> Result<bool, Reason> {
        let Some(index) = self.sent_position(ack.packet_id) else {
            send_pubrel(ack.packet_id, ReasonCode::PacketIdentifierNotFound, effects);
            return Ok(false);
        };
        if let Step::Publish(delivery) = &self.inflight[index].step
            && delivery.qos != Qos::ExactlyOnce
        {
            return Err(out_of_step("PUBREC for a QoS 1 message", "4.3.2"));
        }
        if ack.code.is_failure() {
            // The client does not want it: that is the end of it [MQTT-4.3.3-4].
            self.forget(index);
            return Ok(true);
        }
        let is_first = matches!(self.inflight[index].step, Step::Publish(_));
        self.inflight[index].step = Step::Release;
        send_pubrel(ack.packet_id, ReasonCode::Success, effects);
        Ok(is_first)
    }

    pub(super) fn pubcomp(
        &mut self,
        ack: &Acknowledgement,
        _: &mut Effects,
    ) -> Result<bool, Reason> {
        let Some(index) = self.sent_position(ack.packet_id) else { return Ok(false) };
        match &self.inflight[index].step {
            Step::Release => {
                self.forget(index);
                Ok(true)
            }
            Step::Publish(_) => Err(out_of_step("PUBCOMP before PUBREC", "4.3.3")),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.has_room()
    }

    fn has_room(&self) -> bool {
        self.unsent == 0 && self.inflight.len() < self.window
    }

    fn sent_position(&self, packet_id: PacketId) -> Option<usize> {
        self.inflight.iter().position(|one| one.packet_id == packet_id && one.sent)
    }

    /// Sends a delivery for the first time.
    fn start(&mut self, delivery: Delivery, now: Instant, effects: &mut Effects) {
        let packet_id = self.free_packet_id();
        if delivery.is_expired(now)
            || !self.transmit(&delivery, Some(packet_id), false, now, effects)
        {
            self.discarded += 1;
            return;
        }
        self.last_packet_id = packet_id.get();
        self.in_use.insert(packet_id);
        self.inflight.push_back(Inflight { packet_id, step: Step::Publish(delivery), sent: true });
    }

    fn resend_next(&mut self, now: Instant, effects: &mut Effects) {
        let index = self.inflight.len() - self.unsent;
        self.unsent -= 1;
        let packet_id = self.inflight[index].packet_id;
        let sent = match &self.inflight[index].step {
            Step::Publish(delivery) => {
                let delivery = delivery.clone();
                self.transmit(&delivery, Some(packet_id), true, now, effects)
            }
            Step::Release => {
                send_pubrel(packet_id, ReasonCode::Success, effects);
                true
            }
        };
        if sent {
            self.inflight[index].sent = true;
        } else {
            self.discarded += 1;
            self.forget(index);
        }
    }

    /// False when it is larger than the client takes: then it counts as delivered
    /// [MQTT-3.1.2-25].
    fn transmit(
        &mut self,
        delivery: &Delivery,
        packet_id: Option<PacketId>,
        dup: bool,
        now: Instant,
        effects: &mut Effects,
    ) -> bool {
        let topic = delivery.message.topic();
        let naming = self.aliases.naming(topic);
        let Ok(outgoing) = delivery.outgoing(self.version, packet_id, dup, naming, now) else {
            return false;
        };
        let fits = outgoing.wire_len(self.version).is_ok_and(|len| len <= self.max_packet_size);
        if fits {
            self.aliases.sent(topic, naming);
            effects.push_back(Effect::Send(Outgoing::Publish(outgoing)));
        }
        fits
    }

    fn forget(&mut self, index: usize) {
        if let Some(inflight) = self.inflight.remove(index) {
            self.in_use.remove(&inflight.packet_id);
        }
    }

    /// The window is smaller than the number of identifiers, so there always is one.
    fn free_packet_id(&self) -> PacketId {
        let mut candidate = self.last_packet_id;
        loop {
            candidate = candidate.wrapping_add(1);
            if let Some(packet_id) = PacketId::new(candidate)
                && !self.in_use.contains(&packet_id)
            {
                return packet_id;
            }
        }
    }
}

fn send_pubrel(packet_id: PacketId, code: ReasonCode, effects: &mut Effects) {
    let pubrel = Packet::PubRel(Acknowledgement::new(packet_id, code));
    effects.push_back(Effect::Send(Outgoing::Packet(pubrel)));
}

fn out_of_step(what: &'static str, clause: &'static str) -> Reason {
    Reason::Violation { code: ReasonCode::ProtocolError, what, clause }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use bytes::Bytes;

    use super::*;
    use crate::mqtt::{
        codec::{Properties, Property, Publish},
        scenario::{Scenario, ack, connect, delivery},
        session::{Granted, Message},
    };

    fn live(limits: Limits, version: Version) -> Scenario {
        Scenario::live_with(limits, connect(version), Granted::default()).0
    }

    /// Packet identifiers, DUP and payloads of the publishes that were sent.
    fn publishes(scenario: &mut Scenario) -> Vec<(u16, bool, String)> {
        let sent = scenario.sent.drain(..);
        sent.filter_map(|packet| match packet {
            Packet::Publish(Publish { packet_id, dup, payload, .. }) => {
                let text = String::from_utf8_lossy(&payload).into_owned();
                Some((packet_id.map_or(0, PacketId::get), dup, text))
            }
            _ => None,
        })
        .collect()
    }

    fn texts(scenario: &mut Scenario) -> Vec<String> {
        publishes(scenario).into_iter().map(|(_, _, text)| text).collect()
    }

    #[test]
    fn the_window_is_the_smaller_one_and_the_rest_waits_its_turn() {
        for (ours, theirs, window) in [(2, None, 2), (2, Some(1), 1), (2, Some(9), 2)] {
            let limits = Limits { max_inflight: ours, ..Limits::default() };
            let mut asked = connect(Version::V5);
            theirs.into_iter().for_each(|n| asked.properties.push(Property::ReceiveMaximum(n)));
            let (mut scenario, _) = Scenario::live_with(limits, asked, Granted::default());
            for text in ["a", "b", "c"] {
                scenario.deliver(delivery(Qos::AtLeastOnce, text));
            }
            assert_eq!(texts(&mut scenario), ["a", "b", "c"][..window]);
            scenario.receive(Packet::PubAck(ack(1)));
            assert_eq!(texts(&mut scenario), ["a", "b", "c"][window..=window]);
        }
    }

    #[test]
    fn qos_0_passes_a_full_window() {
        let mut scenario = live(Limits { max_inflight: 1, ..Limits::default() }, Version::V4);
        scenario.deliver(delivery(Qos::AtLeastOnce, "a"));
        scenario.deliver(delivery(Qos::AtMostOnce, "b"));
        assert_eq!(texts(&mut scenario), ["a", "b"]);
    }

    #[test]
    fn a_full_queue_ends_the_session() {
        let by_count = Limits { max_inflight: 1, max_queued: 2, ..Limits::default() };
        let by_bytes = Limits { max_inflight: 1, max_queued_bytes: 20, ..Limits::default() };
        for limits in [by_count, by_bytes] {
            let mut scenario = live(limits, Version::V5);
            for _ in 0..3 {
                scenario.deliver(delivery(Qos::AtLeastOnce, "abc"));
            }
            assert_eq!(scenario.closed, None);
            scenario.deliver(delivery(Qos::AtLeastOnce, "abc"));
            assert_eq!(scenario.closed_with(), Some(ReasonCode::QuotaExceeded));
            assert!(matches!(scenario.sent.back(), Some(Packet::Disconnect(_))));
        }
    }

    #[test]
    fn qos_2_goes_through_its_four_steps() {
        let mut scenario = live(Limits { max_inflight: 1, ..Limits::default() }, Version::V5);
        scenario.deliver(delivery(Qos::ExactlyOnce, "a"));
        scenario.deliver(delivery(Qos::ExactlyOnce, "b"));
        assert_eq!(texts(&mut scenario), ["a"]);
        scenario.receive(Packet::PubRec(ack(1)));
        scenario.receive(Packet::PubRec(ack(1)));
        assert_eq!(scenario.sent, [Packet::PubRel(ack(1)), Packet::PubRel(ack(1))]);
        scenario.sent.clear();
        scenario.receive(Packet::PubComp(ack(1)));
        assert_eq!(publishes(&mut scenario), [(2, false, "b".into())]);
        let refused = Acknowledgement { code: ReasonCode::QuotaExceeded, ..ack(2) };
        scenario.receive(Packet::PubRec(refused));
        assert!(scenario.sent.is_empty(), "a refused message is over");
        scenario.deliver(delivery(Qos::ExactlyOnce, "c"));
        assert_eq!(texts(&mut scenario), ["c"]);
    }

    #[test]
    fn acknowledgements_may_come_in_any_order_but_not_of_the_wrong_kind() {
        let mut scenario = Scenario::live(Version::V4);
        for text in ["a", "b", "c"] {
            scenario.deliver(delivery(Qos::AtLeastOnce, text));
        }
        for packet_id in [3, 1, 2, 2, 77] {
            scenario.receive(Packet::PubAck(ack(packet_id)));
        }
        assert_eq!(scenario.closed, None);
        scenario.deliver(delivery(Qos::ExactlyOnce, "d"));
        scenario.receive(Packet::PubAck(ack(4)));
        assert_eq!(scenario.closed_with(), Some(ReasonCode::ProtocolError));
    }

    #[test]
    fn a_release_of_an_unknown_message_is_answered() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.receive(Packet::PubRec(ack(9)));
        let Some(Packet::PubRel(pubrel)) = scenario.sent.pop_front() else { panic!("no PUBREL") };
        assert_eq!(pubrel.code, ReasonCode::PacketIdentifierNotFound);
        scenario.receive(Packet::PubComp(ack(9)));
        assert_eq!(scenario.closed, None);
    }

    #[test]
    fn a_resumed_session_sends_again_in_order_and_within_a_smaller_window() {
        let mut asked = connect(Version::V5);
        asked.clean_start = false;
        asked.properties.push(Property::SessionExpiryInterval(60));
        let limits = Limits { max_inflight: 3, ..Limits::default() };
        let (mut scenario, _) =
            Scenario::live_with(limits.clone(), asked.clone(), Granted::default());
        for text in ["a", "b", "c", "d"] {
            scenario.deliver(delivery(Qos::ExactlyOnce, text));
        }
        scenario.receive(Packet::PubRec(ack(1)));
        scenario.session.close(Reason::ConnectionLost);
        let ended = scenario.session.finish().expect("it was live");
        assert_eq!(ended.stored.waiting(), 4);

        asked.properties.push(Property::ReceiveMaximum(2));
        let granted = Granted { stored: Some(ended.stored), ..Granted::default() };
        let (mut resumed, connack) = Scenario::live_with(limits, asked, granted);
        assert!(connack.session_present);
        assert_eq!(resumed.sent.pop_front(), Some(Packet::PubRel(ack(1))));
        assert_eq!(publishes(&mut resumed), [(2, true, "b".into())]);
        resumed.receive(Packet::PubComp(ack(1)));
        assert_eq!(publishes(&mut resumed), [(3, true, "c".into())]);
        resumed.receive(Packet::PubRec(ack(2)));
        resumed.receive(Packet::PubComp(ack(2)));
        assert_eq!(publishes(&mut resumed), [(4, false, "d".into())]);
    }

    #[test]
    fn what_the_client_cannot_take_is_left_out() {
        let mut asked = connect(Version::V5);
        asked.properties.push(Property::MaximumPacketSize(40));
        let (mut scenario, _) = Scenario::live_with(Limits::default(), asked, Granted::default());
        scenario.deliver(delivery(Qos::AtLeastOnce, &"x".repeat(40)));
        scenario.deliver(delivery(Qos::AtMostOnce, &"x".repeat(40)));
        scenario.deliver(delivery(Qos::AtLeastOnce, "small"));
        assert_eq!(publishes(&mut scenario), [(1, false, "small".into())]);
        assert_eq!(scenario.session.discarded(), 2);
    }

    #[test]
    fn a_message_expires_while_it_waits_and_its_interval_shrinks() {
        let mut scenario = live(Limits { max_inflight: 1, ..Limits::default() }, Version::V5);
        let expires_in = |scenario: &Scenario, seconds| {
            let expires = scenario.now + Duration::from_secs(seconds);
            let payload = Bytes::from_static(b"x");
            let message = Message::new("t", payload, Properties::default(), Some(expires));
            Delivery::new(Arc::new(message), Qos::AtLeastOnce)
        };
        let (short, long) = (expires_in(&scenario, 5), expires_in(&scenario, 50));
        scenario.deliver(delivery(Qos::AtLeastOnce, "first"));
        scenario.deliver(short);
        scenario.deliver(long);
        scenario.sent.clear();
        scenario.pass(Duration::from_secs(10));
        scenario.receive(Packet::PubAck(ack(1)));
        let Some(Packet::Publish(publish)) = scenario.sent.pop_front() else {
            panic!("no PUBLISH")
        };
        assert_eq!(publish.properties.message_expiry_interval(), Some(&40));
        assert!(scenario.sent.is_empty());
        assert_eq!(scenario.session.discarded(), 1);
    }

    #[test]
    fn subscription_identifiers_reach_mqtt_5_only() {
        for (version, expected) in [(Version::V4, 0), (Version::V5, 2)] {
            let mut scenario = Scenario::live(version);
            let subscription_identifiers = vec![1, 300];
            let plain = delivery(Qos::AtMostOnce, "x");
            scenario.deliver(Delivery { subscription_identifiers, retain: true, ..plain });
            let Some(Packet::Publish(publish)) = scenario.sent.pop_front() else { panic!("none") };
            assert!(publish.retain);
            assert_eq!(publish.properties.iter().count(), expected);
        }
    }

    #[test]
    fn identifiers_in_use_are_passed_over() {
        let mut scenario = live(Limits { max_inflight: 2, ..Limits::default() }, Version::V4);
        scenario.deliver(delivery(Qos::AtLeastOnce, "stays"));
        publishes(&mut scenario);
        for _ in 0..65_536 {
            scenario.deliver(delivery(Qos::AtLeastOnce, "x"));
            let (packet_id, ..) = publishes(&mut scenario).pop().expect("it was sent");
            assert!(packet_id > 1);
            scenario.receive(Packet::PubAck(ack(packet_id)));
        }
    }
}
