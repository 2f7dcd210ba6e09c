//! The end of a connection: what the client is told, what becomes of its will, what is stored.

use super::{Effect, Outgoing, Phase, Session, Stored};
use crate::mqtt::{
    codec::{ConnAck, Disconnect, Packet, Properties, Property, Version, Will},
    reason::{Reason, ReasonCode},
};

/// What is left of a session whose client had been accepted.
#[derive(Debug)]
pub struct Ended {
    pub client_id: String,
    pub reason: Reason,
    /// To be published after so many seconds, unless the client resumes the session before
    /// [MQTT-3.1.3-9]. At the latest when the session expires.
    pub will: Option<(Will, u32)>,
    /// How long to keep `stored`, in seconds; 0: not at all.
    pub session_expiry_s: u32,
    pub stored: Stored,
}

impl Session {
    /// Ends the session for a reason of the shell's: a take-over, a shutdown, a lost transport.
    pub fn close(&mut self, reason: Reason) {
        if self.phase == Phase::Closed {
            return;
        }
        if let Some(packet) = self.farewell(&reason) {
            self.effects.push_back(Effect::Send(Outgoing::Packet(packet)));
        }
        self.was_live = self.phase == Phase::Live;
        self.phase = Phase::Closed;
        self.end = Some(reason.clone());
        self.effects.push_back(Effect::Close(reason));
    }

    /// DISCONNECT from the client.
    pub(super) fn disconnect(&mut self, disconnect: &Disconnect) {
        let expiry = disconnect.properties.session_expiry_interval().copied();
        if let (Some(seconds), Some(client)) = (expiry, &mut self.client) {
            if client.session_expiry_s == 0 && seconds != 0 {
                return self.violation(
                    ReasonCode::ProtocolError,
                    "DISCONNECT begins a session expiry",
                    "3.14.2.2.2",
                );
            }
            client.session_expiry_s = seconds.min(self.limits.max_session_expiry_s);
        }
        self.close(match disconnect.code {
            ReasonCode::Success => Reason::Left,
            code => Reason::LeftWithWill(code),
        });
    }

    /// Silence for those who left, and for MQTT 3.1.1, which has no server's DISCONNECT.
    fn farewell(&self, reason: &Reason) -> Option<Packet> {
        if reason.is_clean() || *reason == Reason::ConnectionLost {
            return None;
        }
        let version = self.version().or(self.answer_in)?;
        let mut properties = Properties::default();
        if version == Version::V5 {
            properties.push(Property::ReasonString(reason.to_string()));
        }
        match (self.phase, version) {
            (Phase::Connecting | Phase::Authenticating, _) => {
                let code = connack_code(reason.code());
                Some(Packet::ConnAck(ConnAck { session_present: false, code, properties }))
            }
            (Phase::Live, Version::V5) => {
                let code = disconnect_code(reason.code());
                Some(Packet::Disconnect(Disconnect { code, properties }))
            }
            (Phase::Live, Version::V4) | (Phase::Closed, _) => None,
        }
    }

    /// What is to be done and kept after the end; none if the client never got in.
    pub fn finish(mut self) -> Option<Ended> {
        let reason = self.end?;
        let client = self.client.filter(|_| self.was_live)?;
        let mut stored = Stored {
            subscriptions: self.subscriptions,
            unreleased: self.inbound.store(),
            ..Stored::default()
        };
        self.outbound.store(&mut stored);
        let session_expiry_s = client.session_expiry_s;
        let will = client.will.filter(|_| reason.gives_out_will()).map(|will| {
            let delay = will.properties.will_delay_interval().copied().unwrap_or(0);
            (will, delay.min(self.limits.max_will_delay_s).min(session_expiry_s))
        });
        Some(Ended { client_id: client.client_id, reason, will, session_expiry_s, stored })
    }
}

