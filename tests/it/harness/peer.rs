//! An MQTT client that does what a test tells it, byte by byte if need be, over TCP or WebSocket.
//! Dropped, its connection is lost; only [`Peer::disconnect`] leaves on purpose.

use std::{collections::VecDeque, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{
    Server,
    packet::{self, Packet, Reader, frame, properties, text},
    within,
};

/// Anything that carries bytes both ways.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// What a client says when it connects.
#[derive(Clone, Debug)]
pub struct Login {
    /// 4 for MQTT 3.1.1, 5 for 5.
    pub version: u8,
    pub client_id: String,
    pub clean: bool,
    pub keep_alive: u16,
    pub user: Option<(String, String)>,
    /// Topic and payload.
    pub will: Option<(String, String)>,
    /// MQTT 5, with their lengths left out.
    pub properties: Vec<u8>,
}

impl Login {
    pub fn v5(client_id: &str) -> Self {
        let client_id = client_id.to_owned();
        let (version, clean, keep_alive) = (5, true, 60);
        Self { version, client_id, clean, keep_alive, user: None, will: None, properties: vec![] }
    }

    pub fn v4(client_id: &str) -> Self {
        Self { version: 4, ..Self::v5(client_id) }
    }

    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// A session that outlives its connection.
    pub fn lasting(mut self) -> Self {
        self.clean = false;
        if self.version == 5 {
            self.properties.extend([0x11, 0, 0, 14, 16]); // session expiry: an hour
        }
        self
    }

    pub fn will(mut self, topic: &str, payload: &str) -> Self {
        self.will = Some((topic.to_owned(), payload.to_owned()));
        self
    }

    pub fn packet(&self) -> Vec<u8> {
        let mut flags = u8::from(self.clean) << 1;
        flags |= if self.will.is_some() { 0x0C } else { 0 }; // QoS 1
        flags |= if self.user.is_some() { 0xC0 } else { 0 };
        let mut body = [text("MQTT"), vec![self.version, flags]].concat();
        body.extend(self.keep_alive.to_be_bytes());
        if self.version == 5 {
            body.extend(properties(&self.properties));
        }
        body.extend(text(&self.client_id));
        if let Some((topic, payload)) = &self.will {
            if self.version == 5 {
                body.push(0);
            }
            body.extend([text(topic), text(payload)].concat());
        }
        if let Some((name, password)) = &self.user {
            body.extend([text(name), text(password)].concat());
        }
        frame(0x10, &body)
    }
}

/// A message as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub duplicate: bool,
}

impl Message {
    pub fn json(&self) -> Value {
        let shown = String::from_utf8_lossy(&self.payload);
        serde_json::from_str(&shown).unwrap_or_else(|_| panic!("not JSON: {shown}"))
    }
}

pub struct Peer {
    stream: Box<dyn Transport>,
    version: u8,
    received: Vec<u8>,
    messages: VecDeque<Message>,
    last_id: u16,
    /// Whether the CONNACK said that a session is there.
    pub resumed: bool,
}

impl Peer {
    /// A connection on which nothing has been said.
    pub fn on(stream: impl Transport + 'static, version: u8) -> Self {
        let (received, messages) = (Vec::new(), VecDeque::new());
        Self { stream: Box::new(stream), version, received, messages, last_id: 0, resumed: false }
    }

