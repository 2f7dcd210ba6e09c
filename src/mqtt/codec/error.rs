//! Why bytes are not a packet: the reason code for the peer, and the clause for the log.

use super::packet::Version;
use crate::mqtt::reason::ReasonCode;

/// What is wrong with the bytes. Small and without text from the peer, so it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} [{clause}]")]
pub struct DecodeError {
    /// The code for a DISCONNECT or CONNACK in MQTT 5.
    pub code: ReasonCode,
    pub what: &'static str,
    /// The normative statement, or the section, of MQTT 5 (3.1.1 where it differs).
    pub clause: &'static str,
    /// How a refused CONNECT can still be answered; none where silence is right.
    pub answer_in: Option<Version>,
}

impl DecodeError {
    pub(super) fn new(code: ReasonCode, what: &'static str, clause: &'static str) -> DecodeError {
        DecodeError { code, what, clause, answer_in: None }
    }

    /// The bytes cannot be parsed: 0x81.
    pub(super) fn malformed(what: &'static str, clause: &'static str) -> DecodeError {
        DecodeError::new(ReasonCode::MalformedPacket, what, clause)
    }

    /// Parsed, but forbidden: 0x82.
    pub(super) fn protocol(what: &'static str, clause: &'static str) -> DecodeError {
        DecodeError::new(ReasonCode::ProtocolError, what, clause)
    }
}