/// The codes that CONNACK has (table 3-1); others become the nearest of them.
fn connack_code(code: ReasonCode) -> ReasonCode {
    match code {
        ReasonCode::ServerShuttingDown
        | ReasonCode::MaximumConnectTime
        | ReasonCode::SessionTakenOver
        | ReasonCode::AdministrativeAction => ReasonCode::ServerUnavailable,
        ReasonCode::MessageRateTooHigh => ReasonCode::ConnectionRateExceeded,
        ReasonCode::KeepAliveTimeout
        | ReasonCode::TopicFilterInvalid
        | ReasonCode::PacketIdentifierInUse
        | ReasonCode::PacketIdentifierNotFound
        | ReasonCode::ReceiveMaximumExceeded
        | ReasonCode::TopicAliasInvalid
        | ReasonCode::SharedSubscriptionsNotSupported
        | ReasonCode::SubscriptionIdentifiersNotSupported
        | ReasonCode::WildcardSubscriptionsNotSupported => ReasonCode::UnspecifiedError,
        code => code,
    }
}

/// The codes that DISCONNECT has (table 3-10); others become the nearest of them.
fn disconnect_code(code: ReasonCode) -> ReasonCode {
    match code {
        // What is wrong in a second CONNECT matters less than that there is one [MQTT-3.1.0-2].
        ReasonCode::UnsupportedProtocolVersion
        | ReasonCode::ClientIdentifierNotValid
        | ReasonCode::BadUserNameOrPassword => ReasonCode::ProtocolError,
        ReasonCode::Banned => ReasonCode::NotAuthorized,
        ReasonCode::ServerUnavailable => ReasonCode::ServerBusy,
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::mqtt::{
        codec::{Acknowledgement, Auth, Connect, Qos, SubAck},
        scenario::{Scenario, ack, connect, id, publish},
        session::{Granted, Limits},
    };

    fn with_will(version: Version, delay_s: u32, expiry_s: u32) -> Connect {
        let mut properties = Properties::default();
        let mut will_properties = Properties::default();
        if version == Version::V5 {
            properties.push(Property::SessionExpiryInterval(expiry_s));
            will_properties.push(Property::WillDelayInterval(delay_s));
        }
        let will = Will {
            qos: Qos::AtLeastOnce,
            retain: false,
            topic: "chat/r1".into(),
            payload: Bytes::from_static(b"gone"),
            properties: will_properties,
        };
        Connect { will: Some(will), properties, ..connect(version) }
    }

    fn live(connect: Connect) -> Scenario {
        let limits = Limits { max_will_delay_s: 100, ..Limits::default() };
        Scenario::live_with(limits, connect, Granted::default()).0
    }

    fn goodbye(code: ReasonCode) -> Packet {
        Packet::Disconnect(Disconnect { code, properties: Properties::default() })
    }

    #[test]
    fn the_will_is_given_out_unless_the_client_says_goodbye() {
        for version in [Version::V4, Version::V5] {
            let mut polite = live(with_will(version, 0, 0));
            polite.receive(goodbye(ReasonCode::Success));
            assert_eq!(polite.closed, Some(Reason::Left));
            assert!(polite.session.finish().expect("live").will.is_none());

            let mut lost = live(with_will(version, 0, 0));
            lost.session.close(Reason::ConnectionLost);
            assert!(lost.session.finish().expect("live").will.is_some());

            let mut silent = live(with_will(version, 0, 0));
            silent.pass(Duration::from_secs(90));
            assert!(silent.session.finish().expect("live").will.is_some());
        }
        let mut leaving = live(with_will(Version::V5, 0, 0));
        leaving.receive(goodbye(ReasonCode::DisconnectWithWill));
        assert!(leaving.closed.as_ref().is_some_and(Reason::is_clean));
        assert!(leaving.session.finish().expect("live").will.is_some());
    }

    #[test]
    fn a_will_waits_no_longer_than_the_session_or_the_limit() {
        for (delay, expiry, expected) in [(5, 0, 0), (5, 60, 5), (90, 60, 60), (900, 6000, 100)] {
            let mut scenario = live(with_will(Version::V5, delay, expiry));
            scenario.session.close(Reason::ConnectionLost);
            let (_, delay) = scenario.session.finish().expect("live").will.expect("a will");
            assert_eq!(delay, expected);
        }
    }

    #[test]
    fn a_session_lasts_as_long_as_was_agreed() {
        let limits = Limits { max_session_expiry_s: 100, ..Limits::default() };
        let lasting = Connect { clean_start: false, ..connect(Version::V4) };
        for (connect, expected) in [
            (connect(Version::V4), 0),
            (lasting, 100),
            (connect(Version::V5), 0),
            (with_will(Version::V5, 0, 60), 60),
            (with_will(Version::V5, 0, 600), 100),
        ] {
            let (mut scenario, _) =
                Scenario::live_with(limits.clone(), connect, Granted::default());
            scenario.session.close(Reason::ConnectionLost);
            assert_eq!(scenario.session.finish().expect("live").session_expiry_s, expected);
        }
    }

    #[test]
    fn a_disconnect_may_shorten_a_session_but_not_begin_one() {
        let farewell = |seconds| {
            let properties = Properties::default().with(Property::SessionExpiryInterval(seconds));
            Packet::Disconnect(Disconnect { code: ReasonCode::Success, properties })
        };
        let mut shortened = live(with_will(Version::V5, 0, 60));
        shortened.receive(farewell(5));
        assert_eq!(shortened.session.finish().expect("live").session_expiry_s, 5);
        let mut begun = live(connect(Version::V5));
        begun.receive(farewell(5));
        assert_eq!(begun.closed_with(), Some(ReasonCode::ProtocolError));
    }

    #[test]
    fn packets_that_a_client_may_not_send_end_the_session() {
        let properties = Properties::default;
        let connack =
            ConnAck { session_present: false, code: ReasonCode::Success, properties: properties() };
        let suback = SubAck { packet_id: id(1), properties: properties(), codes: Vec::new() };
        let auth = Auth { code: ReasonCode::ReAuthenticate, properties: properties() };
        for (packet, code) in [
            (Packet::Connect(Box::new(connect(Version::V5))), ReasonCode::ProtocolError),
            (Packet::ConnAck(connack), ReasonCode::ProtocolError),
            (Packet::SubAck(suback.clone()), ReasonCode::ProtocolError),
            (Packet::UnsubAck(suback), ReasonCode::ProtocolError),
            (Packet::PingResp, ReasonCode::ProtocolError),
            (Packet::Auth(auth), ReasonCode::BadAuthenticationMethod),
        ] {
            let mut scenario = live(with_will(Version::V5, 0, 0));
            scenario.receive(packet.clone());
            assert_eq!(scenario.closed_with(), Some(code), "{packet:?}");
            let Some(Packet::Disconnect(told)) = scenario.sent.pop_front() else {
                panic!("no DISCONNECT")
            };
            assert_eq!(told.code, code);
            assert!(scenario.session.finish().expect("live").will.is_some());
        }
        let mut older = Scenario::live(Version::V4);
        older.receive(Packet::PingResp);
        assert!(older.closed.is_some() && older.sent.is_empty(), "3.1.1 is told nothing");
    }

    #[test]
    fn only_the_first_reason_counts() {
        let mut scenario = Scenario::live(Version::V5);
        scenario.session.close(Reason::TakenOver);
        scenario.session.close(Reason::ShuttingDown);
        scenario.receive(Packet::PingReq);
        assert_eq!(scenario.closed, Some(Reason::TakenOver));
        assert_eq!(scenario.sent.len(), 1);
        assert_eq!(scenario.session.finish().expect("live").reason, Reason::TakenOver);
    }

    #[test]
    fn a_commit_after_the_end_still_protects_from_a_duplicate() {
        let mut first = Scenario::live(Version::V4);
        first.receive(Packet::Publish(publish(Qos::ExactlyOnce, 7)));
        let (token, _) = first.asked_publish();
        first.session.close(Reason::ConnectionLost);
        assert_eq!(first.session.unsettled(), 1);
        first.session.published(token, Ok(()));
        first.collect();
        assert!(first.sent.is_empty());
        assert_eq!(first.session.unsettled(), 0);

        let stored = Some(first.session.finish().expect("live").stored);
        let lasting = Connect { clean_start: false, ..connect(Version::V4) };
        let granted = Granted { stored, ..Granted::default() };
        let (mut second, _) = Scenario::live_with(Limits::default(), lasting, granted);
        let mut again = publish(Qos::ExactlyOnce, 7);
        again.dup = true;
        second.receive(Packet::Publish(again));
        assert!(second.asked.is_empty(), "it is here already");
        assert_eq!(second.sent, [Packet::PubRec(Acknowledgement { ..ack(7) })]);
    }
}
