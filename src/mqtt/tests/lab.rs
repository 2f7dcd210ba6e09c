//! A whole edge in a temporary folder, and clients for it.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinSet,
    time::timeout,
};

use crate::{
    bridge::Bridge,
    bus,
    chat::{Event, Identity, RoomId, Uid, room::RoomDraft, topic},
    config::Config,
    mqtt::{
        Edge, Peer,
        codec::{
            ConnAck, Connect, DecodeLimits, Packet, PacketId, Properties, Property, Publish, Qos,
            SubAck, Subscribe, SubscribeOptions, Subscription, Unsubscribe, Version, decode,
            encode,
        },
        driver, scenario,
    },
    store::{self, SharedStore, files::Files},
};

/// Where clients come from.
pub(super) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

pub(super) const DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Lab {
    pub(super) edge: Edge,
    pub(super) bridge: Bridge,
    pub(super) store: SharedStore,
    bridge_tasks: JoinSet<()>,
    edge_tasks: JoinSet<()>,
    _dir: TempDir,
}

impl Lab {
    pub(super) async fn open(set: impl FnOnce(&mut Config)) -> Lab {
        let dir = TempDir::new().unwrap();
        let mut config = Config::default();
        config.presence.grace_ms = 600_000;
        config.limits.publish_per_s = 0;
        config.limits.connections_per_address = 0;
        set(&mut config);
        let bus = bus::open(&config);
        let store = store::open("sqlite:", dir.path()).await.unwrap();
        let files =
            Files::open(&dir.path().join("uploads"), crate::bridge::file_quota(&config.uploads))
                .await
                .unwrap();
        let shared = Arc::clone(&store);
        let (bridge, tasks) = Bridge::open(&config, shared, files, Arc::clone(&bus)).await.unwrap();
        let mut bridge_tasks = JoinSet::new();
        for (name, task) in tasks {
            bridge_tasks.spawn(async move { task.await.unwrap_or_else(|e| panic!("{name}: {e}")) });
        }
        let (edge, tasks) = Edge::open(&config, bridge.clone(), &bus).await.unwrap();
        let mut edge_tasks = JoinSet::new();
        for (name, task) in tasks {
            edge_tasks.spawn(async move { task.await.unwrap_or_else(|e| panic!("{name}: {e}")) });
        }
        Lab { edge, bridge, store, bridge_tasks, edge_tasks, _dir: dir }
    }

    pub(super) async fn room(&self, set: impl FnOnce(&mut RoomDraft)) -> RoomId {
        let mut draft = RoomDraft {
            title: "tea".into(),
            max: 10,
            password: None,
            off_record: false,
            keep: true,
        };
        set(&mut draft);
        self.bridge.create(&owner(), draft, HOME).await.unwrap().id
    }

    /// A transport to the edge on which nothing has been said.
    pub(super) fn dial(&self, version: Version) -> Client {
        self.dial_from(version, Peer::tcp(HOME))
    }

    pub(super) fn dial_from(&self, version: Version, peer: Peer) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(theirs);
        let edge = self.edge.clone();
        self.edge.0.connections.spawn(driver::drive(edge, peer, reader, writer, || ()));
        Client { stream: ours, input: BytesMut::new(), version, next_id: 0 }
    }

    pub(super) async fn client(&self, version: Version, client_id: &str) -> Client {
        let mut client = self.dial(version);
        let connect = Connect { client_id: client_id.into(), ..scenario::connect(version) };
        let connack = client.connect(connect).await;
        assert!(!connack.code.is_failure(), "{connack:?}");
        client
    }

    /// Stops everything; every task must end well.
    pub(super) async fn close(mut self) {
        self.edge.stop(DEADLINE).await;
        assert!(self.edge.0.connections.is_empty(), "a connection did not end");
        self.bridge.stop();
        while let Some(ended) = self.bridge_tasks.join_next().await {
            ended.unwrap();
        }
        self.edge_tasks.abort_all();
        self.store.close().await;
    }
}

pub(super) fn owner() -> Identity {
    Identity::browser(Uid::from_entropy([99; 16]))
}

pub(super) struct Client {
    pub(super) stream: DuplexStream,
    input: BytesMut,
    pub(super) version: Version,
    next_id: u16,
}

