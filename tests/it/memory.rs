//! What comes and goes, or is never answered: it is capped, and what it cost is given back.
//!
//! Each scenario runs here in small, with limits that only a leak or a missing cap exceeds, and in
//! `soak.rs` in large, where it prints its figures. An allocator keeps what it has once had, so a
//! scenario is run before it is measured: what then still grows with each round is a leak.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    memory::{self, Memory},
    packet::{self, frame, text},
    until,
    visitor::id_of,
};

pub const SETTINGS: [(&str, &str); 7] = [
    ("PARLOR_TOPICS__OPEN", "flood/#"),
    ("PARLOR_LIMITS__PUBLISH_PER_S", "0"),
    ("PARLOR_LIMITS__CONTROL_PER_S", "0"),
    ("PARLOR_LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
    ("PARLOR_LIMITS__ROOMS_PER_MINUTE", "0"),
    ("PARLOR_ROOMS__PER_IDENTITY", "0"),
    ("PARLOR_LOG__LEVEL", "warn"),
];

/// As many as there are packet identifiers.
pub const ALL_IDS: usize = 65_535;

/// With the settings above and these; and with what the environment says of the allocator, so that
/// `MALLOC_ARENA_MAX=1` can show what is kept by it and what by the server.
pub async fn server(more: &[(&str, &str)]) -> Server {
    let allocator: Vec<(String, String)> =
        std::env::vars().filter(|(name, _)| name.starts_with("MALLOC_")).collect();
    let allocator = allocator.iter().map(|(name, value)| (&name[..], &value[..]));
    let all: Vec<_> = SETTINGS.into_iter().chain(more.iter().copied()).chain(allocator).collect();
    Server::with(Store::Sqlite, &all).await
}

/// Publishes at QoS 2 without ever releasing an identifier. Gives how many were answered until the
/// connection ended or all had been sent, and the end's code.
pub async fn never_released(server: &Server, login: &Login) -> (usize, Option<u8>, Memory) {
    let mut peer = Peer::connect(server, login).await;
    let before = memory::begin(server);
    let (mut answered, mut code) = (0, None);
    'all: for ids in (1..=ALL_IDS as u16).collect::<Vec<_>>().chunks(200) {
        let packets: Vec<u8> = ids
            .iter()
            .flat_map(|id| peer.publication(0x34, "flood/a", id.to_be_bytes(), b"hello"))
            .collect();
        peer.send(&packets).await;
        for _ in ids {
            match peer.packet().await {
                Some(answer) if answer.kind == packet::PUBREC => answered += 1,
                Some(answer) => code = answer.body.first().copied(),
                None => break 'all,
            }
        }
    }
    let held = memory::since(server, before);
    drop(peer);
    until_nobody_but(server, 0).await;
    (answered, code, Memory { after: memory::resident(server), ..held })
}

/// Somebody who reads what comes at QoS 1 and acknowledges none of it. Gives how many came until
/// the connection ended or all had come, and the end's code.
pub async fn never_acknowledged(server: &Server, count: usize) -> (usize, Option<u8>, Memory) {
    let mute = Login { keep_alive: 0, ..Login::v5("mute") };
    let mut mute = Peer::connect(server, &mute).await;
    assert_eq!(mute.subscribe("flood/b").await, 1);
    let mut speaker = Peer::connect(server, &Login::v5("speaker")).await;
    let before = memory::begin(server);
    let said = async {
        let message = speaker.publication(0x32, "flood/b", [0, 1], &[b'x'; 100]);
        for start in (0..count).step_by(50) {
            let batch = 50.min(count - start);
            speaker.send(&message.repeat(batch)).await;
            for _ in 0..batch {
                assert_eq!(speaker.packet().await.unwrap().kind, packet::PUBACK);
            }
        }
    };
    let heard = async {
        let (mut came, mut code) = (0, None);
        while came < count {
            match mute.packet().await {
                Some(packet) if packet.kind == packet::PUBLISH => came += 1,
                Some(packet) => code = packet.body.first().copied(),
                None => break,
            }
        }
        (came, code)
    };
    let ((), (came, code)) = tokio::join!(said, heard);
    let held = memory::since(server, before);
    drop((mute, speaker));
    until_nobody_but(server, 0).await;
    (came, code, Memory { after: memory::resident(server), ..held })
}

/// Subscribes to filters that nobody has had before and gives them up again, fifty at a time.
pub async fn subscriptions_come_and_go(server: &Server, start: usize, count: usize) -> Memory {
    let mut peer = Peer::connect(server, &Login::v5("fickle")).await;
    let before = memory::begin(server);
    for first in (start..start + count).step_by(50) {
        let filters = (first..first + 50).map(|number| text(format!("flood/{number}/+/x")));
        let (mut subscribe, mut unsubscribe) = (vec![0, 1, 0], vec![0, 2, 0]);
        for filter in filters {
            subscribe.extend([&filter[..], &[1]].concat());
            unsubscribe.extend(filter);
        }
        peer.send(&[frame(0x82, &subscribe), frame(0xA2, &unsubscribe)].concat()).await;
        for kind in [packet::SUBACK, packet::UNSUBACK] {
            let answer = peer.packet().await.expect("an answer");
            let codes = &answer.body[answer.body.len() - 50..];
            assert_eq!(answer.kind, kind);
            assert!(codes.iter().all(|code| *code < 0x10), "{codes:?}");
        }
    }
    memory::since(server, before)
}

