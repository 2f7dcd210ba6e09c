//! Rooms full of subscribers, with one sender each, at one server: how many messages arrive, or how
//! soon.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    link::{Incoming, Kind},
    server::{self, Server, Target},
    swarm::{Client, Dialect, Swarm, acknowledge},
    wire::{self, Packet},
};

/// How many rooms, and who is in each.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub rooms: usize,
    pub subscribers: usize,
}

/// What the senders do.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// In each room so many messages are on their way, always.
    Window(u64),
    /// So many deliveries are offered each second, whatever becomes of them.
    Offered(f64),
}

/// What one window of time has shown.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub delivered_per_s: f64,
    /// Seconds of the server's processor time for one delivery.
    pub server_cpu: f64,
    /// How busy the generator was, of one processor.
    pub own_load: f64,
    /// Microseconds, in order.
    pub latencies: Vec<u32>,
    pub lost: u64,
}

struct Room {
    topic: String,
    sender: usize,
    published: u64,
    delivered: u64,
}

pub struct Crowd {
    swarm: Swarm,
    size: Size,
    dialect: Dialect,
    rooms: Vec<Room>,
    /// By the number of the connection; senders are in none.
    room_of: Vec<Option<usize>>,
    origin: Instant,
}

/// Of a message, without its time.
const PADDING: &str =
    "a message of the length that people's messages and sensors' JSON have, more or less";
/// Before the time that a message was sent at, in microseconds.
const MARK: u8 = b'~';
/// Connections that send, at most: more rooms share them. All servers' crowds are there at once, and
/// a process may have 20,000 files.
const SENDERS: usize = 500;
/// The seats of one room that are given to identities of their own.
const IDENTITIES: usize = 900;

impl Crowd {
    pub fn gather(server: &mut Server, size: Size, mut dialect: Dialect) -> io::Result<Crowd> {
        let mut swarm = Swarm::new()?;
        let topics = server.rooms(size.rooms)?;
        let mut room_of = Vec::new();
        let mut rooms = Vec::new();
        if server.target == Target::SocketIo {
            dialect.kind = Kind::SocketIo;
            let seats: Vec<&String> =
                topics.iter().flat_map(|topic| vec![topic; size.subscribers]).collect();
            enter(&mut swarm, server, &seats)?;
        } else {
            let seats = topics.iter().enumerate().flat_map(|(room, topic)| {
                let device = server.device.clone();
                (0..size.subscribers).map(move |seat| Client {
                    // rumqttd takes no id with a slash in it.
                    id: format!("reader-{room}-{seat}"),
                    login: device.clone().filter(|_| seat >= IDENTITIES),
                    filter: Some(topic.clone()),
                })
            });
            swarm.join(server.address(dialect.kind), dialect, seats)?;
        }
        for (room, topic) in topics.iter().enumerate() {
            room_of.extend(vec![Some(room); size.subscribers]);
            let topic = topic.clone();
            rooms.push(Room { topic, sender: 0, published: 0, delivered: 0 });
        }
        let mut senders = Vec::new();
        for number in 0..size.rooms.min(SENDERS) {
            senders.push(if dialect.kind == Kind::SocketIo {
                swarm.open(server.address(Kind::Http), Kind::Http)?
            } else {
                let id = format!("sender-{number}");
                let sender = Client { id, login: None, filter: None };
                swarm.join(server.address(dialect.kind), dialect, [sender].into_iter())?[0]
            });
            room_of.push(None);
        }
        for (room, sender) in rooms.iter_mut().zip(senders.iter().cycle()) {
            room.sender = *sender;
        }
        swarm.settle(Duration::from_millis(200), dialect.qos > 0)?;
        Ok(Crowd { swarm, size, dialect, rooms, room_of, origin: Instant::now() })
    }

    /// Loads the server for so long, and waits until what is on its way has arrived.
    pub fn run(&mut self, server: &Server, pace: Pace, duration: Duration) -> io::Result<Sample> {
        for room in &mut self.rooms {
            (room.published, room.delivered) = (0, 0);
        }
        let (cpu, own) = (server.usage().cpu, server::usage("self").cpu);
        let (start, mut latencies) = (Instant::now(), Vec::new());
        match pace {
            Pace::Window(window) => {
                while start.elapsed() < duration {
                    self.fill(window)?;
                    self.turn(Duration::from_millis(10), None)?;
                }
            }
            Pace::Offered(rate) => {
                let gap = Duration::from_secs_f64(self.size.subscribers as f64 / rate);
                let mut next = start;
                for room in (0..self.rooms.len()).cycle() {
                    if next >= start + duration {
                        break;
                    }
                    while let Some(left) = next.checked_duration_since(Instant::now()) {
                        self.turn(left, Some(&mut latencies))?;
                    }
                    self.publish(room, 1)?;
                    next += gap;
                }
            }
        }
        let (took, in_time) = (start.elapsed(), self.delivered());
        let keep = matches!(pace, Pace::Offered(_));
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.missing() > 0 && Instant::now() < deadline {
            self.turn(Duration::from_millis(10), keep.then_some(&mut latencies))?;
        }
        let all = self.delivered().max(1) as f64;
        latencies.sort_unstable();
        Ok(Sample {
            delivered_per_s: in_time as f64 / took.as_secs_f64(),
            server_cpu: (server.usage().cpu - cpu) / all,
            own_load: (server::usage("self").cpu - own) / start.elapsed().as_secs_f64(),
            latencies,
            lost: self.missing(),
        })
    }

