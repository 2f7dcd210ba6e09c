//! The scenarios of `memory.rs` in large, and what others feel beside somebody who misbehaves: each
//! prints its figures. Left out of the ordinary run, since they take minutes: `make soak`.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt, net::TcpSocket, time::timeout};

use crate::{
    harness::{
        Login, Peer, Server, Visitor,
        memory::{self, Memory},
        until, within,
    },
    memory::{
        ALL_IDS, connections_come_and_go, never_acknowledged, never_released, rooms_come_and_go,
        server, subscriptions_come_and_go,
    },
};

const UNBOUNDED: [(&str, &str); 2] =
    [("PARLOR_LIMITS__INFLIGHT", "65535"), ("PARLOR_LIMITS__QUEUED_MESSAGES", "65535")];

/// Memory in each round; what a round adds when the first has made its room is what would leak.
fn report(what: &str, rounds: &[Memory], items: usize) {
    for (number, round) in rounds.iter().enumerate() {
        println!("{what}, round {}: {round}", number + 1);
    }
    let (first, last) = (rounds[rounds.len() / 2 - 1], rounds[rounds.len() - 1]);
    let added = last.after.saturating_sub(first.after) * 1024;
    let per_item = added / (items * (rounds.len() - rounds.len() / 2));
    println!("{what}: {per_item} bytes stay of each in the second half");
    assert!(per_item < 64, "{what} leak");
}

#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn qos_2_identifiers_all_taken_and_never_released() {
    let server = server(&UNBOUNDED).await;
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let (answered, code, memory) = never_released(&server, &Login::v5("greedy")).await;
        assert_eq!((answered, code), (ALL_IDS, None));
        rounds.push(memory);
    }
    report("65,535 QoS 2 messages never released", &rounds, ALL_IDS);
}

#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn qos_1_deliveries_all_on_their_way_and_never_acknowledged() {
    let more = [&UNBOUNDED[..], &[("PARLOR_LIMITS__QUEUED_BYTES", "67108864")]].concat();
    let server = server(&more).await;
    let mut rounds = Vec::new();
    for _ in 0..8 {
        let (came, code, memory) = never_acknowledged(&server, ALL_IDS).await;
        assert_eq!((came, code), (ALL_IDS, None));
        rounds.push(memory);
    }
    report("65,535 QoS 1 deliveries never acknowledged", &rounds, ALL_IDS);
}

#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn a_hundred_thousand_subscriptions_come_and_go() {
    let server = server(&[]).await;
    let mut rounds = Vec::new();
    for round in 0..4 {
        rounds.push(subscriptions_come_and_go(&server, round * 25_000, 25_000).await);
    }
    report("25,000 subscriptions to filters of their own", &rounds, 25_000);
}

#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn eighty_thousand_connections_come_and_go() {
    let server = server(&[]).await;
    let mut rounds = Vec::new();
    // So many that a step of the allocator's, 2 MiB, is no leak of each.
    for round in 0..16 {
        rounds.push(connections_come_and_go(&server, round * 5000, 5000).await);
    }
    report("5,000 connections", &rounds, 5000);
}

/// With a small ring in the router, so that what it keeps of the stream does not hide a leak.
#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn a_hundred_thousand_rooms_come_and_go() {
    let server = server(&[("PARLOR_ROUTER__MAX_SEGMENT_SIZE", "65536")]).await;
    let count = std::env::var("SOAK_ROOMS").map_or(100_000, |count| count.parse().unwrap());
    let mut rounds = Vec::new();
    for _ in 0..4 {
        rounds.push(rooms_come_and_go(&server, count / 4).await);
    }
    report(&format!("{} rooms", count / 4), &rounds, count / 4);
}

/// How long each message took to every reader, sorted.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    fn show(&self) -> String {
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize];
        let [half, most] = [at(0.5), at(0.99)].map(|took| took.as_secs_f64() * 1000.0);
        format!("p50 {half:.1} ms, p99 {most:.1} ms of {}", self.0.len())
    }
}

/// So many messages, one every `pause`, from one to each of the readers.
async fn talk(
    speaker: &mut Peer,
    readers: &mut [Peer],
    count: usize,
    pause: Duration,
) -> Latencies {
    let begun = Instant::now();
    let said = async {
        let mut tick = tokio::time::interval(pause);
        for _ in 0..count {
            tick.tick().await;
            let mut payload = begun.elapsed().as_nanos().to_string().into_bytes();
            payload.resize(8000, b' ');
            assert_eq!(speaker.publish("flood/slow", payload).await, 0);
        }
    };
    let heard = join_all(readers.iter_mut().map(|reader| async move {
        let mut took = Vec::new();
        for _ in 0..count {
            let message = reader.message().await;
            let sent: u64 = String::from_utf8_lossy(&message.payload).trim().parse().unwrap();
            took.push(begun.elapsed().saturating_sub(Duration::from_nanos(sent)));
        }
        took
    }));
    let ((), took) = tokio::join!(said, heard);
    Latencies::of(took.concat())
}

