//! CONNECT and its answer. Nothing that follows a CONNECT is looked at before the shell has said
//! who the client is.

use std::time::Instant;

use super::{Client, Effect, Phase, Session, Stored};
use crate::mqtt::{
    codec::{ConnAck, Connect, Packet, Properties, Property, Version},
    filter::check_name,
    reason::{Reason, ReasonCode, Refusal},
};

/// The shell's yes to a CONNECT.
#[derive(Debug, Default)]
pub struct Granted {
    /// For a client that brought none; ignored otherwise.
    pub assigned_client_id: String,
    /// What an earlier connection left; ignored with Clean Start.
    pub stored: Option<Stored>,
}

impl Session {
    pub(super) fn connect(&mut self, connect: Connect) {
        self.client = Some(Client::new(&connect, &self.limits));
        if let Err(refusal) = self.check_connect(&connect) {
            return self.close(Reason::Refused(refusal));
        }
        self.phase = Phase::Authenticating;
        self.effects.push_back(Effect::Authenticate(Box::new(connect)));
    }

    /// Client ids may hold any printable character: they are never part of a topic here.
    fn check_connect(&self, connect: &Connect) -> Result<(), Refusal> {
        let not_valid = |text| Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, text));
        if connect.client_id.len() > self.limits.max_client_id_bytes {
            return not_valid("the client identifier is too long");
        }
        // [MQTT-3.1.3-8] of 3.1.1; MQTT 5 has lifted it.
        if connect.version == Version::V4 && connect.client_id.is_empty() && !connect.clean_start {
            return not_valid("a session that lasts needs a client identifier");
        }
        if connect.properties.authentication_method().is_some() {
            let text = "there is no extended authentication here";
            return Err(Refusal::new(ReasonCode::BadAuthenticationMethod, text));
        }
        if let Some(will) = &connect.will
            && let Err(error) = check_name(&will.topic, self.limits.topic)
        {
            let text = format!("the will topic {error}");
            return Err(Refusal::new(ReasonCode::TopicNameInvalid, text));
        }
        Ok(())
    }

    /// The answer to [`Effect::Authenticate`]. With a yes the client is live; what was stored is
    /// taken up, and what was unacknowledged is sent again.
    pub fn authenticated(&mut self, answer: Result<Granted, Refusal>, now: Instant) {
        if self.phase != Phase::Authenticating {
            return;
        }
        let granted = match answer {
            Ok(granted) => granted,
            Err(refusal) => return self.close(Reason::Refused(refusal)),
        };
        let Some(client) = &mut self.client else { return };
        let assigned = client.client_id.is_empty();
        if assigned {
            client.client_id = granted.assigned_client_id;
        }
        let stored = granted.stored.filter(|_| !client.clean_start);
        self.outbound.open(client);
        let session_present = stored.is_some();
        if let Some(mut stored) = stored {
            self.inbound.restore(std::mem::take(&mut stored.unreleased));
            self.subscriptions = std::mem::take(&mut stored.subscriptions);
            self.outbound.restore(&mut stored);
        }
        let properties = self.connack_properties(assigned);
        self.phase = Phase::Live;
        self.heard = now;
        let code = ReasonCode::Success;
        self.send(Packet::ConnAck(ConnAck { session_present, code, properties }));
        self.outbound.pump(now, &mut self.effects);
    }

    /// What differs from the specification's defaults, or from what the client asked.
    fn connack_properties(&self, assigned: bool) -> Properties {
        let mut properties = Properties::default();
        let Some(client) = self.client.as_ref().filter(|client| client.version == Version::V5)
        else {
            return properties;
        };
        if client.session_expiry_s != client.requested_expiry_s {
            properties.push(Property::SessionExpiryInterval(client.session_expiry_s));
        }
        if let Some(seconds) = client.server_keep_alive_s {
            properties.push(Property::ServerKeepAlive(seconds));
        }
        if assigned {
            properties.push(Property::AssignedClientIdentifier(client.client_id.clone()));
        }
        let max_packet_size = u32::try_from(self.limits.max_packet_size).unwrap_or(u32::MAX);
        properties.push(Property::MaximumPacketSize(max_packet_size));
        properties.push(Property::ReceiveMaximum(self.limits.receive_maximum));
        properties.push(Property::TopicAliasMaximum(self.limits.topic_alias_maximum));
        properties
    }

    /// The client id, once there is one.
    pub fn client_id(&self) -> Option<&str> {
        let client = self.client.as_ref()?;
        (!client.client_id.is_empty()).then_some(client.client_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::mqtt::{
        codec::{DecodeError, Qos, Will},
        scenario::{Scenario, connect},
        session::Limits,
    };

    fn refused(connect: Connect) -> (Option<ReasonCode>, Option<Packet>) {
        let mut scenario = Scenario::open(Limits::default());
        scenario.receive(Packet::Connect(Box::new(connect)));
        assert!(scenario.asked.is_empty(), "nobody is asked about it");
        (scenario.closed_with(), scenario.sent.pop_front())
    }

    fn connack_code(packet: Option<Packet>) -> ReasonCode {
        match packet {
            Some(Packet::ConnAck(connack)) => connack.code,
            other => panic!("no CONNACK but {other:?}"),
        }
    }

    #[test]
    fn a_connect_that_is_no_use_is_refused_before_anybody_is_asked() {
        let long = Connect { client_id: "x".repeat(257), ..connect(Version::V5) };
        let nameless =
            Connect { client_id: String::new(), clean_start: false, ..connect(Version::V4) };
        let method = Property::AuthenticationMethod("SCRAM-SHA-1".into());
        let extended =
            Connect { properties: Properties::default().with(method), ..connect(Version::V5) };
        let will = Will {
            qos: Qos::AtMostOnce,
            retain: false,
            topic: "a/".repeat(17),
            payload: Bytes::new(),
            properties: Properties::default(),
        };
        let deep_will = Connect { will: Some(will), ..connect(Version::V5) };
        for (connect, code) in [
            (long, ReasonCode::ClientIdentifierNotValid),
            (nameless, ReasonCode::ClientIdentifierNotValid),
            (extended, ReasonCode::BadAuthenticationMethod),
            (deep_will, ReasonCode::TopicNameInvalid),
        ] {
            let (closed, answer) = refused(connect);
            assert_eq!(closed, Some(code));
            assert_eq!(connack_code(answer), code);
        }
    }

    #[test]
    fn nothing_is_taken_in_before_the_client_is_known() {
        let mut scenario = Scenario::open(Limits::default());
        assert!(scenario.session.accepts_input());
        scenario.receive(Packet::Connect(Box::new(connect(Version::V5))));
        assert!(!scenario.session.accepts_input());
        assert!(scenario.sent.is_empty());
        scenario.session.authenticated(Ok(Granted::default()), scenario.now);
        scenario.collect();
        assert!(scenario.session.accepts_input());
        assert_eq!(connack_code(scenario.sent.pop_front()), ReasonCode::Success);
    }

    #[test]
    fn a_refusal_is_told_in_the_clients_own_version() {
        for version in [Version::V4, Version::V5] {
            let mut scenario = Scenario::open(Limits::default());
            scenario.receive(Packet::Connect(Box::new(connect(version))));
            let refusal = Refusal::new(ReasonCode::BadUserNameOrPassword, "wrong password");
            scenario.session.authenticated(Err(refusal), scenario.now);
            scenario.collect();
            let code = connack_code(scenario.sent.pop_front());
            assert_eq!(code, ReasonCode::BadUserNameOrPassword);
            assert_eq!(scenario.closed_with(), Some(code));
            assert!(scenario.session.finish().is_none(), "no will, nothing to keep");
        }
    }

    #[test]
    fn what_differs_from_the_defaults_is_told() {
        let limits =
            Limits { max_keep_alive_s: 30, max_session_expiry_s: 100, ..Limits::default() };
        let asked = Connect {
            client_id: String::new(),
            keep_alive_s: 0,
            properties: Properties::default().with(Property::SessionExpiryInterval(u32::MAX)),
            ..connect(Version::V5)
        };
        let granted = Granted { assigned_client_id: "assigned".into(), stored: None };
        let (scenario, connack) = Scenario::live_with(limits, asked, granted);
        let told = &connack.properties;
        assert_eq!(told.server_keep_alive(), Some(&30));
        assert_eq!(told.session_expiry_interval(), Some(&100));
        assert_eq!(told.assigned_client_identifier().map(String::as_str), Some("assigned"));
        assert_eq!(told.receive_maximum(), Some(&64));
        assert_eq!(scenario.session.client_id(), Some("assigned"));
    }

    #[test]
    fn a_modest_client_is_told_nothing_about_time() {
        let (_, connack) =
            Scenario::live_with(Limits::default(), connect(Version::V5), Granted::default());
        assert_eq!(connack.properties.server_keep_alive(), None);
        assert_eq!(connack.properties.session_expiry_interval(), None);
        assert_eq!(connack.properties.assigned_client_identifier(), None);
    }

    #[test]
    fn a_session_is_present_only_when_one_is_resumed() {
        for (clean_start, stored, present) in
            [(false, true, true), (false, false, false), (true, true, false)]
        {
            let asked = Connect { clean_start, ..connect(Version::V4) };
            let granted = Granted { stored: stored.then(Stored::default), ..Granted::default() };
            let (_, connack) = Scenario::live_with(Limits::default(), asked, granted);
            assert_eq!(connack.session_present, present);
        }
    }

    #[test]
    fn whoever_hesitates_is_let_go() {
        let mut silent = Scenario::open(Limits::default());
        silent.pass(Duration::from_secs(9));
        assert_eq!(silent.closed, None);
        silent.pass(Duration::from_secs(1));
        assert_eq!(silent.closed, Some(Reason::ConnectTimeout));
        assert!(silent.sent.is_empty());

        let mut unanswered = Scenario::open(Limits::default());
        unanswered.receive(Packet::Connect(Box::new(connect(Version::V5))));
        unanswered.pass(Duration::from_secs(10));
        assert_eq!(connack_code(unanswered.sent.pop_front()), ReasonCode::ServerUnavailable);
        unanswered.session.authenticated(Ok(Granted::default()), unanswered.now);
        unanswered.collect();
        assert!(unanswered.sent.is_empty(), "too late");
    }

    #[test]
    fn an_unknown_version_is_answered_and_garbage_is_not() {
        for (answer_in, expected) in [(Some(Version::V4), 1), (Some(Version::V5), 0x84), (None, 0)]
        {
            let mut session = Scenario::open(Limits::default()).session;
            session.malformed(DecodeError {
                code: ReasonCode::UnsupportedProtocolVersion,
                what: "neither MQTT 3.1.1 nor MQTT 5",
                clause: "MQTT-3.1.2-2",
                answer_in,
            });
            let mut wire = bytes::BytesMut::new();
            if let Some(Effect::Send(outgoing)) = session.next_effect() {
                session.write(&outgoing, &mut wire).expect("a CONNACK fits");
            }
            assert_eq!(wire.get(3).copied().unwrap_or(0), expected);
        }
    }
}
