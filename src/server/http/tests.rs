//! Raw bytes against the HTTP listener.

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    time::timeout,
};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(60);

struct Lab {
    address: SocketAddr,
    stop: CancellationToken,
    tracker: TaskTracker,
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
    let tracker = TaskTracker::new();
    let address = listener.local_addr().unwrap();
    let http = Arc::new(Http {
        router,
        door: Door::new(places, 0),
        porch: Door::new(10, 0),
        trusted: Vec::new(),
        headers_in: patience,
        tracker: tracker.clone(),
        stop: stop.clone(),
    });
    tracker.spawn(http.accept(listener));
    Lab { address, stop, tracker, go, begun }
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
        self.tracker.close();
        timeout(DEADLINE, self.tracker.wait()).await.unwrap();
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
    assert!(lab.said_to(ASK).await.starts_with("HTTP/1.1 503"));
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
    lab.tracker.close();
    timeout(DEADLINE, lab.tracker.wait()).await.unwrap();
    assert!(TcpStream::connect(lab.address).await.is_err());
}
