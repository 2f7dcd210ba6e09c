//! Reason codes of MQTT 5, what MQTT 3.1.1 says in their place, and the named reasons for which
//! a session ends. No packet is built here: `session` does that.

use std::fmt;

use super::codec::DecodeError;

macro_rules! reason_codes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        /// A reason code as MQTT 5 section 2.4 lists them. Below 0x80 it reports success.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum ReasonCode { $($name = $value,)* }

        impl ReasonCode {
            /// All codes, in ascending order.
            pub const ALL: &[ReasonCode] = &[$(ReasonCode::$name,)*];

            /// The code with this value, if the specification has one.
            pub fn from_value(value: u8) -> Option<ReasonCode> {
                match value { $($value => Some(ReasonCode::$name),)* _ => None }
            }

            /// The specification's name for it, in lower case.
            pub fn text(self) -> &'static str {
                match self { $(ReasonCode::$name => $text,)* }
            }
        }
    };
}

reason_codes! {
    Success = 0x00, "success";
    GrantedQos1 = 0x01, "granted QoS 1";
    GrantedQos2 = 0x02, "granted QoS 2";
    DisconnectWithWill = 0x04, "disconnect with will message";
    NoMatchingSubscribers = 0x10, "no matching subscribers";
    NoSubscriptionExisted = 0x11, "no subscription existed";
    ContinueAuthentication = 0x18, "continue authentication";
    ReAuthenticate = 0x19, "re-authenticate";
    UnspecifiedError = 0x80, "unspecified error";
    MalformedPacket = 0x81, "malformed packet";
    ProtocolError = 0x82, "protocol error";
    ImplementationSpecificError = 0x83, "implementation specific error";
    UnsupportedProtocolVersion = 0x84, "unsupported protocol version";
    ClientIdentifierNotValid = 0x85, "client identifier not valid";
    BadUserNameOrPassword = 0x86, "bad user name or password";
    NotAuthorized = 0x87, "not authorized";
    ServerUnavailable = 0x88, "server unavailable";
    ServerBusy = 0x89, "server busy";
    Banned = 0x8A, "banned";
    ServerShuttingDown = 0x8B, "server shutting down";
    BadAuthenticationMethod = 0x8C, "bad authentication method";
    KeepAliveTimeout = 0x8D, "keep alive timeout";
    SessionTakenOver = 0x8E, "session taken over";
    TopicFilterInvalid = 0x8F, "topic filter invalid";
    TopicNameInvalid = 0x90, "topic name invalid";
    PacketIdentifierInUse = 0x91, "packet identifier in use";
    PacketIdentifierNotFound = 0x92, "packet identifier not found";
    ReceiveMaximumExceeded = 0x93, "receive maximum exceeded";
    TopicAliasInvalid = 0x94, "topic alias invalid";
    PacketTooLarge = 0x95, "packet too large";
    MessageRateTooHigh = 0x96, "message rate too high";
    QuotaExceeded = 0x97, "quota exceeded";
    AdministrativeAction = 0x98, "administrative action";
    PayloadFormatInvalid = 0x99, "payload format invalid";
    RetainNotSupported = 0x9A, "retain not supported";
    QosNotSupported = 0x9B, "QoS not supported";
    UseAnotherServer = 0x9C, "use another server";
    ServerMoved = 0x9D, "server moved";
    SharedSubscriptionsNotSupported = 0x9E, "shared subscriptions not supported";
    ConnectionRateExceeded = 0x9F, "connection rate exceeded";
    MaximumConnectTime = 0xA0, "maximum connect time";
    SubscriptionIdentifiersNotSupported = 0xA1, "subscription identifiers not supported";
    WildcardSubscriptionsNotSupported = 0xA2, "wildcard subscriptions not supported";
}

impl ReasonCode {
    pub fn value(self) -> u8 {
        self as u8
    }

    /// 0x80 and above.
    pub fn is_failure(self) -> bool {
        self.value() >= 0x80
    }

