//! What else a broker is asked: many who come at once, the directory, history, rest, many rooms.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use crate::{
    link::{Incoming, Kind},
    report::{Table, millis, quantile, thousands},
    server::{Http, Paths, Server, Target, Usage},
    swarm::{Client, Dialect, Swarm},
    wire::{self, Packet, Version},
};

const TCP: Dialect = Dialect { kind: Kind::Mqtt, version: Version::V4, qos: 0 };
const WS: Dialect = Dialect { kind: Kind::WebSocket, ..TCP };

fn nobody_twice(name: &str, count: usize) -> impl Iterator<Item = Client> + use<'_> {
    (0..count).map(move |n| Client { id: format!("{name}-{n}"), login: None, filter: None })
}

fn brokers(targets: &[Target]) -> impl Iterator<Item = Target> + '_ {
    let speaks = |one: &Target| !matches!(one, Target::SocketIo | Target::OffRecord);
    targets.iter().copied().filter(speaks)
}

/// Connections per second: TCP, CONNECT, CONNACK, DISCONNECT.
pub fn storm(paths: &Paths, targets: &[Target]) -> io::Result<Table> {
    const EACH: usize = 1500;
    const ROUNDS: usize = 5;
    let mut table = Table::new(
        "Connect storm: connections accepted and greeted per second (median of 5 times 1,500), server's µs of processor each",
        &["", "per second", "µs each"],
    );
    let mut servers = Vec::new();
    for target in brokers(targets) {
        servers.push((Server::start(target, paths, &[])?, Vec::new(), 0.0));
    }
    for round in 0..ROUNDS {
        for (server, rates, cpu) in &mut servers {
            let (before, start) = (server.usage().cpu, Instant::now());
            let mut swarm = Swarm::new()?;
            let name = format!("storm{round}");
            swarm.join(server.address(Kind::Mqtt), TCP, nobody_twice(&name, EACH))?;
            rates.push(EACH as f64 / start.elapsed().as_secs_f64());
            (0..EACH).try_for_each(|number| swarm.send(number, wire::disconnect))?;
            drop(swarm);
            server.rest();
            *cpu += server.usage().cpu - before;
        }
    }
    for (server, mut rates, cpu) in servers {
        rates.sort_unstable_by(f64::total_cmp);
        let each = cpu * 1e6 / (ROUNDS * EACH) as f64;
        let rate = thousands(rates[rates.len() / 2]);
        table.rows.push(vec![server.target.name().into(), rate, format!("{each:.0}")]);
    }
    Ok(table)
}

/// The directory of 10,000 rooms, for a new subscriber.
pub fn directory(paths: &Paths, targets: &[Target]) -> io::Result<Table> {
    const ROOMS: usize = 10_000;
    const ROUNDS: usize = 7;
    let mut table = Table::new(
        "Directory: a new subscriber to `rooms/+` among 10,000 retained cards",
        &["", "cards received", "ms until the last (median)"],
    );
    for target in brokers(targets) {
        let target = if target == Target::Parlor { Target::OffRecord } else { target };
        let mut server = Server::start(target, paths, &[])?;
        if target.is_parlor() {
            server.rooms(ROOMS)?;
        } else {
            let mut swarm = Swarm::new()?;
            let one = nobody_twice("cards", 1);
            swarm.join(server.address(Kind::Mqtt), TCP, one)?;
            let card = format!("{{\"id\":\"x\",\"title\":\"bench\",{:>170}}}", " ");
            for room in 0..ROOMS {
                let start = swarm.links[0].out.len();
                let topic = format!("rooms/{room:012}");
                let out = &mut swarm.links[0].out;
                wire::publish(out, Version::V4, &topic, None, card.as_bytes());
                out[start] |= 1;
            }
            swarm.send(0, |_| {})?;
            swarm.settle(Duration::from_millis(500), false)?;
        }
        server.rest();
        let (mut times, mut received) = (Vec::new(), 0);
        for round in 0..ROUNDS {
            let mut swarm = Swarm::new()?;
            let reader = nobody_twice(&format!("reader{round}"), 1).collect::<Vec<_>>();
            swarm.join(server.address(Kind::Mqtt), TCP, reader.into_iter())?;
            let start = Instant::now();
            swarm.send(0, |out| wire::subscribe(out, Version::V4, "rooms/+", 0))?;
            received = 0;
            let mut last = start;
            while received < ROOMS && last.elapsed() < Duration::from_secs(2) {
                swarm.turn(Duration::from_millis(10), |_, _, incoming| {
                    if let Incoming::Packet(packet) = incoming
                        && packet.kind() == Packet::PUBLISH
                    {
                        received += 1;
                        last = Instant::now();
                    }
                })?;
            }
            times.push((last - start).as_micros() as u32);
        }
        times.sort_unstable();
        let median = millis(quantile(&times, 0.5));
        table.rows.push(vec![target.name().into(), thousands(received as f64), median]);
    }
    Ok(table)
}