/// Somebody new connects, says something and goes, every other time without a word.
pub async fn connections_come_and_go(server: &Server, start: usize, count: usize) -> Memory {
    let before = memory::begin(server);
    let one_after_the_other = |from: usize| async move {
        for number in (from..start + count).step_by(8) {
            let mut peer = Peer::connect(server, &Login::v5(&format!("c{number}"))).await;
            assert_eq!(peer.publish("flood/c", "hello").await, 0);
            if number % 2 == 0 {
                peer.disconnect().await;
            }
        }
    };
    join_all((start..start + 8).map(one_after_the_other)).await;
    until_nobody_but(server, 0).await;
    memory::since(server, before)
}

/// Rooms are made, spoken in and removed, with somebody who watches the directory.
pub async fn rooms_come_and_go(server: &Server, count: usize) -> Memory {
    let mut watcher = Peer::connect(server, &Login::v5("watcher")).await;
    assert_eq!(watcher.subscribe("rooms/+").await, 1);
    let host = Visitor::to(server);
    host.cookie().await;
    let before = memory::begin(server);
    let one_after_the_other = |share: usize| {
        let host = host.clone();
        async move {
            for number in 0..share {
                let room = host.create(json!({"title": format!("room {number}")})).await;
                let path = format!("/room/{}", id_of(&room));
                let response = host.ask(Method::DELETE, &path).send().await.unwrap();
                assert!(response.status().is_success());
            }
        }
    };
    let all = join_all((0..10).map(|_| one_after_the_other(count / 10)));
    let mut cleared = 0;
    let watched = async {
        while cleared < count / 10 * 10 {
            cleared += usize::from(watcher.message().await.payload.is_empty());
        }
    };
    tokio::join!(all, watched);
    drop(watcher);
    until_nobody_but(server, 0).await;
    memory::since(server, before)
}

/// Waits until the server has done with all connections but so many.
pub async fn until_nobody_but(server: &Server, count: usize) {
    let visitor = Visitor::to(server);
    let wanted = format!("parlor_clients_connected {count}");
    until("the connections to be gone", || {
        let (visitor, wanted) = (visitor.clone(), wanted.clone());
        async move {
            let metrics = visitor.get("/metrics").await.text().await.unwrap();
            metrics.lines().any(|line| line == wanted)
        }
    })
    .await;
}

fn assert_stays(memory: Memory, items: usize) {
    // A kilobyte for each of them would be a leak; the rest is the allocator's to keep.
    let most = memory.before + 6 * 1024 + items;
    assert!(memory.after <= most, "{memory} after {items}");
}

#[tokio::test]
async fn qos_2_messages_that_are_never_released_are_capped() {
    let server = server(&[]).await;
    let (answered, code, memory) = never_released(&server, &Login::v5("five")).await;
    assert!(answered <= 256 && code == Some(0x93), "{answered}, {code:?}, {memory}");
    let (answered, code, memory) = never_released(&server, &Login::v4("older")).await;
    assert!(answered <= 1024 + 256 && code.is_none(), "{answered}, {code:?}, {memory}");
    assert_stays(memory, answered);
}

#[tokio::test]
async fn deliveries_that_are_never_acknowledged_are_capped_and_hold_nobody_up() {
    let server = server(&[("PARLOR_LIMITS__QUEUED_MESSAGES", "500")]).await;
    never_acknowledged(&server, 1000).await;
    let (came, code, memory) = never_acknowledged(&server, 3000).await;
    // Fewer than the window when its queue was full before the server came to send.
    assert!(came <= 256 && code == Some(0x97), "{came}, {code:?}, {memory}");
    assert_stays(memory, 1000);
}

#[tokio::test]
async fn subscriptions_that_come_and_go_leave_nothing_behind() {
    let server = server(&[]).await;
    subscriptions_come_and_go(&server, 0, 2000).await;
    assert_stays(subscriptions_come_and_go(&server, 2000, 6000).await, 6000);
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let server = server(&[]).await;
    connections_come_and_go(&server, 0, 400).await;
    assert_stays(connections_come_and_go(&server, 400, 800).await, 800);
}

#[tokio::test]
async fn rooms_that_come_and_go_leave_nothing_behind() {
    let server = server(&[("PARLOR_ROUTER__MAX_SEGMENT_SIZE", "65536")]).await;
    rooms_come_and_go(&server, 300).await;
    assert_stays(rooms_come_and_go(&server, 600).await, 600);
}
