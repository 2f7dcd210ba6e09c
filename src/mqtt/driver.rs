//! The only loop that moves bytes: reads, decodes, lets the connection act, writes. One task for
//! each client; it never waits for one of them alone, so a client that does not read cannot stop
//! what it sends from being settled, nor the other way round.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    Edge, auth::Peer, codec::decode, connection::Connection, mailbox::Mailbox, reason::Reason,
};

/// Bytes that may wait to be written; above it nothing more is taken in or handed over.
const OUTPUT: usize = 64 * 1024;
/// Bytes read ahead while no packet is accepted.
const READ_AHEAD: usize = 16 * 1024;
/// Room for one read.
const CHUNK: usize = 4 * 1024;
/// For the last words, and for the client to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

struct Driver<R, W> {
    edge: Edge,
    connection: Connection,
    reader: R,
    writer: W,
    input: BytesMut,
    output: BytesMut,
    /// Written and not flushed.
    unflushed: bool,
    /// The client sends no more.
    at_end: bool,
    /// The client takes no more: what is written is dropped until it is seen to have gone.
    deaf: bool,
}

/// Serves one client until it has gone and everything it sent is settled.
pub(super) async fn drive<R, W>(edge: Edge, peer: Peer, reader: R, writer: W)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let connection = Connection::new(edge.clone(), peer, Instant::now());
    let mut driver = Driver {
        edge,
        connection,
        reader,
        writer,
        input: BytesMut::new(),
        output: BytesMut::new(),
        unflushed: false,
        at_end: false,
        deaf: false,
    };
    driver.run().await;
    let Driver { connection, mut reader, mut writer, mut output, at_end, deaf, .. } = driver;
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
    let mut nobody = BytesMut::new();
    while !at_end && left > 0 {
        match read_some(reader, &mut nobody).await {
            Ok(0) | Err(_) => return,
            Ok(count) => left -= count.min(left),
        }
        nobody.clear();
    }
}

impl<R, W> Driver<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    async fn run(&mut self) {
        loop {
            self.act();
            if self.connection.is_closing() {
                return;
            }
            self.wait().await;
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
                self.connection.received(packet, now);
                true
            }
            Ok(None) => {
                if self.at_end {
                    self.connection.session.close(Reason::ConnectionLost);
                }
                if self.input.is_empty() && self.input.capacity() > OUTPUT {
                    self.input = BytesMut::new();
                }
                self.at_end
            }
            Err(error) => {
                self.connection.malformed(error);
                true
            }
        }
    }

    /// Waits until something has happened.
    async fn wait(&mut self) {
        let has_space = self.output.len() < OUTPUT;
        let accepts = self.connection.accepts_input() && has_space;
        let reads = !self.at_end && (accepts || self.input.len() < READ_AHEAD);
        let writes = !self.output.is_empty() || self.unflushed;
        let more = has_space && self.connection.has_more();
        let (mailbox, all_mail) = (self.connection.open_mailbox(), self.connection.mailbox());
        let mailbox = mailbox.filter(|_| has_space);
        let deadline = self.connection.session.deadline();
        let works = self.connection.has_jobs();
        let stop = self.edge.0.stop.clone();
        let Driver { connection, reader, writer, input, output, unflushed, .. } = self;
        tokio::select! {
            () = stop.cancelled() => connection.session.close(Reason::ShuttingDown),
            () = reach(deadline) => {}
            () = connection.work(), if works => {}
            () = std::future::ready(()), if more => {}
            () = has_mail(mailbox.as_deref()) => {}
            () = must_end(all_mail.as_deref()) => {}
            read = read_some(reader, input), if reads => self.has_read(read),
            written = write_some(writer, output, unflushed), if writes => self.has_written(written),
        }
    }

    fn has_read(&mut self, read: io::Result<usize>) {
        match read {
            Ok(0) => self.at_end = true,
            Ok(count) => self.edge.0.counters.bytes_received.add(count),
            Err(error) => {
                tracing::debug!(%error, "reading failed");
                self.at_end = true;
            }
        }
    }

    fn has_written(&mut self, written: io::Result<usize>) {
        match written {
            Ok(count) => self.edge.0.counters.bytes_sent.add(count),
            Err(error) => {
                tracing::debug!(%error, "writing failed");
                self.deaf = true;
                self.unflushed = false;
                self.output.clear();
            }
        }
        if self.output.is_empty() && self.output.capacity() > 2 * OUTPUT {
            self.output = BytesMut::new();
        }
    }
}

async fn reach(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Of nobody's mailbox nothing ever comes.
async fn must_end(mailbox: Option<&Mailbox>) {
    match mailbox {
        Some(mailbox) => mailbox.ended().await,
        None => std::future::pending().await,
    }
}

async fn has_mail(mailbox: Option<&Mailbox>) {
    match mailbox {
        Some(mailbox) => mailbox.ready().await,
        None => std::future::pending().await,
    }
}

async fn read_some<R: AsyncRead + Unpin>(
    reader: &mut R,
    input: &mut BytesMut,
) -> io::Result<usize> {
    if input.capacity() - input.len() < CHUNK / 4 {
        input.reserve(CHUNK);
    }
    reader.read_buf(input).await
}

/// One write, or the flush after the last.
async fn write_some<W: AsyncWrite + Unpin>(
    writer: &mut W,
    output: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<usize> {
    if output.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        return Ok(0);
    }
    let count = writer.write_buf(output).await?;
    *unflushed = true;
    if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
}
