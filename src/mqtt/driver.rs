//! The only loop that moves bytes: reads, decodes, lets the connection act, writes. One task for
//! each client; it never waits for one of them alone, so a client that does not read cannot stop
//! what it sends from being settled, nor the other way round.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::atomic::Ordering,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::Sleep,
};
use tokio_util::{io::poll_write_buf, sync::WaitForCancellationFutureOwned};

use super::{Edge, auth::Peer, codec::decode, connection::Connection, reason::Reason};

/// Bytes that may wait to be written; above it nothing more is taken in or handed over.
const OUTPUT: usize = 64 * 1024;
/// Bytes read ahead while no packet is accepted.
const READ_AHEAD: usize = 16 * 1024;
/// Bytes of one read. On the stack, so that a connection that rests holds no buffer.
const CHUNK: usize = 4 * 1024;
/// An empty buffer above this is given back.
const KEPT: usize = 1024;
/// For the last words, and for the client to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

struct Driver<R, W, F> {
    edge: Edge,
    connection: Connection,
    reader: R,
    writer: W,
    /// Called with the client's first packet.
    introduced: Option<F>,
    input: BytesMut,
    output: BytesMut,
    /// Written and not flushed.
    unflushed: bool,
    /// The client sends no more.
    at_end: bool,
    /// The client takes no more: what is written is dropped until it is seen to have gone.
    deaf: bool,
    stop: Stop,
    alarm: Alarm,
}

/// Serves one client until it has gone and everything it sent is settled. `introduced` is called when
/// its first packet, which is small, has come whole: the next may be as large as the limits let it.
pub(super) async fn drive<R, W, F>(edge: Edge, peer: Peer, reader: R, writer: W, introduced: F)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    F: FnOnce(),
{
    let connection = Connection::new(edge.clone(), peer, Instant::now());
    let mut driver = Driver {
        stop: Stop::of(&edge),
        alarm: Alarm::default(),
        edge,
        connection,
        reader,
        writer,
        introduced: Some(introduced),
        input: BytesMut::new(),
        output: BytesMut::new(),
        unflushed: false,
        at_end: false,
        deaf: false,
    };
    driver.run().await;
    // In a box: a task is as large as its largest moment, and most of its life it rests.
    Box::pin(driver.end()).await;
}

/// Writes what is left, closes our side, and lets the client close its own, so that the last words
/// are not lost with the connection.
async fn say_farewell<R, W>(reader: &mut R, writer: &mut W, output: &mut BytesMut, at_end: bool)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let written = async {
        writer.write_all_buf(output).await?;
        writer.flush().await?;
        writer.shutdown().await
    };
    if let Err(error) = written.await {
        tracing::debug!(%error, "the last words were not taken");
        return;
    }
    let mut left = 1 << 20;
    let mut nobody = [0; CHUNK];
    while !at_end && left > 0 {
        match reader.read(&mut nobody).await {
            Ok(0) | Err(_) => return,
            Ok(count) => left -= count.min(left),
        }
    }
}

impl<R, W, F> Driver<R, W, F>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    F: FnOnce(),
{
    async fn run(&mut self) {
        loop {
            self.act();
            if self.connection.is_closing() {
                return;
            }
            poll_fn(|context| self.poll(context)).await;
        }
    }

    /// The last words, and what is left when the client has gone.
    async fn end(self) {
        let Driver { connection, mut reader, mut writer, mut output, at_end, deaf, .. } = self;
        let last_words = async {
            let farewell = say_farewell(&mut reader, &mut writer, &mut output, at_end);
            if !deaf && tokio::time::timeout(FAREWELL, farewell).await.is_err() {
                tracing::debug!("the client did not take the last words in time");
            }
        };
        if connection.has_left() {
            // Whoever sees the connection closed after a DISCONNECT may rely on having left.
            connection.finish().await;
            last_words.await;
        } else {
            tokio::join!(last_words, connection.finish());
        }
    }

    /// Everything that can be done without waiting.
    fn act(&mut self) {
        let now = Instant::now();
        if let Some(reason) = self.connection.asked_to_end() {
            self.connection.session.close(reason);
        }
        self.connection.session.tick(now);
        self.connection.perform(&mut self.output);
        while self.output.len() < OUTPUT && self.connection.accepts_input() && self.take_in(now) {
            self.connection.perform(&mut self.output);
        }
        if self.output.len() < OUTPUT {
            self.connection.read_mail(now);
            self.connection.send_more(now);
            self.connection.perform(&mut self.output);
        }
        if self.deaf {
            self.output.clear();
        }
    }