/// The same talk without and with somebody who has stopped reading, in one run.
#[tokio::test]
#[ignore = "takes minutes: make soak"]
async fn beside_a_slow_reader_others_go_on() {
    const COUNT: usize = 4000;
    let pause = Duration::from_millis(2);
    let server = server(&[]).await;
    let mut readers = Vec::new();
    for number in 0..10 {
        let mut reader = Peer::connect(&server, &Login::v5(&format!("reader {number}"))).await;
        assert_eq!(reader.subscribe("flood/slow").await, 1);
        readers.push(reader);
    }
    let mut speaker = Peer::connect(&server, &Login::v5("speaker")).await;
    talk(&mut speaker, &mut readers, 500, pause).await;
    for round in 1..=2 {
        let before = memory::begin(&server);
        let alone = talk(&mut speaker, &mut readers, COUNT, pause).await;
        println!("ten readers: {}; {}", alone.show(), memory::since(&server, before));
        let mut slow = Peer::connect(&server, &Login::v5("slow")).await;
        assert_eq!(slow.subscribe_with("flood/slow", 0, &[]).await, 0);
        let before = memory::begin(&server);
        let beside = talk(&mut speaker, &mut readers, COUNT, pause).await;
        let memory = memory::since(&server, before);
        println!("and one that has stopped reading: {}; {memory}", beside.show());
        // What its mailbox may hold, twice: as it was said, and as it is sent.
        assert!(memory.peak < memory.before + 16 * 1024, "{memory}");
        // It has been cut off. What it was told last it may not have taken.
        let metrics = Visitor::to(&server).get("/metrics").await.text().await.unwrap();
        let cut_off = format!("parlor_sessions_slow_total {round}");
        assert!(metrics.lines().any(|line| line == cut_off), "{metrics}");
        slow.closed().await;
    }
}

/// Connections as fast as they can be made, for some seconds, a thousand of them let in at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make soak"]
async fn through_a_storm_of_connections_those_inside_go_on() {
    let more = [("PARLOR_LIMITS__CONNECTIONS", "1000"), ("PARLOR_LIMITS__CONNECT_MS", "2000")];
    let server = Arc::new(server(&more).await);
    let mut inside = Peer::connect(&server, &Login::v5("inside")).await;
    inside.subscribe("flood/slow").await;
    let before = memory::begin(&server);
    let calm = pings(&mut inside, Duration::from_secs(2)).await;
    println!("before the storm: {}", calm.show());
    let storm = join_all((0..16).map(|number| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { connect_until(&server, number, Duration::from_secs(8)).await })
    }));
    let (storm, felt) = tokio::join!(storm, pings(&mut inside, Duration::from_secs(8)));
    let tried: usize = storm.iter().map(|one| *one.as_ref().unwrap()).sum();
    println!("in the storm of {} connects/s: {}", tried / 8, felt.show());
    let begun = Instant::now();
    let later = Login::v5("later");
    until("a place to be free", || Peer::is_let_in(&server, &later)).await;
    println!("a place is free after {} ms", begun.elapsed().as_millis());
    let after = pings(&mut inside, Duration::from_secs(2)).await;
    println!("after it: {}; {}", after.show(), memory::since(&server, before));
    assert!(memory::since(&server, before).peak < before + 128 * 1024);
    Visitor::to(&server).page("/", "en").await;
}

async fn pings(peer: &mut Peer, time: Duration) -> Latencies {
    let mut took = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let sent = Instant::now();
        peer.ping().await;
        took.push(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Latencies::of(took)
}

/// Half of them say a CONNECT, all of them go at once. Gives how many were made.
async fn connect_until(server: &Server, number: usize, time: Duration) -> usize {
    let end = Instant::now() + time;
    let (mut count, mut held) = (0, Vec::new());
    let login = Login::v5(&format!("storm {number}")).packet();
    while Instant::now() < end {
        // An address of its own for each task: one has too few ports for a storm.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 1, number as u8], 0))).ok();
        let connecting = timeout(Duration::from_secs(1), socket.connect(server.mqtt));
        if let Ok(Ok(mut stream)) = connecting.await {
            count += 1;
            if count % 2 == 0 {
                stream.write_all(&login).await.ok();
            }
            held.push(stream);
        }
        if held.len() > 50 {
            held.clear();
        }
    }
    within("the last of them", async { drop(held) }).await;
    count
}