    fn delivered(&self) -> u64 {
        self.rooms.iter().map(|room| room.delivered).sum()
    }

    fn missing(&self) -> u64 {
        let each = self.size.subscribers as u64;
        self.rooms.iter().map(|room| (room.published * each).saturating_sub(room.delivered)).sum()
    }

    fn fill(&mut self, window: u64) -> io::Result<()> {
        for room in 0..self.rooms.len() {
            let Room { published, delivered, .. } = self.rooms[room];
            let under_way = published - delivered / self.size.subscribers as u64;
            if under_way < window {
                self.publish(room, window - under_way)?;
            }
        }
        Ok(())
    }

    fn publish(&mut self, room: usize, count: u64) -> io::Result<()> {
        let now = self.origin.elapsed().as_micros();
        let text = format!("{}{now:015} {PADDING}", char::from(MARK));
        let room = &mut self.rooms[room];
        room.published += count;
        if self.dialect.kind == Kind::SocketIo {
            let id = room.topic.trim_start_matches("chat/");
            let path = format!("/room/{id}/chat");
            let post = server::request("POST", &path, &format!(r#"{{"chat":"{text}"}}"#));
            let posts = post.repeat(count as usize);
            return self.swarm.send(room.sender, |out| out.extend(posts.as_bytes()));
        }
        let version = self.dialect.version;
        self.swarm.send(room.sender, |out| {
            for _ in 0..count {
                wire::publish(out, version, &room.topic, None, text.as_bytes());
            }
        })
    }

    fn turn(&mut self, wait: Duration, mut latencies: Option<&mut Vec<u32>>) -> io::Result<()> {
        let Crowd { swarm, rooms, room_of, origin, dialect, .. } = self;
        let now = || origin.elapsed().as_micros() as u64;
        let (qos1, websocket) = (dialect.qos > 0, dialect.kind == Kind::WebSocket);
        swarm.turn(wait, |number, out, incoming| {
            let Some(room) = room_of[number] else { return };
            let body = match incoming {
                Incoming::Packet(packet) if packet.kind() == Packet::PUBLISH => {
                    if qos1 {
                        acknowledge(out, &packet, websocket);
                    }
                    packet.body
                }
                Incoming::Text(text) if text.starts_with(br#"42/chat,["chat""#) => text,
                _ => return,
            };
            rooms[room].delivered += 1;
            if let Some(latencies) = &mut latencies {
                let sent = sent_at(body);
                latencies.push(now().saturating_sub(sent) as u32);
            }
        })?;
        if self.swarm.lost > 0 {
            return Err(io::Error::other("the server has closed connections"));
        }
        Ok(())
    }

    /// Says goodbye, so that nobody is waited for.
    pub fn leave(mut self) -> io::Result<()> {
        if self.dialect.kind != Kind::SocketIo {
            for number in 0..self.swarm.links.len() {
                self.swarm.send(number, wire::disconnect)?;
            }
        }
        Ok(())
    }
}

/// When a message was sent, by its text.
fn sent_at(body: &[u8]) -> u64 {
    let mark = body.iter().position(|byte| *byte == MARK);
    let digits = mark.and_then(|at| body.get(at + 1..at + 16)).unwrap_or_default();
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0')))
}

/// Opens Socket.IO connections, one for each room named.
fn enter(swarm: &mut Swarm, server: &Server, rooms: &[&String]) -> io::Result<()> {
    const AT_ONCE: usize = 50;
    let (mut opened, mut ready) = (0, 0);
    while ready < rooms.len() {
        while opened < rooms.len() && opened - ready < AT_ONCE {
            swarm.open(server.address(Kind::SocketIo), Kind::SocketIo)?;
            opened += 1;
        }
        swarm.turn(Duration::from_millis(10), |number, out, incoming| {
            let Incoming::Text(text) = incoming else { return };
            let room = rooms[number].trim_start_matches("chat/");
            if text.starts_with(b"0{") {
                wire::frame(out, 1, b"40/chat,");
            } else if text.starts_with(b"40/chat,") {
                wire::frame(out, 1, format!(r#"42/chat,1["join","{room}"]"#).as_bytes());
            } else if text.starts_with(b"43/chat,") {
                ready += 1;
            }
        })?;
    }
    Ok(())
}