    /// The CONNACK return code of MQTT 3.1.1 (section 3.2.2.3) that comes nearest.
    pub fn connect_return_code(self) -> u8 {
        match self {
            code if !code.is_failure() => 0,
            ReasonCode::UnsupportedProtocolVersion => 1,
            ReasonCode::ClientIdentifierNotValid => 2,
            ReasonCode::BadUserNameOrPassword => 4,
            ReasonCode::NotAuthorized
            | ReasonCode::Banned
            | ReasonCode::BadAuthenticationMethod
            | ReasonCode::TopicNameInvalid => 5,
            _ => 3,
        }
    }

    /// The opposite way: what a CONNACK of MQTT 3.1.1 meant.
    pub fn from_connect_return_code(value: u8) -> Option<ReasonCode> {
        Some(match value {
            0 => ReasonCode::Success,
            1 => ReasonCode::UnsupportedProtocolVersion,
            2 => ReasonCode::ClientIdentifierNotValid,
            3 => ReasonCode::ServerUnavailable,
            4 => ReasonCode::BadUserNameOrPassword,
            5 => ReasonCode::NotAuthorized,
            _ => return None,
        })
    }

    /// The SUBACK return code of MQTT 3.1.1: the granted QoS, or 0x80 for every failure.
    pub fn subscribe_return_code(self) -> u8 {
        if self.is_failure() { 0x80 } else { self.value() }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.text(), self.value())
    }
}

/// A request that is answered with no: the code, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    pub code: ReasonCode,
    /// Sent as Reason String in MQTT 5, unless empty. Holds nothing that its reader may not know.
    pub text: String,
}

impl Refusal {
    pub fn new(code: ReasonCode, text: impl Into<String>) -> Refusal {
        Refusal { code, text: text.into() }
    }
}

/// Why a session's connection ends. Every end has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// DISCONNECT 0x00: the client leaves, its will is discarded.
    Left,
    /// DISCONNECT with another code (0x04 and failures): the client leaves, its will is sent.
    LeftWithWill(ReasonCode),
    /// The transport closed or failed without a DISCONNECT.
    ConnectionLost,
    /// No complete CONNECT, or no answer about it, within its time.
    ConnectTimeout,
    /// The CONNECT was answered with no.
    Refused(Refusal),
    /// The bytes were not MQTT, or not MQTT that is allowed at this place.
    Malformed(DecodeError),
    /// A well-formed packet that the protocol forbids here: what, and the clause.
    Violation {
        code: ReasonCode,
        what: &'static str,
        clause: &'static str,
    },
    KeepAliveTimeout,
    /// Another connection presented the same client id and identity.
    TakenOver,
    /// The client reads more slowly than messages for it arrive.
    SlowReader,
    /// The client sends faster than it may.
    TooFast,
    /// An operator, or a rule of the product, ended it.
    Administrative(&'static str),
    /// What the client sent could not be stored now, and its version has no word for that: it sends
    /// again what was not acknowledged.
    Unavailable,
    ShuttingDown,
}

impl Reason {
    /// The code for a DISCONNECT (or CONNACK) to a client of MQTT 5.
    pub fn code(&self) -> ReasonCode {
        match self {
            Reason::Left => ReasonCode::Success,
            Reason::LeftWithWill(code) => *code,
            Reason::ConnectionLost => ReasonCode::UnspecifiedError,
            Reason::ConnectTimeout => ReasonCode::MaximumConnectTime,
            Reason::Refused(refusal) => refusal.code,
            Reason::Malformed(error) => error.code,
            Reason::Violation { code, .. } => *code,
            Reason::KeepAliveTimeout => ReasonCode::KeepAliveTimeout,
            Reason::TakenOver => ReasonCode::SessionTakenOver,
            Reason::SlowReader => ReasonCode::QuotaExceeded,
            Reason::TooFast => ReasonCode::MessageRateTooHigh,
            Reason::Administrative(_) => ReasonCode::AdministrativeAction,
            Reason::Unavailable => ReasonCode::ServerUnavailable,
            Reason::ShuttingDown => ReasonCode::ServerShuttingDown,
        }
    }

