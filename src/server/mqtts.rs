//! MQTT over TLS, where it is configured: its certificate and its listener.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{ServerError, listen, local};
use crate::{config::Config, mqtt::tls::Tls};

pub(super) struct Mqtts {
    pub(super) address: SocketAddr,
    pub(super) listener: TcpListener,
    pub(super) tls: Arc<Tls>,
}

/// None when it is off.
pub(super) async fn open(config: &Config) -> Result<Option<Mqtts>, ServerError> {
    let wanted = &config.mqtt.tls;
    let Some(address) = wanted.listen else { return Ok(None) };
    let patience = Duration::from_millis(config.limits.connect_ms);
    let tls = Arc::new(Tls::open(&wanted.certificate, &wanted.key, patience)?);
    let listener = listen("mqtts", address).await?;
    Ok(Some(Mqtts { address: local("mqtts", &listener)?, listener, tls }))
}
