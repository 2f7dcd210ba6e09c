//! The composition root: opens, binds, spawns, waits, and stops in order. A task that ends before
//! it is told to ends the process with an error; a half-alive server is worse than none.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::ws::WebSocketUpgrade,
    routing::{MethodRouter, get},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bridge::{self, Bridge},
    bus,
    config::{Config, Secret},
    mqtt::{self, Edge, Peer, meter::Meter, websocket},
    store::{self, StoreError, files::Files},
    web::{self, Visitor, Web},
};

pub mod backup;
mod http;
mod lock;
mod mqtts;
mod reload;
mod secret;

use http::Http;
use reload::reload_on;

/// Why the server did not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{what} {address} cannot be opened: {source}")]
    Bind { what: &'static str, address: SocketAddr, source: io::Error },
    #[error("the data folder: {0}")]
    Data(io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bridge(#[from] bridge::Fault),
    #[error(transparent)]
    Mqtt(#[from] mqtt::Fault),
    #[error("TLS: {0}")]
    Tls(#[from] mqtt::tls::TlsError),
    #[error("signals cannot be listened for: {0}")]
    Signal(io::Error),
    #[error("the task `{name}` has ended{}", .why.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    Ended { name: &'static str, why: Option<String> },
}

/// Tells the server to stop.
#[derive(Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// On SIGTERM or SIGINT.
    pub fn on_signal() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = Self::default();
        let token = stop.0.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        });
        Ok(stop)
    }

    pub fn now(&self) {
        self.0.cancel();
    }
}

/// A task that must not end by itself, with its name.
type Ended = (&'static str, Option<String>);

/// Runs until it is stopped. Prints one line on standard output when everything listens:
/// `listening http=ADDR mqtt=ADDR`, and ` mqtts=ADDR` when TLS is on.
pub async fn run(config: Config, stop: Stop) -> Result<(), ServerError> {
    let config = Arc::new(config);
    // From here on a hangup ends nothing.
    let hangup = signal(SignalKind::hangup()).map_err(ServerError::Signal)?;
    let _lock = lock::lock(&config.server.data_dir).map_err(ServerError::Data)?;
    let store = store::open(config.store.uri.reveal(), &config.server.data_dir).await?;
    let files = Files::open(&config.uploads.dir, bridge::file_quota(&config.uploads)).await?;
    let bus = bus::open(&config);
    let opened = Bridge::open(&config, Arc::clone(&store), files, Arc::clone(&bus)).await?;
    let (bridge, bridge_tasks) = opened;
    let (edge, edge_tasks) = Edge::open(&config, bridge.clone(), &bus).await?;
    let http = listen("http", config.server.listen).await?;
    let mqtt = listen("mqtt", config.mqtt.listen).await?;
    let (http_at, mqtt_at) = (local("http", &http)?, local("mqtt", &mqtt)?);
    let mqtts = mqtts::open(&config).await?;

    let mut writing: JoinSet<Ended> = JoinSet::new();
    for (name, task) in bridge_tasks {
        writing.spawn(async move { (name, why(task.await)) });
    }
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    for (name, task) in edge_tasks {
        tasks.spawn(async move { (name, why(task.await)) });
    }
    let tcp = edge.clone().serve_tcp(mqtt);
    tasks.spawn(async move { ("mqtt listener", why(tcp.await)) });
    let mut listening = format!("listening http={http_at} mqtt={mqtt_at}");
    let certificate = mqtts.as_ref().map(|mqtts| Arc::clone(&mqtts.tls));
    tasks.spawn(async move { ("hangup", why(reload_on(hangup, certificate).await)) });
    if let Some(mqtts) = mqtts {
        listening += &format!(" mqtts={}", mqtts.address);
        let tls = edge.clone().serve_tls(mqtts.listener, mqtts.tls);
        tasks.spawn(async move { ("mqtts listener", why(tls.await)) });
    }
    let watched = Arc::clone(&bus);
    tasks.spawn(async move { ("bus", Some(watched.stopped().await.to_string())) });

    let secret = cookie_secret(&config)?;
    let web = Web::new(
        bridge.clone(),
        edge.clone(),
        Arc::clone(&config),
        secret.reveal(),
        Some(mqtt_at.port()),
    );
    let requests = TaskTracker::new();
    let accepting = CancellationToken::new();
    let http_server = http_server(&config, &edge, web, &requests, &accepting);
    requests.spawn(http_server.accept(http));
    println!("{listening}");
    tracing::info!("parlor is up: {listening}");

    let outcome = tokio::select! {
        () = stop.0.cancelled() => Ok(()),
        Some(ended) = writing.join_next() => Err(early(ended)),
        Some(ended) = tasks.join_next() => Err(early(ended)),
    };
    let patience = Duration::from_millis(config.server.stop_ms);
    let in_order = async {
        // No newcomers; what is being asked is answered; clients are told, their messages settled.
        accepting.cancel();
        requests.close();
        tokio::join!(edge.stop(patience), requests.wait());
        // Only then the writer: everything that was acknowledged stands before its end.
        bridge.stop();
        while writing.join_next().await.is_some() {}
        store.close().await;
    };
    if tokio::time::timeout(patience, in_order).await.is_err() {
        tracing::warn!("stopping took too long: the rest is cut off");
    }
    outcome
}

fn http_server(
    config: &Config,
    edge: &Edge,
    web: Web,
    requests: &TaskTracker,
    accepting: &CancellationToken,
) -> Arc<Http> {
    Arc::new(Http {
        router: web::router(web, upgrade_to(edge.clone())),
        door: edge.door(),
        porch: edge.porch(),
        trusted: config.server.trusted_proxies.clone(),
        headers_in: Duration::from_millis(config.limits.connect_ms),
        tracker: requests.clone(),
        stop: accepting.clone(),
    })
}

/// Answers `GET /mqtt`, for whom the web layer has looked at already.
fn upgrade_to(edge: Edge) -> MethodRouter<Arc<Web>> {
    get(
        async move |visitor: Visitor,
                    meter: Option<Extension<Arc<Meter>>>,
                    request: WebSocketUpgrade| {
            let browser = visitor.known.then(|| (*visitor.identity).clone());
            let peer = Peer::websocket(visitor.address, browser);
            let meter = meter.map(|Extension(meter)| meter).unwrap_or_default();
            websocket::upgrade(&edge, request, peer, meter)
        },
    )
}

fn why<E: std::fmt::Display>(ended: Result<(), E>) -> Option<String> {
    ended.err().map(|fault| fault.to_string())
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServerError::Bind { what, address, source })
}

fn local(what: &'static str, listener: &TcpListener) -> Result<SocketAddr, ServerError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|source| ServerError::Bind { what, address: unknown, source })
}

fn early(ended: Result<Ended, tokio::task::JoinError>) -> ServerError {
    match ended {
        Ok((name, why)) => ServerError::Ended { name, why },
        Err(error) => ServerError::Ended { name: "task", why: Some(error.to_string()) },
    }
}

fn cookie_secret(config: &Config) -> Result<Secret, ServerError> {
    if config.server.cookie_secret.reveal().is_empty() {
        return secret::kept_in(&config.server.data_dir).map_err(ServerError::Data);
    }
    Ok(config.server.cookie_secret.clone())
}