    /// Whether the same client may reasonably connect again by itself.
    pub fn client_should_return(&self) -> bool {
        matches!(
            self,
            Reason::ConnectionLost
                | Reason::ConnectTimeout
                | Reason::KeepAliveTimeout
                | Reason::SlowReader
                | Reason::TooFast
                | Reason::Unavailable
                | Reason::ShuttingDown
        ) || matches!(
            self,
            Reason::Refused(Refusal {
                code: ReasonCode::ServerUnavailable
                    | ReasonCode::ServerBusy
                    | ReasonCode::ConnectionRateExceeded,
                ..
            })
        )
    }

    /// Whether the will is given out: after anything but a plain DISCONNECT [MQTT-3.1.2-8].
    pub fn gives_out_will(&self) -> bool {
        !matches!(self, Reason::Left)
    }

    /// Whether the client itself said goodbye, and so leaves without a time of grace.
    pub fn is_clean(&self) -> bool {
        matches!(self, Reason::Left | Reason::LeftWithWill(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Left => f.write_str("the client disconnected"),
            Reason::LeftWithWill(code) => write!(f, "the client disconnected: {code}"),
            Reason::ConnectionLost => f.write_str("the connection was lost"),
            Reason::ConnectTimeout => f.write_str("connecting took too long"),
            Reason::Refused(refusal) => write!(f, "refused: {}", refusal.text),
            Reason::Malformed(error) => error.fmt(f),
            Reason::Violation { what, clause, .. } => write!(f, "{what} [{clause}]"),
            Reason::KeepAliveTimeout => f.write_str("nothing heard within the keep alive time"),
            Reason::TakenOver => f.write_str("taken over by another connection"),
            Reason::SlowReader => f.write_str("too many messages waiting to be read"),
            Reason::TooFast => f.write_str("messages arrive too fast"),
            Reason::Administrative(why) => f.write_str(why),
            Reason::Unavailable => f.write_str("a message could not be stored now"),
            Reason::ShuttingDown => f.write_str("the server is shutting down"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_value_and_no_other_value_is_a_code() {
        for value in 0..=u8::MAX {
            let listed = ReasonCode::ALL.iter().copied().find(|code| code.value() == value);
            assert_eq!(ReasonCode::from_value(value), listed);
        }
        assert_eq!(ReasonCode::ALL.len(), 43);
    }

    #[test]
    fn failures_never_look_like_success_to_an_older_client() {
        for code in ReasonCode::ALL {
            assert_eq!(code.is_failure(), code.connect_return_code() != 0, "{code}");
            assert_eq!(code.is_failure(), code.subscribe_return_code() == 0x80, "{code}");
        }
    }

    #[test]
    fn connect_return_codes_survive_the_way_there_and_back() {
        for value in 0..=5 {
            let code = ReasonCode::from_connect_return_code(value).expect("0 to 5 are defined");
            assert_eq!(code.connect_return_code(), value);
        }
        assert_eq!(ReasonCode::from_connect_return_code(6), None);
    }

    #[test]
    fn only_a_plain_disconnect_discards_the_will() {
        assert!(!Reason::Left.gives_out_will());
        for reason in [
            Reason::LeftWithWill(ReasonCode::DisconnectWithWill),
            Reason::ConnectionLost,
            Reason::KeepAliveTimeout,
            Reason::TakenOver,
            Reason::ShuttingDown,
        ] {
            assert!(reason.gives_out_will(), "{reason}");
        }
    }

    #[test]
    fn a_client_is_not_invited_back_into_a_take_over_duel() {
        assert!(!Reason::TakenOver.client_should_return());
        assert!(Reason::ShuttingDown.client_should_return());
        let busy = Refusal::new(ReasonCode::ServerBusy, "full");
        assert!(Reason::Refused(busy).client_should_return());
    }
}
