//! Everything that one client may use up, in one place.

use std::time::Duration;

use crate::{bridge::pace::Rate, mqtt::filter::TopicLimits};

/// The limits of a session. The shell fills them from the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// From the opening of the transport to a complete CONNECT.
    pub connect_timeout: Duration,
    /// From the CONNECT to the shell's answer.
    pub authentication_timeout: Duration,
    /// Bytes of a CONNECT.
    pub max_connect_size: usize,
    /// Bytes of a PUBLISH; told to clients of MQTT 5.
    pub max_packet_size: usize,
    /// Bytes of any other packet; its parts cost more memory than they have bytes.
    pub max_other_size: usize,
    /// User properties of one packet.
    pub max_user_properties: usize,
    /// Bytes of a client id.
    pub max_client_id_bytes: usize,
    /// Publishes at QoS 1 and 2 that a client of MQTT 5 may have unacknowledged; above it 0x93.
    pub receive_maximum: u16,
    /// QoS 2 identifiers that a client of MQTT 3.1.1 may leave unreleased; above it the end.
    pub max_unreleased: usize,
    /// Publishes, of any QoS, that wait for their commit; at it reading pauses.
    pub max_unsettled_publishes: usize,
    /// Topic aliases that a client may define.
    pub topic_alias_maximum: u16,
    /// What is asked for besides publishing; above it reading pauses.
    pub control: Rate,
    /// Deliveries at QoS 1 and 2 on their way; the client's receive maximum may lower it.
    pub max_inflight: u16,
    /// Deliveries behind the window; above it the session ends with 0x97.
    pub max_queued: usize,
    /// Bytes of topics and payloads behind the window; above it likewise.
    pub max_queued_bytes: usize,
    /// Subscriptions of a session; above it SUBACK 0x97.
    pub max_subscriptions: usize,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE; the rest gets 0x97.
    pub max_filters_per_packet: usize,
    pub topic: TopicLimits,
    /// Seconds; replaces 0 and larger values of MQTT 5 clients.
    pub max_keep_alive_s: u16,
    /// How long a client of MQTT 3.1.1 may be silent, whatever it announced: it cannot be told.
    pub max_silence_v4: Duration,
    /// Seconds; also what Clean Session 0 means in MQTT 3.1.1.
    pub max_session_expiry_s: u32,
    /// Seconds.
    pub max_will_delay_s: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect_timeout: Duration::from_secs(10),
            authentication_timeout: Duration::from_secs(10),
            max_connect_size: 8 * 1024,
            max_packet_size: 256 * 1024,
            max_other_size: 128 * 1024,
            max_user_properties: 32,
            max_client_id_bytes: 256,
            receive_maximum: 64,
            max_unreleased: 1024,
            max_unsettled_publishes: 128,
            topic_alias_maximum: 16,
            control: Rate::new(0.0, 1),
            max_inflight: 64,
            max_queued: 1024,
            max_queued_bytes: 4 * 1024 * 1024,
            max_subscriptions: 256,
            max_filters_per_packet: 64,
            topic: TopicLimits::default(),
            max_keep_alive_s: 600,
            max_silence_v4: Duration::from_secs(24 * 60 * 60),
            max_session_expiry_s: 24 * 60 * 60,
            max_will_delay_s: 60 * 60,
        }
    }
}
