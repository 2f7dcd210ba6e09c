//! Many connections on one thread.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token};

use crate::{
    link::{Incoming, Kind, Link},
    wire::{self, Login, Packet, Version},
};

/// Connections that are being opened at a time: mosquitto lets 100 wait to be accepted.
const AT_ONCE: usize = 90;
/// A server that does not answer for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Swarm {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    pub links: Vec<Link>,
    /// Connections that the server has closed.
    pub lost: usize,
}

/// One connection to be: who, and to what it subscribes.
pub struct Client {
    pub id: String,
    pub login: Option<(String, String)>,
    pub filter: Option<String>,
}

/// How a swarm speaks MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub kind: Kind,
    pub version: Version,
    /// Of the subscriptions.
    pub qos: u8,
}

impl Swarm {
    pub fn new() -> io::Result<Swarm> {
        Ok(Swarm {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; 256 << 10],
            links: Vec::new(),
            lost: 0,
        })
    }

    /// Opens one more connection, without waiting for it; tells its number.
    pub fn open(&mut self, address: SocketAddr, kind: Kind) -> io::Result<usize> {
        let mut link = Link::open(address, kind)?;
        let (number, both) = (self.links.len(), Interest::READABLE | Interest::WRITABLE);
        self.poll.registry().register(&mut link.stream, Token(number), both)?;
        self.links.push(link);
        Ok(number)
    }

    /// Waits for something to happen, at most so long; `each` gets what has come, and by whom, and
    /// may answer at once.
    pub fn turn(
        &mut self,
        timeout: Duration,
        mut each: impl FnMut(usize, &mut Vec<u8>, Incoming<'_>),
    ) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let number = event.token().0;
            let link = &mut self.links[number];
            if event.is_readable() {
                let tell = |out: &mut Vec<u8>, what: Incoming<'_>| each(number, out, what);
                if !link.read(&mut self.buffer, tell).unwrap_or(false) {
                    self.lost += 1;
                    self.poll.registry().deregister(&mut link.stream)?;
                    continue;
                }
            }
            if !link.out.is_empty() {
                link.flush()?;
            }
        }
        Ok(())
    }

    /// Sends what `write` writes.
    pub fn send(&mut self, number: usize, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.links[number].send(write);
        self.links[number].flush()
    }

    /// Opens MQTT connections, all of them subscribed when it returns; tells their numbers.
    pub fn join(
        &mut self,
        address: SocketAddr,
        dialect: Dialect,
        clients: impl Iterator<Item = Client>,
    ) -> io::Result<Vec<usize>> {
        let first = self.links.len();
        let mut clients = clients.peekable();
        let mut known: Vec<Client> = Vec::new();
        let mut ready = 0;
        let start = Instant::now();
        while clients.peek().is_some() || ready < known.len() {
            while known.len() - ready < AT_ONCE
                && let Some(client) = clients.next()
            {
                let number = self.open(address, dialect.kind)?;
                if dialect.kind == Kind::Mqtt {
                    self.links[number].send(|out| login(out, dialect.version, &client));
                }
                known.push(client);
            }
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("{} of {} joined", ready, known.len())));
            }
            let mut answers: Vec<(usize, Vec<u8>)> = Vec::new();
            self.turn(Duration::from_millis(10), |number, _, incoming| {
                let Some(client) = number.checked_sub(first).map(|place| &known[place]) else {
                    return;
                };
                let mut out = Vec::new();
                match incoming {
                    Incoming::Upgraded => login(&mut out, dialect.version, client),
                    Incoming::Packet(packet) if packet.kind() == Packet::CONNACK => {
                        assert_eq!(packet.body[1], 0, "{} is refused", client.id);
                        match &client.filter {
                            Some(filter) => {
                                wire::subscribe(&mut out, dialect.version, filter, dialect.qos);
                            }
                            None => ready += 1,
                        }
                    }
                    Incoming::Packet(packet) if packet.kind() == Packet::SUBACK => {
                        let code = packet.body.last().copied().unwrap_or(0x80);
                        assert!(code < 0x80, "{} may not subscribe: {code:#x}", client.id);
                        ready += 1;
                    }
                    _ => {}
                }
                if !out.is_empty() {
                    answers.push((number, out));
                }
            })?;
            for (number, answer) in answers {
                self.send(number, |out| out.extend(answer))?;
            }
        }
        Ok((first..self.links.len()).collect())
    }

    /// Reads until nothing has come for a while: what joining set off is over.
    pub fn settle(&mut self, silence: Duration, qos1: bool) -> io::Result<()> {
        let mut last = Instant::now();
        while last.elapsed() < silence {
            let mut heard = false;
            let websocket = self.links.first().is_some_and(|link| link.kind() == Kind::WebSocket);
            self.turn(silence / 4, |_, out, incoming| {
                heard = true;
                if let (true, Incoming::Packet(packet)) = (qos1, &incoming) {
                    acknowledge(out, packet, websocket);
                }
            })?;
            if heard {
                last = Instant::now();
            }
        }
        Ok(())
    }
}

/// Answers a PUBLISH at QoS 1.
pub fn acknowledge(out: &mut Vec<u8>, packet: &Packet<'_>, websocket: bool) {
    if packet.kind() != Packet::PUBLISH {
        return;
    }
    let Some(id) = packet.publish_id() else { return };
    if websocket {
        let mut ack = Vec::with_capacity(4);
        wire::puback(&mut ack, id);
        wire::frame(out, 2, &ack);
    } else {
        wire::puback(out, id);
    }
}

fn login(out: &mut Vec<u8>, version: Version, client: &Client) {
    let login: Login<'_> = client.login.as_ref().map(|(name, word)| (&name[..], &word[..]));
    wire::connect(out, version, &client.id, login);
}
