//! MQTT over WebSocket (section 6): the upgrade, and its messages as a stream of bytes. Packets may
//! span messages or share one [MQTT-6.0.0-2]; a text message ends the connection [MQTT-6.0.0-1].

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{
    Sink, Stream, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use super::{Edge, Peer, driver, meter::Meter};
use crate::bridge::pace::{Bucket, Rate};

/// The subprotocol that a client must offer [MQTT-6.0.0-3].
pub const SUBPROTOCOL: &str = "mqtt";

/// Bytes of one message beyond the largest packet: several packets may share one.
const SLACK: usize = 64 * 1024;
/// Bytes of one read: others get their turn after so many of them.
const READ: usize = 8 * 1024;
/// Bytes that a message's frames may take beyond twice its content; and what a frame without content
/// takes at most.
const HEADS: usize = 16 * 1024;
const HEAD: usize = 14;

/// Answers an upgrade whose origin has been judged. Without the subprotocol: 400. Without a place:
/// 503. `meter` counts what the connection reads.
pub fn upgrade(edge: &Edge, request: WebSocketUpgrade, peer: Peer, meter: Arc<Meter>) -> Response {
    let request = request.protocols([SUBPROTOCOL]);
    if request.selected_protocol().is_none() {
        return (StatusCode::BAD_REQUEST, "offer the subprotocol mqtt").into_response();
    }
    let pass = match edge.admit(peer.address) {
        Ok(pass) => pass,
        Err(crowded) => {
            return (StatusCode::SERVICE_UNAVAILABLE, crowded.to_string()).into_response();
        }
    };
    // A stranger's message may be no larger than a CONNECT and what follows it at once.
    let [stranger, most] =
        [edge.0.limits.max_connect_size, edge.0.limits.max_packet_size].map(|size| size + SLACK);
    let own = edge.clone();
    let request = request.max_message_size(most).max_frame_size(most).read_buffer_size(READ);
    meter.begin(2 * stranger + HEADS);
    request.on_upgrade(move |socket| async move {
        // Counted with the edge's connections: the HTTP server's own stop does not wait for them.
        let serve = own.0.connections.clone().track_future(async move {
            let (reader, writer) = split(socket, own.0.limits.control, Arc::clone(&meter));
            let introduced = || meter.begin(2 * most + HEADS);
            driver::drive(own, peer, reader, writer, introduced).await;
            drop(pass);
        });
        serve.await;
    })
}

fn split(
    socket: WebSocket,
    rate: Rate,
    meter: Arc<Meter>,
) -> (Reader<SplitStream<WebSocket>>, Writer) {
    let (sink, stream) = socket.split();
    let reader = Reader { meter, ..Reader::new(stream, rate) };
    let code = Arc::clone(&reader.code);
    (reader, Writer { sink, code, said_goodbye: false })
}

/// The bytes of binary messages, one after the other, until the first that is not allowed.
pub struct Reader<S> {
    stream: S,
    /// Of the message that is being read.
    rest: Bytes,
    meter: Arc<Meter>,
    /// For messages without content: pings, pongs, empty ones. Above it reading pauses.
    rate: Rate,
    control: Bucket,
    pause: Option<Pin<Box<Sleep>>>,
    /// What the writer is to close with.
    code: Arc<AtomicU16>,
}

impl<S> Reader<S> {
    pub fn new(stream: S, rate: Rate) -> Reader<S> {
        let code = Arc::new(AtomicU16::new(close_code::NORMAL));
        let control = Bucket::full(rate, Instant::now());
        let (rest, meter) = (Bytes::new(), Arc::default());
        Reader { stream, rest, meter, rate, control, pause: None, code }
    }

    /// A message that brings nothing, of so many bytes.
    fn charge(&mut self, bytes: usize) {
        self.meter.earned(bytes + HEAD);
        let now = Instant::now();
        self.control.charge(1, self.rate, now);
        let wait = self.control.wait(self.rate, now);
        self.pause = wait.map(|wait| Box::pin(tokio::time::sleep(wait)));
    }
}

impl<S> AsyncRead for Reader<S>
where
    S: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => {
                    self.meter.earned(2 * bytes.len() + HEADS);
                    self.rest = bytes;
                }
                Some(Ok(Message::Text(_))) => {
                    self.code.store(close_code::UNSUPPORTED, Ordering::Relaxed);
                    let text = "a text message [MQTT-6.0.0-1]";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Ok(Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes))) => {
                    self.charge(bytes.len());
                }
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let count = self.rest.len().min(into.remaining());
        into.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

struct Writer {
    sink: SplitSink<WebSocket, Message>,
    code: Arc<AtomicU16>,
    said_goodbye: bool,
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.sink).poll_ready(context)).map_err(io::Error::other)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        Pin::new(&mut self.sink).start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.sink).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            ready!(Pin::new(&mut self.sink).poll_ready(context)).map_err(io::Error::other)?;
            let code = self.code.load(Ordering::Relaxed);
            let goodbye = Message::Close(Some(CloseFrame { code, reason: "".into() }));
            Pin::new(&mut self.sink).start_send(goodbye).map_err(io::Error::other)?;
            self.said_goodbye = true;
        }
        Pin::new(&mut self.sink).poll_flush(context).map_err(io::Error::other)
    }
}
