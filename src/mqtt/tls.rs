//! TLS 1.2 and 1.3 in front of MQTT: the certificate, read at the start and again when told to.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    },
    server::TlsStream,
};

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: pem::Error },
    #[error("{certificate} and {key}: {source}")]
    Unfit { certificate: PathBuf, key: PathBuf, source: rustls::Error },
}

/// What TLS connections are accepted with.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    patience: Duration,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads both PEM files. `patience`: for a handshake.
    pub fn open(certificate: &Path, key: &Path, patience: Duration) -> Result<Tls, TlsError> {
        let current = RwLock::new(load(certificate, key)?);
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Ok(Tls { certificate, key, patience, current })
    }

    /// Reads the files again, for connections to come; when they are no good, all stays as it is.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = load(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// None when the client fails, or takes too long.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let handshake = TlsAcceptor::from(current).accept(stream);
        match tokio::time::timeout(self.patience, handshake).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(at(certificate))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(at(certificate))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(at(key))?;
    let unfit = |source| {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        TlsError::Unfit { certificate, key, source }
    };
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map(Arc::new)
        .map_err(unfit)
}