impl Client {
    pub(super) async fn send(&mut self, packet: Packet) {
        let mut wire = BytesMut::new();
        encode(&packet, self.version, usize::MAX, &mut wire).unwrap();
        self.raw(&wire).await;
    }

    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        timeout(DEADLINE, self.stream.write_all(bytes)).await.unwrap().unwrap();
    }

    /// The next packet; none at the end of the connection.
    pub(super) async fn try_next(&mut self) -> Option<Packet> {
        let limits = DecodeLimits { max_packet_size: usize::MAX, max_user_properties: 100 };
        let next = async {
            loop {
                if let Some(packet) =
                    decode(&mut self.input, Some(self.version), limits).expect("well-formed")
                {
                    return Some(packet);
                }
                match self.stream.read_buf(&mut self.input).await {
                    Ok(0) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        timeout(DEADLINE, next).await.expect("something within the deadline")
    }

    pub(super) async fn next(&mut self) -> Packet {
        self.try_next().await.expect("the connection goes on")
    }

    /// Nothing has been sent: asked by a ping, which is answered behind all that was before.
    pub(super) async fn quiet(&mut self) {
        self.send(Packet::PingReq).await;
        assert_eq!(self.next().await, Packet::PingResp);
    }

    pub(super) async fn connect(&mut self, connect: Connect) -> ConnAck {
        self.send(Packet::Connect(Box::new(connect))).await;
        match self.next().await {
            Packet::ConnAck(connack) => connack,
            other => panic!("no CONNACK but {other:?}"),
        }
    }

    pub(super) fn id(&mut self) -> PacketId {
        self.next_id += 1;
        PacketId::new(self.next_id).unwrap()
    }

    pub(super) async fn ask(
        &mut self,
        filter: &str,
        options: SubscribeOptions,
        user: &[(&str, &str)],
    ) {
        let packet_id = self.id();
        let mut properties = Properties::default();
        for (name, value) in user {
            properties.push(Property::UserProperty(((*name).into(), (*value).into())));
        }
        let subscriptions = vec![Subscription { filter: filter.into(), options }];
        self.send(Packet::Subscribe(Subscribe { packet_id, properties, subscriptions })).await;
    }

    /// The answer to the one filter, as a number.
    pub(super) async fn subscribe(&mut self, filter: &str, qos: Qos) -> u8 {
        self.ask(filter, SubscribeOptions { qos, ..SubscribeOptions::default() }, &[]).await;
        self.suback().await
    }

    pub(super) async fn suback(&mut self) -> u8 {
        match self.next().await {
            Packet::SubAck(SubAck { codes, .. }) => codes[0].value(),
            other => panic!("no SUBACK but {other:?}"),
        }
    }

    pub(super) async fn unsubscribe(&mut self, filter: &str) {
        let packet_id = self.id();
        let (properties, filters) = (Properties::default(), vec![filter.to_owned()]);
        self.send(Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters })).await;
        while !matches!(self.next().await, Packet::UnsubAck(_)) {}
    }

    pub(super) async fn publish(&mut self, topic: &str, qos: Qos, text: &str) -> Option<PacketId> {
        let packet_id = if qos == Qos::AtMostOnce { None } else { Some(self.id()) };
        let publish = Publish {
            dup: false,
            qos,
            retain: false,
            topic: topic.into(),
            packet_id,
            properties: Properties::default(),
            payload: Bytes::copy_from_slice(text.as_bytes()),
        };
        self.send(Packet::Publish(publish)).await;
        packet_id
    }

    /// Says something and waits for its PUBACK.
    pub(super) async fn say(&mut self, room: RoomId, text: &str) -> u8 {
        self.publish(&topic::chat(room), Qos::AtLeastOnce, text).await;
        loop {
            if let Packet::PubAck(ack) = self.next().await {
                return ack.code.value();
            }
        }
    }

    /// The next PUBLISH, acknowledged as its QoS asks; whatever else comes is passed over.
    pub(super) async fn message(&mut self) -> Publish {
        loop {
            if let Packet::Publish(publish) = self.next().await {
                if let (Some(packet_id), Qos::AtLeastOnce) = (publish.packet_id, publish.qos) {
                    let ack = scenario::ack(packet_id.get());
                    self.send(Packet::PubAck(ack)).await;
                }
                return publish;
            }
        }
    }

    pub(super) async fn event(&mut self) -> Event {
        let message = self.message().await;
        serde_json::from_slice(&message.payload)
            .unwrap_or_else(|error| panic!("no event: {error}: {message:?}"))
    }

    /// The texts of the next `count` chat events, with their numbers.
    pub(super) async fn chats(&mut self, count: usize) -> Vec<(u64, String)> {
        let mut chats = Vec::new();
        while chats.len() < count {
            let event = self.event().await;
            if event.kind == crate::chat::Kind::Chat {
                chats.push((event.seq.unwrap_or_default(), event.chat.unwrap_or_default()));
            }
        }
        chats
    }

    pub(super) async fn disconnect(mut self) {
        let code = crate::mqtt::reason::ReasonCode::Success;
        let goodbye = crate::mqtt::codec::Disconnect { code, properties: Properties::default() };
        self.send(Packet::Disconnect(goodbye)).await;
        while self.try_next().await.is_some() {}
    }
}
