//! What no client may send, each by its name: the connection ends, with the code in MQTT 5 and
//! without a word in MQTT 3.1.1, and nobody else notices. Tables of more of the kind stand in
//! `corners.rs` and in the codec; WebSocket's own rules in `websocket.rs`.

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    packet::{frame, text},
    websocket,
};

const MALFORMED: u8 = 0x81;
const PROTOCOL_ERROR: u8 = 0x82;

/// A server, and somebody there who must not notice.
struct Scene {
    server: Server,
    other: Peer,
}

impl Scene {
    async fn open() -> Self {
        let server = Server::with(Store::Sqlite, &[("PARLOR_TOPICS__OPEN", "a/#")]).await;
        let mut other = Peer::connect(&server, &Login::v5("other")).await;
        assert_eq!(other.subscribe("a/#").await, 1);
        Self { server, other }
    }

    /// These bytes, after a CONNECT of MQTT 5, end the connection with this code.
    async fn ends_v5(&mut self, bytes: &[u8], code: u8) {
        let mut peer = Peer::connect(&self.server, &Login::v5("five")).await;
        peer.send(bytes).await;
        assert_eq!(peer.closed().await, Some(code), "{bytes:x?}");
        self.nobody_noticed().await;
    }

    /// These bytes, after a CONNECT of MQTT 3.1.1, end the connection.
    async fn ends_v4(&mut self, bytes: &[u8]) {
        let mut peer = Peer::connect(&self.server, &Login::v4("older")).await;
        peer.send(bytes).await;
        assert_eq!(peer.closed().await, None, "{bytes:x?}");
        self.nobody_noticed().await;
    }

    /// These bytes as the first end the connection, and nobody is let in.
    async fn ends_first(&mut self, bytes: &[u8]) {
        let mut peer = Peer::silent(self.server.mqtt).await;
        peer.send(bytes).await;
        assert_eq!(peer.packet().await, None, "{bytes:x?}");
        self.nobody_noticed().await;
    }

    async fn nobody_noticed(&mut self) {
        self.other.ping().await;
        assert_eq!(self.other.messages_so_far(), [], "something was forwarded");
    }
}

#[tokio::test]
async fn a_malformed_remaining_length_ends_the_connection() {
    let mut scene = Scene::open().await;
    for length in [
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x01][..], // five bytes
        &[0x80, 0x80, 0x80, 0x80],           // and no end of them
        &[0x80, 0x00],                       // 0 in two bytes
        &[0xFF, 0x80, 0x00],                 // 127 in three
    ] {
        scene.ends_v5(&[&[0x30], length].concat(), MALFORMED).await;
        scene.ends_v4(&[&[0x30], length].concat()).await;
        scene.ends_first(&[&[0x10], length].concat()).await;
    }
}

#[tokio::test]
async fn reserved_bits_end_the_connection() {
    let mut scene = Scene::open().await;
    let id = [0, 1];
    // Flags that each type must not have, or must have.
    for first in [0x41, 0x51, 0x60, 0x61, 0x71, 0xC1, 0xE1, 0x80, 0x8A, 0xA0, 0xA3] {
        scene.ends_v5(&frame(first, &id), MALFORMED).await;
        scene.ends_v4(&frame(first, &id)).await;
    }
    // Those of a subscription's options: two in MQTT 5, six before it.
    let subscribe =
        |list: &[u8], options: u8| frame(0x82, &[&id[..], list, &text("a/b"), &[options]].concat());
    scene.ends_v5(&subscribe(&[0], 0x40), MALFORMED).await;
    scene.ends_v5(&subscribe(&[0], 0x80), MALFORMED).await;
    scene.ends_v4(&subscribe(&[], 0x04)).await;
    for login in [Login::v5("x"), Login::v4("x")] {
        let mut connect = login.packet();
        connect[9] |= 1;
        scene.ends_first(&connect).await;
        connect = login.packet();
        connect[0] |= 1;
        scene.ends_first(&connect).await;
    }
}

#[tokio::test]
async fn a_string_that_is_not_utf_8_ends_the_connection() {
    let mut scene = Scene::open().await;
    // No beginning, no end, longer than need be, a surrogate, beyond U+10FFFF.
    for bad in [&b"\xFF"[..], b"\xE2\x82", b"\xC0\xAF", b"\xED\xA0\x80", b"\xF4\x90\x80\x80"] {
        let topic = text([b"a/", bad].concat());
        scene.ends_v5(&frame(0x30, &[&topic[..], &[0], b"x"].concat()), MALFORMED).await;
        scene.ends_v5(&frame(0x82, &[&[0, 1, 0], &topic[..], &[0]].concat()), MALFORMED).await;
        scene.ends_v4(&frame(0x30, &[&topic[..], b"x"].concat())).await;
        let connect = [&text("MQTT")[..], &[4, 2, 0, 60], &text(bad)].concat();
        scene.ends_first(&frame(0x10, &connect)).await;
    }
}

