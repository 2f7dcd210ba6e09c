//! Bytes of a WebSocket that bring nothing: heads of frames, fragments without content. The library
//! that puts fragments together does not tell of them, so they are counted beneath it: what has been
//! read stands against what it brought, and with too much of a difference the connection ends.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts nothing until it is told a limit.
#[derive(Debug)]
pub struct Meter {
    /// Bytes that have been read and have brought nothing yet.
    owed: AtomicUsize,
    limit: AtomicUsize,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter { owed: AtomicUsize::new(0), limit: AtomicUsize::new(usize::MAX) }
    }
}

impl Meter {
    /// From now on no more than `limit` bytes may be owed.
    pub fn begin(&self, limit: usize) {
        self.owed.store(0, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// What was read has brought something that is worth so many bytes.
    pub fn earned(&self, bytes: usize) {
        let less = |owed: usize| Some(owed.saturating_sub(bytes));
        // Never fails: it always has a new value.
        self.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
    }

    /// Whether so many more may be read.
    fn read(&self, bytes: usize) -> bool {
        let owed = self.owed.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        owed <= self.limit.load(Ordering::Relaxed)
    }
}

/// A stream whose reading is counted.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub fn new(stream: S, meter: Arc<Meter>) -> Metered<S> {
        Metered { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let count = into.filled().len() - before;
        if self.meter.read(count) {
            return Poll::Ready(Ok(()));
        }
        let text = "too many frames that bring nothing";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_brings_nothing_is_read_up_to_the_limit() {
        let meter = Arc::new(Meter::default());
        let bytes = [0; 100];
        let mut stream = Metered::new(&bytes[..], Arc::clone(&meter));
        let mut into = [0; 20];
        stream.read_exact(&mut into).await.expect("no limit yet");
        meter.begin(45);
        stream.read_exact(&mut into).await.expect("20 owed");
        stream.read_exact(&mut into).await.expect("40 owed");
        meter.earned(30);
        stream.read_exact(&mut into).await.expect("30 owed");
        let ended = stream.read_exact(&mut into).await.expect_err("50 owed");
        assert_eq!(ended.kind(), io::ErrorKind::InvalidData);
    }
}
