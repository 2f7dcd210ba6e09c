//! What comes in masses: connections, promises of large packets, packets with a few bytes changed.
//! Those who behave notice nothing, and what it cost is given back.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::harness::{
    Login, Peer, Server, Store, Visitor, memory,
    packet::{self, frame, properties, text, user_property},
    seeded::Seeded,
    until, within,
};

/// Resident memory in MiB.
pub fn resident(server: &Server) -> usize {
    memory::resident(server) / 1024
}

#[tokio::test]
async fn a_promise_of_256_megabytes_costs_nothing() {
    let server =
        Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0")]).await;
    let before = resident(&server);
    let mut promising = Vec::new();
    for _ in 0..1000 {
        let mut peer = Peer::silent(server.mqtt).await;
        peer.send(&[0x10, 0xFF, 0xFF, 0xFF, 0x7F]).await;
        promising.push(peer);
    }
    for peer in &mut promising {
        peer.closed().await;
    }
    let after = resident(&server);
    assert!(after < before + 64, "from {before} to {after} MiB");
    Peer::connect(&server, &Login::v5("x")).await.ping().await;
}

#[tokio::test]
async fn a_flood_of_connections_leaves_those_inside_alone_and_passes() {
    let settings = [
        ("PARLOR_LIMITS__CONNECTIONS", "50"),
        ("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
        ("PARLOR_LIMITS__CONNECT_MS", "60000"),
    ];
    let server = Server::with(Store::Sqlite, &settings).await;
    let mut inside = Peer::connect(&server, &Login::v5("inside")).await;
    let mut flood = JoinSet::new();
    for number in 0..500 {
        let address = server.mqtt;
        flood.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if number % 2 == 0 {
                let login = Login::v5(&number.to_string()).packet();
                stream.write_all(&login).await.ok();
            }
            stream
        });
    }
    let held = flood.join_all().await;
    for _ in 0..10 {
        inside.ping().await;
    }
    drop(held);
    let later = Login::v5("later");
    until("a place to be free", || Peer::is_let_in(&server, &later)).await;
    inside.ping().await;
}

/// Files that the server has open.
fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count()
}

#[tokio::test]
async fn thousands_of_connections_come_and_go_while_others_talk() {
    const AT_A_TIME: usize = 100;
    const EACH: usize = 30;
    let settings = [
        ("PARLOR_LIMITS__CONNECTIONS", "60"),
        ("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
        ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
    ];
    let server = Server::with(Store::Sqlite, &settings).await;
    let room = Visitor::to(&server).lasting_room().await;
    let topic = format!("chat/{room}");
    let mut inside = Peer::connect(&server, &Login::v5("inside")).await;
    inside.join(&room).await;
    let before = open_files(&server);
    let mut storm = JoinSet::new();
    for number in 0..AT_A_TIME {
        let address = server.mqtt;
        storm.spawn(async move {
            let mut answers = 0;
            for time in 0..EACH {
                let Ok(stream) = TcpStream::connect(address).await else { continue };
                let mut peer = Peer::on(stream, 5);
                peer.send(&Login::v5(&format!("{number} {time}")).packet()).await;
                answers += usize::from(peer.packet().await.is_some());
            }
            answers
        });
    }
    let mut said = 0;
    let mut answers = 0;
    while !storm.is_empty() {
        let text = format!("in the storm {said}");
        assert_eq!(inside.publish(&topic, &text).await, 0);
        inside.events_until(&text).await;
        said += 1;
        while let Some(ended) = storm.try_join_next() {
            answers += ended.unwrap();
        }
    }
    assert!(said > 0 && answers > 60, "{answers} answers");
    until("every connection to be gone", async || open_files(&server) <= before + 2).await;
    for _ in 0..50 {
        Peer::connect(&server, &Login::v5("later")).await.disconnect().await;
    }
    inside.ping().await;
}

#[tokio::test]
async fn ten_thousand_user_properties_are_refused_every_time() {
    let server = Server::start(Store::Sqlite).await;
    let room = Visitor::to(&server).lasting_room().await;
    let many = properties(&user_property("a", "b").repeat(10_000));
    let topic = text(format!("chat/{room}"));
    let publish = frame(0x32, &[topic, vec![0, 9], many, b"x".to_vec()].concat());
    let once = async || {
        let mut peer = Peer::connect(&server, &Login::v5("x")).await;
        peer.send(&publish).await;
        assert!(peer.closed().await.is_some_and(|code| code >= 0x80));
    };
    once().await;
    let before = resident(&server);
    for _ in 0..300 {
        once().await;
    }
    let after = resident(&server);
    assert!(after < before + 32, "from {before} to {after} MiB");
}

/// Valid packets with some bytes changed, left out or doubled, before and after a log-in.
#[tokio::test]
async fn packets_with_changed_bytes_harm_nobody() {
    let mut chance = Seeded::new();
    let settings = [("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"), ("PARLOR_TOPICS__OPEN", "#")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let room = Visitor::to(&server).lasting_room().await;
    let mut inside = Peer::connect(&server, &Login::v5("inside")).await;
    inside.join(&room).await;
    let topic = text(format!("chat/{room}"));
    let expiry = [2, 0, 0, 0, 9];
    let corpus: Vec<Vec<u8>> = vec![
        Login::v5("c").will("a", "b").user("u", "p").lasting().packet(),
        Login::v4("c").will("a", "b").packet(),
        frame(0x32, &[topic.clone(), vec![0, 1], properties(&expiry), b"x".to_vec()].concat()),
        frame(0x35, &[text("a"), vec![0, 2], properties(&user_property("a", "b"))].concat()),
        frame(0x82, &[vec![0, 3, 2, 0x0B, 7], topic, vec![2], text("a/+"), vec![0x2D]].concat()),
        frame(0xA2, &[vec![0, 4, 0], text("a/+")].concat()),
        frame(0x62, &[0, 2]),
        frame(0xE0, &[4, 5, 0x11, 0, 0, 0, 9]),
        packet::PINGREQ.to_vec(),
    ];
    for number in 0..3000 {
        let mut bytes = if number % 2 == 0 { Vec::new() } else { Login::v5("c").packet() };
        let logged_in = bytes.len();
        for _ in 0..chance.between(1, 4) {
            bytes.extend(chance.pick(&corpus));
        }
        for _ in 0..chance.between(1, 5) {
            let at = logged_in + chance.below(bytes.len() - logged_in);
            match chance.below(3) {
                0 => bytes[at] = chance.next() as u8,
                1 if bytes.len() > logged_in + 1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, chance.next() as u8),
            }
        }
        let mut stream = TcpStream::connect(server.mqtt).await.unwrap();
        stream.write_all(&bytes).await.ok();
        stream.shutdown().await.ok();
        // All of it has been read, not lost with the connection, when the server closes its side.
        within("the end", stream.read_to_end(&mut Vec::new())).await.ok();
    }
    inside.ping().await;
    Peer::connect(&server, &Login::v5("new")).await.ping().await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