    pub async fn silent(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap(), 5)
    }

    /// Connects over TCP; `Err` with the code when it is refused.
    pub async fn try_connect(server: &Server, login: &Login) -> Result<Self, u8> {
        let stream = TcpStream::connect(server.mqtt).await.unwrap();
        Self::on(stream, login.version).log_in(login).await
    }

    /// From another address of this machine, as 127.0.0.9.
    pub async fn try_connect_from(
        address: [u8; 4],
        server: &Server,
        login: &Login,
    ) -> Result<Self, u8> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((address, 0))).unwrap();
        let stream = socket.connect(server.mqtt).await.unwrap();
        Self::on(stream, login.version).log_in(login).await
    }

    pub async fn connect(server: &Server, login: &Login) -> Self {
        let peer = Self::try_connect(server, login).await;
        peer.unwrap_or_else(|code| panic!("{} was refused: {code:#x}", login.client_id))
    }

    /// Whether a connection is let in at all.
    pub async fn is_let_in(server: &Server, login: &Login) -> bool {
        let Ok(stream) = TcpStream::connect(server.mqtt).await else { return false };
        let mut peer = Self::on(stream, login.version);
        peer.send(&login.packet()).await;
        peer.packet().await.is_some_and(|answer| answer.body[1] == 0)
    }

    pub async fn log_in(mut self, login: &Login) -> Result<Self, u8> {
        self.version = login.version;
        self.send(&login.packet()).await;
        let answer = self.packet().await.unwrap_or_else(|| panic!("no answer to {login:?}"));
        assert_eq!(answer.kind, packet::CONNACK, "{answer:?}");
        self.resumed = answer.body[0] == 1;
        if answer.body[1] == 0 { Ok(self) } else { Err(answer.body[1]) }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // What a closed connection does not take any more, `closed` tells.
        if self.stream.write_all(bytes).await.is_ok() {
            self.stream.flush().await.ok();
        }
    }

    /// The next packet; `None` when the connection is at its end.
    pub async fn packet(&mut self) -> Option<Packet> {
        within("a packet", async {
            loop {
                if let Some(packet) = self.taken() {
                    return Some(packet);
                }
                let read = self.stream.read_buf(&mut self.received).await;
                if read.unwrap_or(0) == 0 {
                    return None;
                }
            }
        })
        .await
    }

    /// A packet of what has been received, when it is whole.
    fn taken(&mut self) -> Option<Packet> {
        let lengths = &self.received.get(1..)?;
        let end = lengths.iter().take(4).position(|byte| *byte < 128)? + 2;
        let length = Reader(&self.received[1..end]).varint();
        if self.received.len() < end + length {
            return None;
        }
        let first = self.received[0];
        let body = self.received[end..end + length].to_vec();
        self.received.drain(..end + length);
        Some(Packet { kind: first >> 4, flags: first & 15, body })
    }

    /// The next packet of this kind. Messages that come before it are kept and acknowledged.
    async fn answer(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let packet = self.packet().await.expect("an answer, not the end of the connection");
            match packet.kind {
                known if known == kind => return packet.body,
                packet::PUBLISH => self.take_message(&packet).await,
                packet::PUBREL => self.send(&frame(0x70, &packet.body[..2])).await,
                _ => panic!("waiting for {kind}, got {packet:?}"),
            }
        }
    }

    async fn take_message(&mut self, packet: &Packet) {
        let mut body = Reader(&packet.body);
        let topic = body.text();
        let qos = packet.flags >> 1 & 3;
        if qos > 0 {
            let id = body.number().to_be_bytes();
            self.send(&frame(if qos == 1 { 0x40 } else { 0x50 }, &id)).await;
        }
        if self.version == 5 {
            body.properties();
        }
        let (retain, duplicate) = (packet.flags & 1 == 1, packet.flags & 8 == 8);
        let payload = body.rest().to_vec();
        self.messages.push_back(Message { topic, payload, qos, retain, duplicate });
    }

    fn next_id(&mut self) -> [u8; 2] {
        self.last_id += 1;
        self.last_id.to_be_bytes()
    }

    /// Subscribes at QoS 1 and gives the code of the answer.
    pub async fn subscribe(&mut self, filter: &str) -> u8 {
        self.subscribe_with(filter, 1, &[]).await
    }

    /// `options` is the byte behind the filter, `list` the MQTT 5 properties.
    pub async fn subscribe_with(&mut self, filter: &str, options: u8, list: &[u8]) -> u8 {
        let mut body = self.next_id().to_vec();
        if self.version == 5 {
            body.extend(properties(list));
        }
        body.extend([text(filter), vec![options]].concat());
        self.send(&frame(0x82, &body)).await;
        *self.answer(packet::SUBACK).await.last().unwrap()
    }

    /// Subscribes, which must succeed.
    pub async fn join(&mut self, room: &str) {
        assert_eq!(self.subscribe(&format!("chat/{room}")).await, 1, "joining {room}");
    }

    pub async fn unsubscribe(&mut self, filter: &str) {
        let mut body = self.next_id().to_vec();
        if self.version == 5 {
            body.push(0);
        }
        body.extend(text(filter));
        self.send(&frame(0xA2, &body)).await;
        self.answer(packet::UNSUBACK).await;
    }

    /// Publishes at QoS 1 and gives the code of the answer.
    pub async fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> u8 {
        let id = self.next_id();
        let packet = self.publication(0x32, topic, id, payload.as_ref());
        self.send(&packet).await;
        let answer = self.answer(packet::PUBACK).await;
        answer.get(2).copied().unwrap_or(0)
    }

    /// Publishes at QoS 2, to the end, and gives the code of the first answer.
    pub async fn publish_once(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> u8 {
        let id = self.next_id();
        let packet = self.publication(0x34, topic, id, payload.as_ref());
        self.send(&packet).await;
        let code = self.answer(packet::PUBREC).await.get(2).copied().unwrap_or(0);
        if code < 0x80 {
            self.send(&frame(0x62, &id)).await;
            self.answer(packet::PUBCOMP).await;
        }
        code
    }

    /// A PUBLISH packet; `first` holds the QoS and flags.
    pub fn publication(&self, first: u8, topic: &str, id: [u8; 2], payload: &[u8]) -> Vec<u8> {
        let mut body = text(topic);
        if first & 6 > 0 {
            body.extend(id);
        }
        if self.version == 5 {
            body.push(0);
        }
        body.extend(payload);
        frame(first, &body)
    }

    pub async fn message(&mut self) -> Message {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return message;
            }
            let packet = self.packet().await.expect("a message, not the end of the connection");
            match packet.kind {
                packet::PUBLISH => self.take_message(&packet).await,
                packet::PUBREL => self.send(&frame(0x70, &packet.body[..2])).await,
                _ => panic!("waiting for a message, got {packet:?}"),
            }
        }
    }

    /// What has arrived while something else was waited for.
    pub fn messages_so_far(&mut self) -> Vec<Message> {
        self.messages.drain(..).collect()
    }

    /// All messages until the connection is at its end.
    pub async fn messages_to_the_end(&mut self) -> Vec<Message> {
        while let Some(packet) = self.packet().await {
            match packet.kind {
                packet::PUBLISH => self.take_message(&packet).await,
                packet::PUBREL => self.send(&frame(0x70, &packet.body[..2])).await,
                _ => {}
            }
        }
        self.messages_so_far()
    }

    /// The next event of any room.
    pub async fn event(&mut self) -> Value {
        loop {
            let message = self.message().await;
            if message.topic.starts_with("chat/") {
                return message.json();
            }
        }
    }

    /// The next event of this type; others on the way to it are passed over.
    pub async fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// All events up to and with the one that says `chat`.
    pub async fn events_until(&mut self, chat: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.event().await);
            if events.last().unwrap()["chat"] == chat {
                return events;
            }
        }
    }

    /// Waits until the server has handled all that was sent, and answered it.
    pub async fn ping(&mut self) {
        self.send(packet::PINGREQ).await;
        self.answer(packet::PINGRESP).await;
    }

    /// The same, when answers of this kind come before.
    pub async fn ping_after(&mut self, kind: u8) {
        self.send(packet::PINGREQ).await;
        loop {
            let answer = self.packet().await.expect("an answer, not the end of the connection");
            match answer.kind {
                packet::PINGRESP => return,
                other => assert_eq!(other, kind, "{answer:?}"),
            }
        }
    }

    /// Leaves on purpose.
    pub async fn disconnect(mut self) {
        self.send(&[0xE0, 0]).await;
        assert_eq!(self.closed().await, None, "nobody answers a DISCONNECT");
    }

    /// Waits for the end of the connection; gives the code of a DISCONNECT that came before it.
    pub async fn closed(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some(packet) = self.packet().await {
            if packet.kind == packet::DISCONNECT {
                code = Some(packet.body.first().copied().unwrap_or(0));
            }
        }
        code
    }
}