#[tokio::test]
async fn the_character_u_0000_ends_the_connection() {
    let mut scene = Scene::open().await;
    let topic = text("a/\0");
    scene.ends_v5(&frame(0x30, &[&topic[..], &[0], b"x"].concat()), MALFORMED).await;
    scene.ends_v4(&frame(0x30, &[&topic[..], b"x"].concat())).await;
    scene.ends_v5(&frame(0xA2, &[&[0, 1, 0], &topic[..]].concat()), MALFORMED).await;
    scene.ends_v4(&frame(0x82, &[&[0, 1], &topic[..], &[0]].concat())).await;
    scene.ends_first(&Login::v5("a\0b").packet()).await;
    scene.ends_first(&Login::v4("a\0b").packet()).await;
}

#[tokio::test]
async fn a_wildcard_in_a_topic_name_ends_the_connection() {
    let mut scene = Scene::open().await;
    for name in ["a/+", "a/#", "#", "a+b", "a/b#"] {
        scene.ends_v5(&frame(0x30, &[&text(name)[..], &[0], b"x"].concat()), 0x90).await;
        scene.ends_v4(&frame(0x32, &[&text(name)[..], &[0, 1], b"x"].concat())).await;
        scene.ends_first(&Login::v4("x").will(name, "y").packet()).await;
    }
}

#[tokio::test]
async fn packet_identifier_0_ends_the_connection() {
    let mut scene = Scene::open().await;
    let topic = text("a/b");
    for (first, rest) in
        [(0x40, &[][..]), (0x50, &[]), (0x62, &[]), (0x70, &[]), (0x82, &topic), (0xA2, &topic)]
    {
        let options: &[u8] = if first == 0x82 { &[0] } else { &[] };
        let list: &[u8] = if rest.is_empty() { &[] } else { &[0] };
        let v5 = frame(first, &[&[0, 0], list, rest, options].concat());
        scene.ends_v5(&v5, PROTOCOL_ERROR).await;
        scene.ends_v4(&frame(first, &[&[0, 0], rest, options].concat())).await;
    }
    for first in [0x32, 0x34] {
        let v5 = frame(first, &[&topic[..], &[0, 0, 0], b"x"].concat());
        scene.ends_v5(&v5, PROTOCOL_ERROR).await;
        scene.ends_v4(&frame(first, &[&topic[..], &[0, 0], b"x"].concat())).await;
    }
}

#[tokio::test]
async fn a_second_connect_ends_the_connection() {
    let mut scene = Scene::open().await;
    scene.ends_v5(&Login::v5("five").packet(), PROTOCOL_ERROR).await;
    scene.ends_v5(&Login::v4("another").packet(), PROTOCOL_ERROR).await;
    // Of a version that nobody speaks: 0x84 is for the first CONNECT only.
    let unknown = Login { version: 6, ..Login::v5("unknown") };
    scene.ends_v5(&unknown.packet(), PROTOCOL_ERROR).await;
    scene.ends_v4(&Login::v4("older").packet()).await;
    scene.ends_v4(&Login::v5("another").packet()).await;
}

#[tokio::test]
async fn a_packet_before_connect_ends_the_connection() {
    let mut scene = Scene::open().await;
    let publish = frame(0x30, &[&text("a/b")[..], &[0], b"x"].concat());
    let subscribe = frame(0x82, &[&[0, 1, 0], &text("a/b")[..], &[0]].concat());
    let unsubscribe = frame(0xA2, &[&[0, 1, 0], &text("a/b")[..]].concat());
    for packet in [publish, subscribe, unsubscribe] {
        scene.ends_first(&[packet, Login::v5("too late").packet()].concat()).await;
    }
    for first in [0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0] {
        let body: &[u8] = if first < 0xC0 { &[0, 1] } else { &[] };
        scene.ends_first(&frame(first, body)).await;
    }
}

#[tokio::test]
async fn an_upgrade_without_the_subprotocol_mqtt_is_refused() {
    let server = Server::start(Store::Sqlite).await;
    let ours = server.url("");
    let other = ("sec-websocket-protocol", "mqttv3.1, chat");
    for headers in [vec![], vec![("origin", &ours[..])], vec![other, ("origin", &ours)]] {
        assert_eq!(websocket::upgrade(&server, &headers).await.err(), Some(400), "{headers:?}");
    }
    websocket::page(&server, &Visitor::to(&server), "page").await.ping().await;
}
