//! MQTT over TLS, where it is configured: its listener, and SIGHUP, which reads the certificate
//! again while links stay.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use super::{Ended, ServerError, listen, local, why};
use crate::{
    config::Config,
    mqtt::{Edge, tls::Tls},
};

pub(super) struct Mqtts {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    tls: Arc<Tls>,
    hangup: Signal,
}

/// None when it is off.
pub(super) async fn open(config: &Config) -> Result<Option<Mqtts>, ServerError> {
    let wanted = &config.mqtt.tls;
    let Some(address) = wanted.listen else { return Ok(None) };
    let patience = Duration::from_millis(config.limits.connect_ms);
    let tls = Arc::new(Tls::open(&wanted.certificate, &wanted.key, patience)?);
    let hangup = signal(SignalKind::hangup()).map_err(ServerError::Signal)?;
    let listener = listen("mqtts", address).await?;
    Ok(Some(Mqtts { address: local("mqtts", &listener)?, listener, tls, hangup }))
}

impl Mqtts {
    pub(super) fn spawn(self, edge: Edge, tasks: &mut JoinSet<Ended>) {
        let Mqtts { listener, tls, hangup, .. } = self;
        let serving = edge.serve_tls(listener, Arc::clone(&tls));
        tasks.spawn(async move { ("mqtts listener", why(serving.await)) });
        tasks.spawn(async move { ("certificate", why(reload_on(hangup, &tls).await)) });
    }
}

async fn reload_on(mut hangup: Signal, tls: &Tls) -> io::Result<()> {
    while hangup.recv().await.is_some() {
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(%error, "the old certificate stays"),
        }
    }
    Ok(())
}
