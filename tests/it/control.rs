//! What asks without saying anything: pings, subscriptions that come and go, frames without content.
//! It is read more slowly, and costs nobody else anything.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    packet::{self, frame, text},
    visitor::texts,
    websocket, within,
};

/// Fifty at once, then a hundred a second: two hundred take a second and a half. Only the lower bound
/// is looked at, which no slow machine breaks.
const SETTINGS: [(&str, &str); 2] =
    [("PARLOR_LIMITS__CONTROL_PER_S", "100"), ("PARLOR_LIMITS__CONTROL_BURST", "50")];
const COUNT: usize = 200;
const AT_LEAST: Duration = Duration::from_millis(1450);

#[tokio::test]
async fn a_flood_of_pings_or_subscriptions_is_read_more_slowly_and_holds_nobody_up() {
    let settings = [&SETTINGS[..], &[("PARLOR_TOPICS__OPEN", "a/#")]].concat();
    let server = Server::with(Store::Sqlite, &settings).await;
    let mut other = Peer::connect(&server, &Login::v5("other")).await;
    let begun = Instant::now();
    let pings = async {
        let mut flood = Peer::connect(&server, &Login::v4("pings")).await;
        flood.send(&packet::PINGREQ.repeat(COUNT)).await;
        for _ in 0..COUNT {
            assert_eq!(flood.packet().await.unwrap().kind, packet::PINGRESP);
        }
        begun.elapsed()
    };
    let churn = async {
        let mut flood = Peer::connect(&server, &Login::v5("churn")).await;
        let filters = |option: &[u8]| {
            let each = |number| [text(format!("a/{number}")), option.to_vec()].concat();
            [vec![0, 1, 0], (0..20).flat_map(each).collect()].concat()
        };
        let both = [frame(0x82, &filters(&[1])), frame(0xA2, &filters(&[]))].concat();
        flood.send(&both.repeat(COUNT / 40)).await;
        for _ in 0..COUNT / 40 {
            assert_eq!(flood.packet().await.unwrap().kind, packet::SUBACK);
            assert_eq!(flood.packet().await.unwrap().kind, packet::UNSUBACK);
        }
        // The last of them is worked off before anything else is read.
        flood.ping().await;
        begun.elapsed()
    };
    let acknowledgements = async {
        let mut flood = Peer::connect(&server, &Login::v5("acknowledgements")).await;
        flood.send(&[&[0x40, 2, 0, 9][..], &[0x62, 2, 0, 9]].concat().repeat(COUNT / 2)).await;
        flood.ping_after(packet::PUBCOMP).await;
        begun.elapsed()
    };
    let others = async {
        for _ in 0..10 {
            other.ping().await;
        }
    };
    let (pings, churn, acknowledgements, ()) = tokio::join!(pings, churn, acknowledgements, others);
    for took in [pings, churn, acknowledgements] {
        assert!(took >= AT_LEAST, "{took:?}");
    }
}

#[tokio::test]
async fn frames_without_content_are_read_more_slowly() {
    let server = Server::with(Store::Sqlite, &SETTINGS).await;
    let flood = async |name: &str, message: Message| {
        let mut socket = websocket::socket(&server, None).await;
        socket.send(Message::binary(Login::v5(name).packet())).await.unwrap();
        let begun = Instant::now();
        let (mut out, mut back) = socket.split();
        let sending = async {
            for _ in 0..COUNT {
                out.send(message.clone()).await.unwrap();
            }
            out.send(Message::binary(packet::PINGREQ)).await.unwrap();
        };
        let answered = async {
            loop {
                let frame = back.next().await.expect("an answer").unwrap();
                if frame.is_binary() && frame.into_data()[0] >> 4 == packet::PINGRESP {
                    return begun.elapsed();
                }
            }
        };
        within("an answer", async { tokio::join!(sending, answered).1 }).await
    };
    let (pings, pongs, empty) = tokio::join!(
        flood("pings", Message::Ping("x".into())),
        flood("pongs", Message::Pong("x".into())),
        flood("empty", Message::binary(vec![])),
    );
    for took in [pings, pongs, empty] {
        assert!(took >= AT_LEAST, "{took:?}");
    }
}

