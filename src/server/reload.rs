//! SIGHUP: what can be read again is, while all links stay. That is the certificate; settings are
//! for the next start.

use std::{convert::Infallible, sync::Arc};

use tokio::signal::unix::Signal;

use crate::mqtt::tls::Tls;

/// Ends only when signals do.
pub(super) async fn reload_on(
    mut hangup: Signal,
    certificate: Option<Arc<Tls>>,
) -> Result<(), Infallible> {
    while hangup.recv().await.is_some() {
        match certificate.as_ref().map(|tls| tls.reload()) {
            Some(Ok(())) => tracing::info!("SIGHUP: the certificate was read again"),
            Some(Err(error)) => tracing::error!(%error, "SIGHUP: the old certificate stays"),
            None => tracing::info!("SIGHUP: there is no certificate to read again"),
        }
    }
    Ok(())
}