/// A page of 50 from the middle of a short log and of one of a million.
pub fn history(paths: &Paths) -> io::Result<Table> {
    const ASKED: u64 = 500;
    let mut table = Table::new(
        "History: a page of 50 by HTTP from random places of a room's log, on one connection",
        &["messages in the room", "pages per second", "p50 ms", "p99 ms"],
    );
    let mut server = Server::start(Target::Parlor, paths, &[])?;
    for messages in [1_000, 1_000_000] {
        let topic = server.rooms(1)?.remove(0);
        say(&server, &topic, messages)?;
        server.rest();
        let mut http = Http::to(server.address(Kind::Http))?;
        let room = topic.trim_start_matches("chat/");
        let mut times = Vec::new();
        for asked in 0..ASKED {
            // Scattered, and the same ones each time.
            let before = 60 + asked * 7_919_993 % (messages - 60);
            let path = format!("/room/{room}/chats?before={before}&limit=50");
            let start = Instant::now();
            http.ask("GET", &path, "")?;
            times.push(start.elapsed().as_micros() as u32);
        }
        times.sort_unstable();
        let total: f64 = times.iter().map(|micros| f64::from(*micros) / 1e6).sum();
        table.rows.push(vec![
            thousands(messages as f64),
            thousands(ASKED as f64 / total),
            millis(quantile(&times, 0.5)),
            millis(quantile(&times, 0.99)),
        ]);
    }
    Ok(table)
}

/// Says so many things in a room, at QoS 1, and waits until they are stored.
fn say(server: &Server, topic: &str, messages: u64) -> io::Result<()> {
    const SENDERS: u64 = 50;
    const IN_FLIGHT: u64 = 50;
    let mut swarm = Swarm::new()?;
    let clients = nobody_twice(topic, SENDERS as usize);
    swarm.join(server.address(Kind::Mqtt), TCP, clients)?;
    let text = b"a message of the usual length";
    let publish = |out: &mut Vec<u8>| wire::publish(out, Version::V4, topic, Some(1), text);
    let (mut sent, mut stored) = (0, 0);
    for sender in 0..SENDERS {
        for _ in 0..IN_FLIGHT.min(messages / SENDERS) {
            swarm.send(sender as usize, publish)?;
            sent += 1;
        }
    }
    while stored < messages {
        swarm.turn(Duration::from_millis(10), |_, out, incoming| {
            if let Incoming::Packet(packet) = incoming
                && packet.kind() == Packet::PUBACK
            {
                stored += 1;
                if sent < messages {
                    publish(out);
                    sent += 1;
                }
            }
        })?;
    }
    Ok(())
}

/// Resident memory for each connection that rests.
pub fn idle(paths: &Paths, targets: &[Target], counts: &[usize]) -> io::Result<Table> {
    let mut table = Table::new(
        "Connections that rest: KiB of resident memory each (and what all of them cost in a second, in ms of processor)",
        &["", "connections", "TCP", "WebSocket"],
    );
    for target in brokers(targets) {
        for count in counts {
            let mut row = vec![target.name().to_owned(), thousands(*count as f64)];
            for dialect in [TCP, WS] {
                let server = Server::start(target, paths, &[])?;
                let mut swarm = Swarm::new()?;
                // What comes with the first connections is not theirs.
                swarm.join(server.address(dialect.kind), dialect, nobody_twice("first", 100))?;
                server.rest();
                let before = server.usage().memory;
                let clients = nobody_twice("idle", *count);
                let joined = swarm.join(server.address(dialect.kind), dialect, clients);
                if let Err(error) = joined {
                    row.push(format!("– ({error})"));
                    continue;
                }
                server.rest();
                let kib = (server.usage().memory.saturating_sub(before)) as f64 / 1024.0;
                let cpu = server.usage().cpu;
                std::thread::sleep(Duration::from_secs(2));
                let cpu_ms = (server.usage().cpu - cpu) * 500.0;
                row.push(format!("{:.1} ({cpu_ms:.0} ms/s)", kib / *count as f64));
            }
            table.rows.push(row);
        }
    }
    Ok(table)
}