/// A frame from a client, masked with nothing.
fn masked(first: u8, content: &[u8]) -> Vec<u8> {
    let length = match u16::try_from(content.len()).unwrap() {
        short @ 0..126 => vec![0x80 | short as u8],
        long => [&[0xFE][..], &long.to_be_bytes()].concat(),
    };
    [&[first][..], &length, &[0; 4], content].concat()
}

/// A WebSocket of bytes, whose upgrade has been asked for.
async fn raw(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let upgrade = format!(
        "GET /mqtt HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n",
        server.http
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server has said this.
async fn until_said(stream: &mut TcpStream, wanted: &[u8]) {
    let mut all = Vec::new();
    let said = async {
        while !all.windows(wanted.len()).any(|part| part == wanted) {
            assert!(stream.read_buf(&mut all).await.unwrap() > 0, "the end, after {all:x?}");
        }
    };
    within("what the server says", said).await;
}

#[tokio::test]
async fn ten_thousand_control_frames_end_their_connection_and_cost_no_memory() {
    let server = Server::with(Store::Sqlite, &SETTINGS).await;
    let mut other = websocket::page(&server, &Visitor::to(&server), "other").await;
    let before = crate::floods::resident(&server);
    let mut stream = raw(&server).await;
    let login = Login { keep_alive: 1, ..Login::v5("flood") }.packet();
    stream.write_all(&masked(0x82, &login)).await.unwrap();
    until_said(&mut stream, &[0x20]).await;
    let (mut from, mut to) = stream.split();
    let flood = masked(0x89, &[b'x'; 125]).repeat(10_000);
    // It is not read, so it is not heard, and the keep alive ends it.
    let mut answers = Vec::new();
    let both = async { tokio::join!(to.write_all(&flood), from.read_to_end(&mut answers)) };
    within("the end", both).await.1.ok();
    other.ping().await;
    let after = crate::floods::resident(&server);
    assert!(after < before + 16, "from {before} to {after} MiB");
    let pongs = answers.len() / 127;
    assert!(pongs < 1000, "{pongs} pongs");
}

#[tokio::test]
async fn a_packet_may_come_in_fragments_with_pings_between_and_may_not_grow_for_ever() {
    let settings = [("PARLOR_LIMITS__PACKET", "20000"), ("PARLOR_LIMITS__CONTROL_PER_S", "0")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut stream = raw(&server).await;
    let publish = [text(format!("chat/{room}")), vec![0, 7, 0], b"in pieces".to_vec()].concat();
    let all = [Login::v5("x").packet(), frame(0x32, &publish)].concat();
    let mut frames = Vec::new();
    for (number, byte) in all.iter().enumerate() {
        let kind = if number == 0 { 2 } else { 0 };
        let last = if number + 1 == all.len() { 0x80 } else { 0 };
        frames.extend(masked(last | kind, &[*byte]));
        frames.extend(masked(0, &[]).repeat(usize::from(last == 0)));
        frames.extend(masked(0x89, b"between"));
    }
    stream.write_all(&frames).await.unwrap();
    until_said(&mut stream, &[0x40]).await;
    assert_eq!(texts(&host.chats(&room).await), ["in pieces"]);
    // A message is as large as a packet and a little more, and its heads are not much larger.
    let piece = vec![0; 10_000];
    let pieces = [masked(2, &piece), masked(0, &piece).repeat(20)].concat();
    let nothings = [masked(2, &[]), masked(0, &[]).repeat(100_000)].concat();
    let mut other = raw(&server).await;
    other.write_all(&masked(0x82, &Login::v5("y").packet())).await.unwrap();
    until_said(&mut other, &[0x20]).await;
    for (stream, bytes) in [(&mut stream, pieces), (&mut other, nothings)] {
        let mut rest = Vec::new();
        let (mut from, mut to) = stream.split();
        let both = async { tokio::join!(to.write_all(&bytes), from.read_to_end(&mut rest)) };
        within("the end", both).await.1.ok();
    }
    assert_eq!(host.chats(&room).await.len(), 1);
}
