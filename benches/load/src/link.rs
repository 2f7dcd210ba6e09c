//! One connection to a server, without knowing which: bytes in, packets out. Never blocks.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use mio::net::TcpStream;

use crate::wire::{self, Packet};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mqtt,
    /// MQTT over WebSocket.
    WebSocket,
    SocketIo,
    Http,
}

/// Something from a server.
pub enum Incoming<'a> {
    Packet(Packet<'a>),
    /// The WebSocket is open.
    Upgraded,
    /// A text message of Socket.IO's WebSocket.
    Text(&'a [u8]),
    /// An HTTP response with status 2xx.
    Response,
}

pub struct Link {
    pub stream: TcpStream,
    kind: Kind,
    /// Bytes of an incomplete packet, text or response.
    rest: Vec<u8>,
    /// Bytes of an incomplete WebSocket header.
    head: Vec<u8>,
    /// What is left of the present WebSocket frame.
    frame_left: usize,
    upgraded: bool,
    /// Written as soon as the socket takes it.
    pub out: Vec<u8>,
    written: usize,
}

impl Link {
    pub fn open(address: SocketAddr, kind: Kind) -> io::Result<Link> {
        let stream = TcpStream::connect(address)?;
        let out = match kind {
            Kind::Mqtt | Kind::Http => Vec::new(),
            Kind::WebSocket => wire::upgrade("/mqtt", "mqtt"),
            Kind::SocketIo => wire::upgrade("/socket.io/?EIO=4&transport=websocket", ""),
        };
        Ok(Link {
            stream,
            kind,
            rest: Vec::new(),
            head: Vec::new(),
            frame_left: 0,
            upgraded: false,
            out,
            written: 0,
        })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Puts what `write` writes on its way, in a frame of its own where there are frames.
    pub fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        match self.kind {
            Kind::Mqtt | Kind::Http => write(&mut self.out),
            Kind::WebSocket | Kind::SocketIo => {
                let mut message = Vec::new();
                write(&mut message);
                let opcode = if self.kind == Kind::WebSocket { 2 } else { 1 };
                wire::frame(&mut self.out, opcode, &message);
            }
        }
    }

    /// Writes as much as the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if waits(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads all that is there. False when the server has closed.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        mut each: impl FnMut(&mut Vec<u8>, Incoming<'_>),
    ) -> io::Result<bool> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.feed(&buffer[..count], &mut each);
                    // A short read has emptied the socket.
                    if count < buffer.len() {
                        return Ok(true);
                    }
                }
                Err(error) if waits(&error) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(&mut Vec<u8>, Incoming<'_>)) {
        match self.kind {
            Kind::Mqtt => return self.packets(bytes, each),
            Kind::Http => return self.responses(bytes, each),
            Kind::WebSocket | Kind::SocketIo => {}
        }
        if !self.upgraded {
            self.rest.extend_from_slice(bytes);
            let Some(end) = wire::find(&self.rest, b"\r\n\r\n") else { return };
            assert!(self.rest.starts_with(b"HTTP/1.1 101"), "no upgrade");
            let after = self.rest.split_off(end + 4);
            self.rest.clear();
            self.upgraded = true;
            each(&mut self.out, Incoming::Upgraded);
            return self.frames(&after, each);
        }
        self.frames(bytes, each);
    }

    fn frames(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&mut Vec<u8>, Incoming<'_>)) {
        while !bytes.is_empty() {
            if self.frame_left == 0 {
                let before = self.head.len();
                self.head.extend_from_slice(&bytes[..bytes.len().min(10)]);
                let Some((head, length)) = wire::frame_head(&self.head) else { return };
                self.head.clear();
                bytes = &bytes[head - before..];
                self.frame_left = length;
            }
            let count = self.frame_left.min(bytes.len());
            let (payload, rest) = bytes.split_at(count);
            bytes = rest;
            self.frame_left -= count;
            if self.kind == Kind::WebSocket {
                self.packets(payload, each);
            } else if self.frame_left > 0 {
                self.rest.extend_from_slice(payload);
            } else if self.rest.is_empty() {
                each(&mut self.out, Incoming::Text(payload));
            } else {
                self.rest.extend_from_slice(payload);
                let text = std::mem::take(&mut self.rest);
                each(&mut self.out, Incoming::Text(&text));
            }
        }
    }

    fn packets(&mut self, bytes: &[u8], each: &mut impl FnMut(&mut Vec<u8>, Incoming<'_>)) {
        let Link { rest, out, .. } = self;
        let mut tell = |packet: Packet<'_>| each(out, Incoming::Packet(packet));
        if rest.is_empty() {
            let used = wire::packets(bytes, &mut tell);
            rest.extend_from_slice(&bytes[used..]);
        } else {
            rest.extend_from_slice(bytes);
            let used = wire::packets(rest, &mut tell);
            rest.drain(..used);
        }
    }

    fn responses(&mut self, bytes: &[u8], each: &mut impl FnMut(&mut Vec<u8>, Incoming<'_>)) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = wire::find(&self.rest, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&self.rest[..end]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if self.rest.len() < whole {
                return;
            }
            let status = head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
            assert!(matches!(status, Some(200..300)), "{head}");
            each(&mut self.out, Incoming::Response);
            self.rest.drain(..whole);
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
