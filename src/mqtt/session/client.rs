//! What a CONNECT tells about the client, after the limits have been applied.

use std::time::Duration;

use super::Limits;
use crate::mqtt::codec::{Connect, Version, Will};

pub(super) struct Client {
    pub(super) version: Version,
    /// Empty until one is assigned.
    pub(super) client_id: String,
    pub(super) clean_start: bool,
    /// Bytes of the largest packet it takes.
    pub(super) max_packet_size: usize,
    /// Deliveries at QoS 1 and 2 that may be on their way.
    pub(super) window: usize,
    /// Topic aliases that it takes from us.
    pub(super) topic_aliases: u16,
    /// Whether Reason String and user properties may stand in answers [MQTT-3.1.2-29].
    pub(super) problem_information: bool,
    /// Seconds that replace the client's own keep alive, if they do.
    pub(super) server_keep_alive_s: Option<u16>,
    /// How long it may be silent: 1.5 times the keep alive [MQTT-3.1.2-22].
    pub(super) patience: Duration,
    pub(super) requested_expiry_s: u32,
    pub(super) session_expiry_s: u32,
    pub(super) will: Option<Will>,
}

impl Client {
    pub(super) fn new(connect: &Connect, limits: &Limits) -> Client {
        let properties = &connect.properties;
        let server_keep_alive_s = server_keep_alive_s(connect, limits);
        let keep_alive_s = server_keep_alive_s.unwrap_or(connect.keep_alive_s);
        let requested_expiry_s = match connect.version {
            Version::V5 => properties.session_expiry_interval().copied().unwrap_or(0),
            Version::V4 if connect.clean_start => 0,
            Version::V4 => limits.max_session_expiry_s,
        };
        let receive_maximum = properties.receive_maximum().copied().unwrap_or(u16::MAX);
        Client {
            version: connect.version,
            client_id: connect.client_id.clone(),
            clean_start: connect.clean_start,
            max_packet_size: properties
                .maximum_packet_size()
                .map_or(usize::MAX, |size| *size as usize),
            window: usize::from(receive_maximum.min(limits.max_inflight).max(1)),
            topic_aliases: properties
                .topic_alias_maximum()
                .map_or(0, |theirs| limits.topic_alias_maximum.min(*theirs)),
            problem_information: properties.request_problem_information().copied().unwrap_or(true),
            server_keep_alive_s,
            patience: patience(keep_alive_s, connect.version, limits),
            requested_expiry_s,
            session_expiry_s: requested_expiry_s.min(limits.max_session_expiry_s),
            will: connect.will.clone(),
        }
    }
}

fn server_keep_alive_s(connect: &Connect, limits: &Limits) -> Option<u16> {
    let too_large = connect.keep_alive_s == 0 || connect.keep_alive_s > limits.max_keep_alive_s;
    (connect.version == Version::V5 && too_large).then_some(limits.max_keep_alive_s)
}

fn patience(keep_alive_s: u16, version: Version, limits: &Limits) -> Duration {
    let patience = Duration::from_millis(u64::from(keep_alive_s) * 1500);
    match version {
        Version::V5 => patience,
        Version::V4 if keep_alive_s == 0 => limits.max_silence_v4,
        Version::V4 => patience.min(limits.max_silence_v4),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        bridge::pace::Rate,
        mqtt::{
            codec::{Packet, Qos},
            reason::Reason,
            scenario::{Scenario, ack, connect, delivery, publish},
            session::Granted,
        },
    };

    #[test]
    fn silence_is_borne_for_one_and_a_half_times_the_keep_alive() {
        for (version, keep_alive_s, patience_s) in [
            (Version::V4, 10, 15),
            (Version::V4, 0, 1000),
            (Version::V4, 65_535, 1000),
            (Version::V5, 10, 15),
            (Version::V5, 0, 30),
            (Version::V5, 65_535, 30),
        ] {
            let limits = Limits {
                max_keep_alive_s: 20,
                max_silence_v4: Duration::from_secs(1000),
                ..Limits::default()
            };
            let asked = Connect { keep_alive_s, ..connect(version) };
            let (mut scenario, _) = Scenario::live_with(limits, asked, Granted::default());
            scenario.pass(Duration::from_secs(patience_s - 1));
            scenario.receive(Packet::PingReq);
            assert_eq!(scenario.sent.pop_front(), Some(Packet::PingResp));
            scenario.pass(Duration::from_secs(patience_s - 1));
            assert_eq!(scenario.closed, None);
            scenario.pass(Duration::from_secs(1));
            assert_eq!(
                scenario.closed,
                Some(Reason::KeepAliveTimeout),
                "{version:?} {keep_alive_s}"
            );
        }
    }

    #[test]
    fn who_asks_for_too_much_is_not_read_for_a_while() {
        let limits = Limits { control: Rate::new(2.0, 3), ..Limits::default() };
        let (mut scenario, _) =
            Scenario::live_with(limits, connect(Version::V5), Granted::default());
        for _ in 0..3 {
            assert!(scenario.session.accepts_input());
            scenario.receive(Packet::PingReq);
        }
        assert!(!scenario.session.accepts_input());
        assert_eq!(scenario.session.deadline(), Some(scenario.now + Duration::from_millis(500)));
        scenario.pass(Duration::from_millis(500));
        assert!(scenario.session.accepts_input());
        for ack in [Packet::PubAck(ack(9)), Packet::PubRel(ack(9)), Packet::PubRec(ack(9))] {
            scenario.receive(ack);
            assert!(!scenario.session.accepts_input(), "an acknowledgement of nothing");
            scenario.pass(Duration::from_millis(500));
        }
        scenario.deliver(delivery(Qos::AtLeastOnce, "x"));
        scenario.receive(Packet::PubAck(ack(1)));
        assert!(scenario.session.accepts_input(), "what belongs to a message costs nothing");
        scenario.pass(Duration::from_millis(500));
        assert_eq!(scenario.closed, None);
    }

    #[test]
    fn a_client_that_is_not_listened_to_is_not_called_silent() {
        let limits = Limits { max_unsettled_publishes: 1, ..Limits::default() };
        let (mut scenario, _) =
            Scenario::live_with(limits, connect(Version::V5), Granted::default());
        scenario.receive(Packet::Publish(publish(Qos::AtMostOnce, 0)));
        scenario.pass(Duration::from_secs(200));
        assert_eq!(scenario.closed, None);
        let (token, _) = scenario.asked_publish();
        scenario.session.published(token, Ok(()));
        scenario.pass(Duration::from_secs(89));
        assert_eq!(scenario.closed, None);
        scenario.pass(Duration::from_secs(1));
        assert_eq!(scenario.closed, Some(Reason::KeepAliveTimeout));
    }
}
