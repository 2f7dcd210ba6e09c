//! Accepts HTTP connections within their limits, until it is told to stop. What a request means is
//! the router's.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

/// Header lines of one request, and bytes of them all; beyond either it is answered with 431.
const HEADERS: usize = 100;
const HEADER_BYTES: usize = 64 * 1024;

/// Out of file descriptors, or alike: waits for connections to end instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
                      content-length: 0\r\n\r\n";

/// Serves until `stop`; then lets the requests under way finish and returns. The caller bounds how
/// long that may take.
///
/// `admit` gives what is held while a connection is open, or nothing when there is no place: then
/// the answer is 503. `patience` bounds how long a request's header may take, and an idle
/// connection. A connection that becomes a WebSocket is the upgrader's from then on.
pub async fn serve<Place: Send + 'static>(
    listener: TcpListener,
    router: Router,
    patience: Duration,
    admit: impl Fn(IpAddr) -> Option<Place>,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match admit(peer.ip().to_canonical()) {
                Some(place) => {
                    let connection = converse(stream, peer, router.clone(), patience, stop.clone());
                    connections.spawn(async {
                        connection.await;
                        drop(place);
                    });
                }
                None => refuse(&stream, peer),
            },
            Err(error) if is_theirs(&error) => {
                tracing::debug!(%error, "gone before it was accepted")
            }
            Err(error) => {
                tracing::warn!(%error, "no HTTP connection can be accepted now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Whether only that one connection failed.
fn is_theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Says it once, without waiting for anybody.
fn refuse(stream: &TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.try_write(BUSY) {
        tracing::debug!(%error, %peer, "refused without a word");
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    patience: Duration,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "the connection is gone already");
        return;
    }
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "an HTTP connection ended badly");
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.call(request).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::Notify,
        task::JoinHandle,
        time::timeout,
    };

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);
    const LONG: Duration = Duration::from_secs(60);

    struct Lab {
        address: SocketAddr,
        stop: CancellationToken,
        served: JoinHandle<()>,
        /// Lets `GET /slow` answer.
        go: Arc<Notify>,
        /// Told when `GET /slow` has begun.
        begun: Arc<Notify>,
    }

    async fn lab(patience: Duration, places: usize) -> Lab {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stop, go, begun) = (CancellationToken::new(), Arc::default(), Arc::default());
        let (wait, begin): (Arc<Notify>, Arc<Notify>) = (Arc::clone(&go), Arc::clone(&begun));
        let slow = async move || {
            begin.notify_one();
            wait.notified().await;
            "done"
        };
        let who = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
        let router = Router::new().route("/", get(who)).route("/slow", get(slow));
        let places = Arc::new(tokio::sync::Semaphore::new(places));
        let admit = move |_| Arc::clone(&places).try_acquire_owned().ok();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(serve(listener, router, patience, admit, stop.clone()));
        Lab { address, stop, served, go, begun }
    }

    impl Lab {
        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }

        /// What the server says to these bytes, until it closes.
        async fn said_to(&self, bytes: &[u8]) -> String {
            let mut stream = self.connect().await;
            stream.write_all(bytes).await.unwrap();
            rest(stream).await
        }

        async fn end(self) {
            self.stop.cancel();
            timeout(DEADLINE, self.served).await.unwrap().unwrap();
        }
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut said = Vec::new();
        let read = timeout(DEADLINE, stream.read_to_end(&mut said)).await.unwrap();
        // A reset is an end too.
        read.unwrap_or_default();
        String::from_utf8(said).unwrap()
    }

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_request_knows_where_it_comes_from() {
        let lab = lab(LONG, 8).await;
        assert!(lab.said_to(ASK).await.ends_with("\r\n\r\n127.0.0.1"));
        lab.end().await;
    }

    #[tokio::test]
    async fn a_header_that_never_ends_is_cut_off() {
        let lab = lab(Duration::from_millis(50), 8).await;
        assert_eq!(lab.said_to(b"GET / HTTP/1.1\r\nhost: ").await, "");
        assert_eq!(lab.said_to(b"").await, "");
        lab.end().await;
    }

    #[tokio::test]
    async fn strange_bytes_end_their_own_connection_only() {
        let lab = lab(LONG, 8).await;
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(HEADERS + 1));
        let large = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(2 * HEADER_BYTES));
        for (bytes, status) in [
            (b"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00\r\n\r\n".as_slice(), "400"),
            (b"GET / HTTP/9.9\r\n\r\n", "400"),
            (b"GET /\0 HTTP/1.1\r\n\r\n", "400"),
            (b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "400"),
            (many.as_bytes(), "431"),
            (large.as_bytes(), "431"),
        ] {
            let said = lab.said_to(bytes).await;
            assert_eq!(said.get(9..12), Some(status), "{said}");
        }
        assert!(lab.said_to(ASK).await.starts_with("HTTP/1.1 200 OK"));
        lab.end().await;
    }

    #[tokio::test]
    async fn without_a_place_the_answer_is_503_until_somebody_goes() {
        let lab = lab(LONG, 1).await;
        let mut first = lab.connect().await;
        first.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        lab.begun.notified().await;
        assert!(rest(lab.connect().await).await.starts_with("HTTP/1.1 503"));
        drop(first);
        lab.go.notify_one();
        let free = async {
            while !lab.said_to(ASK).await.starts_with("HTTP/1.1 200") {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, free).await.unwrap();
        lab.end().await;
    }

    #[tokio::test]
    async fn stopping_lets_a_request_finish_and_takes_no_other() {
        let lab = lab(LONG, 8).await;
        let idle = lab.connect().await;
        let mut busy = lab.connect().await;
        busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        lab.begun.notified().await;
        lab.stop.cancel();
        assert_eq!(rest(idle).await, "");
        lab.go.notify_one();
        assert!(rest(busy).await.ends_with("done"));
        timeout(DEADLINE, lab.served).await.unwrap().unwrap();
        assert!(TcpStream::connect(lab.address).await.is_err());
    }
}
