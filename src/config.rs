//! One valid `Config` from `broker.toml`, the environment and flags, in that order.
//!
//! `broker.toml` is the manual: every key stands there, commented, at its default, and is compiled
//! in. An unknown or impossible key is an error that names key, place and the nearest valid one.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

mod layers;
mod optional;
mod secret;
mod valid;

pub use layers::{ConfigError, DEFAULTS, load};
pub use secret::Secret;

/// All settings. The meaning of each stands in `broker.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub mqtt: Mqtt,
    pub router: Router,
    pub bus: Bus,
    pub store: Store,
    pub rooms: Rooms,
    pub presence: Presence,
    pub limits: Limits,
    pub uploads: Uploads,
    pub topics: Topics,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    /// Empty, or as in `/chat`.
    pub base_path: String,
    pub data_dir: PathBuf,
    /// Empty: made once and kept in the data folder.
    pub cookie_secret: Secret,
    pub origins: Vec<String>,
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Language of system messages: `en` or `ko`.
    pub locale: String,
    pub stop_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    pub listen: SocketAddr,
    pub anonymous: bool,
    pub keep_alive_s: u16,
    pub silence_s: u64,
    pub session_expiry_s: u32,
    pub sys_interval_ms: u64,
    pub tls: Tls,
}

/// MQTT over TLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Off without one.
    #[serde(with = "optional")]
    pub listen: Option<SocketAddr>,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// rumqttd's own `RouterConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    pub max_connections: usize,
    pub max_outgoing_packet_count: u64,
    pub max_segment_size: usize,
    pub max_segment_count: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// `embedded`.
    pub engine: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite:`, `sqlite:PATH` or `mongodb://…/db`. May hold a password.
    pub uri: Secret,
    pub wait_ms: u64,
    pub batch: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rooms {
    pub max: usize,
    pub per_identity: usize,
    pub history: u32,
    pub off_record_events: usize,
    pub grants: usize,
    pub bans: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub grace_ms: u64,
    pub unentered_ms: u64,
    pub restart_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub connections: usize,
    pub connections_per_address: usize,
    pub turned_away: usize,
    pub connect_ms: u64,
    pub packet_before_connect: usize,
    pub packet: usize,
    pub packet_other: usize,
    pub inflight: u16,
    pub waiting_publishes: usize,
    pub subscriptions: usize,
    pub filter_bytes: usize,
    pub filter_levels: usize,
    pub client_id_bytes: usize,
    pub user_properties: usize,
    pub topic_aliases: u16,
    pub queued_messages: usize,
    pub queued_bytes: usize,
    pub queued_total_bytes: usize,
    pub control_per_s: u32,
    pub control_burst: u32,
    pub takeovers: u32,
    pub takeover_window_ms: u64,
    pub publish_per_s: u32,
    pub publish_burst: u32,
    pub text_chars: usize,
    pub page: u32,
    pub body: usize,
    pub request_ms: u64,
    pub rooms_per_minute: u32,
    pub rooms_burst: u32,
    pub password_tries: u32,
    pub password_wait_ms: u64,
    pub password_wait_max_ms: u64,
    pub password_window_ms: u64,
    pub password_addresses: usize,
    pub password_hashes: usize,
    pub password_line: usize,
    pub sessions: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    pub dir: PathBuf,
    pub bytes: usize,
    pub pixels: u64,
    pub frames: u32,
    pub total_bytes: u64,
    pub identity_bytes: u64,
    pub off_record_bytes: u64,
    pub off_record_identity_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topics {
    pub open: Vec<String>,
    pub closed: Vec<String>,
    pub retained: usize,
    pub retained_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    /// `auto` (text on a terminal, else JSON), `text` or `json`.
    pub format: String,
}

impl Default for Config {
    /// What `broker.toml` says, untouched by any environment.
    #[allow(clippy::expect_used)] // compiled in, and a test reads it
    fn default() -> Self {
        toml::from_str(DEFAULTS).expect("broker.toml as compiled in is valid")
    }
}