/// What a room costs while nobody is in it, and what the others cost when there are many.
pub fn rooms(paths: &Paths, counts: &[usize]) -> io::Result<Table> {
    let mut table = Table::new(
        "Many rooms (off the record, so that the disk does not hide what memory costs): KiB for each empty room, and µs of the server's processor for a publish to a room of 10, a join with its exit, and a connection with its end",
        &["rooms", "KiB each", "create", "publish", "join + exit", "connect + disconnect"],
    );
    for count in counts {
        let mut server = Server::start(Target::OffRecord, paths, &[])?;
        server.rest();
        let before = server.usage();
        let topics = server.rooms(*count)?;
        server.rest();
        let after = server.usage();
        let kib = (after.memory.saturating_sub(before.memory)) as f64 / 1024.0 / *count as f64;
        let create = (after.cpu - before.cpu) * 1e6 / *count as f64;
        let mut row = vec![thousands(*count as f64), format!("{kib:.2}"), format!("{create:.0}")];
        for each in [publishes, joins, connects] {
            row.push(format!("{:.0}", each(&server, &topics)?));
        }
        table.rows.push(row);
        print!(".");
        io::stdout().flush()?;
    }
    Ok(table)
}

/// µs of processor for each of `count`.
fn each_us(server: &Server, before: Usage, count: usize) -> f64 {
    server.rest();
    (server.usage().cpu - before.cpu) * 1e6 / count as f64
}

/// A publish to a room with ten in it, whichever else there are.
fn publishes(server: &Server, topics: &[String]) -> io::Result<f64> {
    const COUNT: u64 = 5_000;
    let topic = &topics[topics.len() / 2];
    let mut swarm = Swarm::new()?;
    let readers = nobody_twice("reader", 10);
    let readers = readers.map(|reader| Client { filter: Some(topic.clone()), ..reader });
    swarm.join(server.address(Kind::Mqtt), TCP, readers)?;
    server.rest();
    let before = server.usage();
    say(server, topic, COUNT)?;
    let us = each_us(server, before, COUNT as usize);
    swarm.settle(Duration::from_millis(100), false)?;
    Ok(us)
}

/// One client that joins rooms, and leaves them.
fn joins(server: &Server, topics: &[String]) -> io::Result<f64> {
    const COUNT: usize = 2_000;
    let mut swarm = Swarm::new()?;
    swarm.join(server.address(Kind::Mqtt), TCP, nobody_twice("joins", 1))?;
    let before = server.usage();
    for number in 0..COUNT {
        // Kept rooms: they stay when the only one in them leaves.
        let topic = &topics[number * 7919 % topics.len()];
        for subscribes in [true, false] {
            swarm.send(0, |out| match subscribes {
                true => wire::subscribe(out, Version::V4, topic, 0),
                false => wire::unsubscribe(out, topic),
            })?;
            let mut answered = false;
            while !answered {
                swarm.turn(Duration::from_millis(10), |_, _, incoming| {
                    let Incoming::Packet(packet) = incoming else { return };
                    answered |= matches!(packet.kind(), Packet::SUBACK | Packet::UNSUBACK);
                })?;
            }
        }
    }
    Ok(each_us(server, before, COUNT))
}

fn connects(server: &Server, _: &[String]) -> io::Result<f64> {
    const COUNT: usize = 2_000;
    let before = server.usage();
    let mut swarm = Swarm::new()?;
    swarm.join(server.address(Kind::Mqtt), TCP, nobody_twice("connects", COUNT))?;
    (0..COUNT).try_for_each(|number| swarm.send(number, wire::disconnect))?;
    Ok(each_us(server, before, COUNT))
}