    /// Takes one packet in. False when there is none.
    fn take_in(&mut self, now: Instant) -> bool {
        let session = &self.connection.session;
        let limits = session.decode_limits(self.input.first().copied());
        match decode(&mut self.input, session.version(), limits) {
            Ok(Some(packet)) => {
                if let Some(introduced) = self.introduced.take() {
                    introduced();
                }
                self.connection.received(packet, now);
                true
            }
            Ok(None) => {
                if self.at_end {
                    self.connection.session.close(Reason::ConnectionLost);
                }
                give_back(&mut self.input);
                self.at_end
            }
            Err(error) => {
                self.connection.malformed(error);
                true
            }
        }
    }

    /// Moves bytes; ready when the connection has something to do. Everything that is waited for
    /// stays registered from one call to the next: thousands of times a second this must not set
    /// timers, nor take locks that all connections share.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let had_space = self.has_space();
        self.write(context);
        let mut news = !had_space && self.has_space();
        if self.stop.poll(&self.edge, context).is_ready() {
            self.connection.session.close(Reason::ShuttingDown);
            news = true;
        }
        news |= self.alarm.poll(self.connection.session.deadline(), context).is_ready();
        news |= self.connection.poll_work(context).is_ready();
        if let Some(mailbox) = self.connection.mailbox() {
            let wants_mail = self.has_space() && self.connection.takes_mail();
            news |= mailbox.poll_news(wants_mail, context).is_ready();
        }
        news |= self.has_space() && self.connection.has_more();
        news |= self.read(context);
        if news { Poll::Ready(()) } else { Poll::Pending }
    }

    fn has_space(&self) -> bool {
        self.output.len() < OUTPUT
    }

    /// Reads once; tells whether something has come of it.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        let accepts = self.connection.accepts_input() && self.has_space();
        if self.at_end || !(accepts || self.input.len() < READ_AHEAD) {
            return false;
        }
        let mut chunk = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        match Pin::new(&mut self.reader).poll_read(context, &mut chunk) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => {
                let read = chunk.filled();
                self.at_end = read.is_empty();
                self.input.extend_from_slice(read);
                self.edge.0.counters.bytes_received.add(read.len());
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "reading failed");
                self.at_end = true;
            }
        }
        true
    }

    /// Writes as much as the client takes.
    fn write(&mut self, context: &mut Context<'_>) {
        while !self.output.is_empty() {
            match poll_write_buf(Pin::new(&mut self.writer), context, &mut self.output) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return self.has_failed(&io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.unflushed = true;
                    self.edge.0.counters.bytes_sent.add(count);
                }
                Poll::Ready(Err(error)) => return self.has_failed(&error),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.writer).poll_flush(context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.unflushed = !self.output.is_empty(),
                Poll::Ready(Err(error)) => return self.has_failed(&error),
            }
        }
        give_back(&mut self.output);
    }

    fn has_failed(&mut self, error: &io::Error) {
        tracing::debug!(%error, "writing failed");
        self.deaf = true;
        self.unflushed = false;
        self.output.clear();
    }
}

/// A connection that rests should hold nothing.
fn give_back(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > KEPT {
        *buffer = BytesMut::new();
    }
}

/// The edge's stop. Waiting for it takes a lock of all connections, so it is asked for anew only
/// when another task waits.
struct Stop {
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    waiting: Option<Waker>,
}

impl Stop {
    fn of(edge: &Edge) -> Stop {
        let cancelled = Box::pin(edge.0.stop.clone().cancelled_owned());
        Stop { cancelled, waiting: None }
    }

    fn poll(&mut self, edge: &Edge, context: &mut Context<'_>) -> Poll<()> {
        if edge.0.stopping.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let waits = self.waiting.as_ref().is_some_and(|task| task.will_wake(context.waker()));
        if waits {
            return Poll::Pending;
        }
        self.waiting = Some(context.waker().clone());
        self.cancelled.as_mut().poll(context)
    }
}

/// A timer for a deadline that mostly moves later: it is set again only when it has rung, or when
/// the deadline is earlier. So it may ring too early, and does no harm.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
}

impl Alarm {
    fn poll(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.at.is_none_or(|at| deadline < at) {
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(deadline.into()),
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline.into()))),
            }
            self.at = Some(deadline);
        }
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        let rings = sleep.as_mut().poll(context);
        if rings.is_ready() {
            self.at = None;
        }
        rings
    }
}
