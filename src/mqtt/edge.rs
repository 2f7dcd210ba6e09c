//! The edge put together: what all connections share, its tasks, its stop.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connection::publish_will,
    counters::Counters,
    door::{Crowded, Door, Pass},
    filter::{Filter, TopicError, TopicLimits},
    hub::Hub,
    mailbox::MailboxLimits,
    plain::{PlainTopics, RetainLimits},
    policy::Policy,
    session::Limits,
    sessions::{Over, SessionLimits, Sessions},
    sys, tcp,
    tls::Tls,
};
use crate::{
    bridge::{Bridge, pace::Rate},
    bus::{SharedBus, Stopped},
    config::Config,
};

/// Why the edge cannot go on. The process ends with it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Bus(#[from] Stopped),
    #[error("[topics] {key}: the filter {filter} {error}")]
    TopicFilter { key: &'static str, filter: String, error: TopicError },
    #[error("cannot accept connections: {0}")]
    Listener(#[from] io::Error),
}

/// A task of the edge. When one ends before it is stopped, the process must end.
pub type Task = (&'static str, BoxFuture<'static, Result<(), Fault>>);

/// A cheap handle to the edge.
#[derive(Clone)]
pub struct Edge(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) bridge: Bridge,
    pub(super) hub: Hub,
    pub(super) sessions: Sessions,
    pub(super) policy: Policy,
    pub(super) limits: Arc<Limits>,
    pub(super) directory: Arc<PlainTopics>,
    pub(super) sys: PlainTopics,
    pub(super) open: PlainTopics,
    pub(super) counters: Counters,
    pub(super) door: Arc<Door>,
    /// For those who are told that there is no place for them.
    pub(super) porch: Arc<Door>,
    pub(super) anonymous: bool,
    /// Characters of a message.
    pub(super) text_chars: usize,
    /// Events fetched at once.
    pub(super) page: u32,
    pub(super) stop: CancellationToken,
    /// Set with `stop`, whose own state is behind a lock.
    pub(super) stopping: AtomicBool,
    pub(super) connections: TaskTracker,
}

/// A card is some 300 bytes; the number of rooms is limited by the bridge.
const CARDS: RetainLimits = RetainLimits { messages: usize::MAX, bytes: usize::MAX };
const SYS: RetainLimits = RetainLimits { messages: 1000, bytes: 1 << 20 };

impl Edge {
    /// Subscribes to the bus and starts nothing: the caller runs the tasks.
    pub async fn open(
        config: &Config,
        bridge: Bridge,
        bus: &SharedBus,
    ) -> Result<(Edge, Vec<Task>), Fault> {
        let limits = session_limits(config);
        let policy = Policy {
            open: filters("open", &config.topics.open, limits.topic)?,
            closed: filters("closed", &config.topics.closed, limits.topic)?,
        };
        let directory = Arc::new(PlainTopics::new(CARDS));
        let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let shown = Arc::clone(&directory);
        let (hub, mut tasks) = Hub::start(bridge.clone(), bus, shown, workers).await?;
        let door = Door::new(config.limits.connections, config.limits.connections_per_address);
        let retained =
            RetainLimits { messages: config.topics.retained, bytes: config.topics.retained_bytes };
        let shared = Arc::new(Shared {
            bridge,
            hub,
            sessions: Sessions::new(sessions_limits(config)),
            policy,
            limits: Arc::new(limits),
            directory,
            sys: PlainTopics::new(SYS),
            open: PlainTopics::new(retained),
            counters: Counters::default(),
            door,
            porch: Door::new(config.limits.turned_away, 0),
            anonymous: config.mqtt.anonymous,
            text_chars: config.limits.text_chars,
            page: config.limits.page,
            stop: CancellationToken::new(),
            stopping: AtomicBool::new(false),
            connections: TaskTracker::new(),
        });
        let edge = Edge(shared);
        let interval = Duration::from_millis(config.mqtt.sys_interval_ms.max(1));
        tasks.push(("sessions", Box::pin(end_sessions(edge.clone()))));
        tasks.push(("$SYS", Box::pin(sys::publish_all(edge.clone(), interval))));
        Ok((edge, tasks))
    }

