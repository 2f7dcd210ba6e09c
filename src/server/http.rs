//! The HTTP listener: accepts, counts, and serves each connection with a deadline for its headers,
//! so that a silent or slow one costs a socket for a while and nothing else.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::mqtt::{
    door::{Crowded, Door, Pass},
    meter::{Meter, Metered},
};

/// Headers at most; the bytes of them are bounded by the buffer.
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 32 * 1024;

/// After a failed accept, as when there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Http {
    pub router: Router,
    /// Counts connections of every kind.
    pub door: Arc<Door>,
    /// Counts those who are told that there is no place; in a flood silence is the answer.
    pub porch: Arc<Door>,
    /// Proxies: many clients come from each, and are counted when they open `/mqtt`.
    pub trusted: Vec<IpAddr>,
    /// For the request's headers, also for the next request of a connection.
    pub headers_in: Duration,
    pub tracker: TaskTracker,
    /// Ends the accepting, and asks idle connections to close.
    pub stop: CancellationToken,
}

impl Http {
    pub async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, peer) = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "an HTTP connection could not be accepted");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                },
            };
            let address = peer.ip().to_canonical();
            let pass = match self.trusted.contains(&address) {
                true => Ok(None),
                false => self.door.enter(address).map(Some),
            };
            match pass {
                Ok(pass) => {
                    self.tracker.spawn(Arc::clone(&self).serve(stream, peer, pass));
                }
                Err(crowded) => {
                    tracing::info!(address = %peer.ip(), %crowded, "HTTP connection refused");
                    if let Ok(pass) = self.porch.enter(address) {
                        self.tracker.spawn(refuse(stream, crowded, pass));
                    }
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, pass: Option<Pass>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no delay could not be set");
        }
        // An upgraded connection outlives this task: the pass goes along in the request.
        let pass = Arc::new(pass);
        let meter = Arc::<Meter>::default();
        let stream = Metered::new(stream, Arc::clone(&meter));
        let router = self.router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(Arc::clone(&pass));
            request.extensions_mut().insert(Arc::clone(&meter));
            router.clone().oneshot(request)
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.headers_in)
            .max_headers(HEADERS)
            .max_buf_size(HEADER_BYTES);
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, address = %peer.ip(), "an HTTP connection failed");
        }
    }
}

async fn refuse(mut stream: TcpStream, crowded: Crowded, _pass: Pass) {
    let status = match crowded {
        Crowded::Everywhere => "503 Service Unavailable",
        Crowded::FromThere => "429 Too Many Requests",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nretry-after: 10\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let told = async {
        // An answer before the question is not understood. Closed with a request unread, the
        // connection would be reset, and the answer lost with it.
        let mut request = [0; 4096];
        if stream.read(&mut request).await? == 0 {
            return Ok(());
        }
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        while stream.read(&mut request).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), told).await {
        tracing::debug!(%error, "a refusal could not be written");
    }
}

#[cfg(test)]
mod tests;