    /// Accepts connections from `listener` until the edge is stopped.
    pub async fn serve_tcp(self, listener: tokio::net::TcpListener) -> Result<(), Fault> {
        tcp::accept_all(self, listener, None).await
    }

    /// The same, over TLS.
    pub async fn serve_tls(
        self,
        listener: tokio::net::TcpListener,
        tls: Arc<Tls>,
    ) -> Result<(), Fault> {
        tcp::accept_all(self, listener, Some(tls)).await
    }

    /// A place for one more connection, or why there is none.
    pub fn admit(&self, address: std::net::IpAddr) -> Result<Pass, Crowded> {
        let pass = self.0.door.enter(address);
        if pass.is_err() {
            self.0.counters.connections_refused.add(1);
        }
        pass
    }

    /// Counts the connections of every kind.
    pub fn door(&self) -> Arc<Door> {
        Arc::clone(&self.0.door)
    }

    /// Counts those who are told that there is no place for them.
    pub fn porch(&self) -> Arc<Door> {
        Arc::clone(&self.0.porch)
    }

    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Tells every client and waits until all have gone and their messages are settled, or until
    /// `patience` is over: then what is left is cut off with the process.
    pub async fn stop(&self, patience: Duration) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.stop.cancel();
        self.0.connections.close();
        if tokio::time::timeout(patience, self.0.connections.wait()).await.is_err() {
            tracing::warn!(left = self.0.connections.len(), "connections did not end in time");
        }
    }

    /// Ends what is left of a session.
    pub(super) async fn end(&self, over: Over) {
        if let Some(id) = over.id {
            self.0.open.forget(id);
            self.0.hub.forget(id);
        }
        if let Some(will) = over.will {
            publish_will(self, will).await;
        }
    }
}

async fn end_sessions(edge: Edge) -> Result<(), Fault> {
    loop {
        let over = tokio::select! {
            () = edge.0.stop.cancelled() => return Ok(()),
            over = edge.0.sessions.over() => over,
        };
        for one in over {
            edge.end(one).await;
        }
    }
}

fn filters(key: &'static str, texts: &[String], limits: TopicLimits) -> Result<Vec<Filter>, Fault> {
    let parsed = texts.iter().map(|text| {
        let unfit = |error| Fault::TopicFilter { key, filter: text.clone(), error };
        Filter::parse(text, limits).map_err(unfit)
    });
    parsed.collect()
}

fn sessions_limits(config: &Config) -> SessionLimits {
    let limits = &config.limits;
    SessionLimits {
        away: limits.sessions,
        mailbox: MailboxLimits { messages: limits.queued_messages, bytes: limits.queued_bytes },
        waiting: limits.queued_total_bytes,
        takeovers: limits.takeovers,
        takeover_window: Duration::from_millis(limits.takeover_window_ms),
    }
}

fn session_limits(config: &Config) -> Limits {
    let limits = &config.limits;
    let connect = Duration::from_millis(limits.connect_ms);
    let store = Duration::from_millis(config.store.wait_ms);
    Limits {
        connect_timeout: connect,
        authentication_timeout: connect + store,
        max_connect_size: limits.packet_before_connect,
        max_packet_size: limits.packet,
        max_other_size: limits.packet_other,
        max_user_properties: limits.user_properties,
        max_client_id_bytes: limits.client_id_bytes,
        receive_maximum: limits.inflight,
        max_unreleased: usize::from(limits.inflight) * 4,
        max_unsettled_publishes: limits.waiting_publishes,
        topic_alias_maximum: limits.topic_aliases,
        control: Rate::new(limits.control_per_s.into(), limits.control_burst),
        max_inflight: limits.inflight,
        max_queued: limits.queued_messages,
        max_queued_bytes: limits.queued_bytes,
        max_subscriptions: limits.subscriptions,
        max_filters_per_packet: limits.subscriptions,
        topic: TopicLimits { max_bytes: limits.filter_bytes, max_levels: limits.filter_levels },
        max_keep_alive_s: config.mqtt.keep_alive_s,
        max_silence_v4: Duration::from_secs(config.mqtt.silence_s),
        max_session_expiry_s: config.mqtt.session_expiry_s,
        max_will_delay_s: config.mqtt.session_expiry_s,
    }
}
