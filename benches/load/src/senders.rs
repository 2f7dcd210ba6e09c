//! Senders that wait for PUBACK: how many messages a second are acknowledged, and how soon.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    delivery::Schedule,
    link::{Incoming, Kind},
    report::{Spread, Table, millis, quantile, thousands},
    server::{Paths, Server, Target},
    swarm::{Client, Dialect, Swarm},
    wire::{self, Packet, Version},
};

const SENDERS_PER_ROOM: usize = 10;
const TEXT: &[u8] =
    b"a message of the length that people's messages and sensors' JSON have, more or less, today";

/// How many senders, and how many messages each has on its way.
const LOADS: [(usize, u16); 4] = [(1, 1), (100, 1), (1000, 1), (100, 50)];

struct Choir {
    swarm: Swarm,
    topics: Vec<String>,
}

#[derive(Clone, Default)]
struct Sample {
    per_s: f64,
    /// Microseconds, in order.
    waits: Vec<u32>,
}

/// Acknowledged messages per second. The third server commits each message alone.
pub fn measure(paths: &Paths, targets: &[Target], schedule: Schedule) -> io::Result<Table> {
    let mut servers = Vec::new();
    let one_by_one = Paths { data: paths.data.join("one-by-one"), ..paths.clone() };
    for target in targets.iter().filter(|one| **one != Target::SocketIo) {
        servers.push((target.name(), Server::start(*target, paths, &[])?));
        if *target == Target::Parlor {
            let alone = Server::start(*target, &one_by_one, &[("STORE__BATCH", "1")])?;
            servers.push(("Parlor, a commit for each", alone));
        }
    }
    let mut table = Table::new(
        "Acknowledged messages per second (QoS 1), and ms until the acknowledgement (p50 / p99)",
        &["senders × in flight"],
    );
    table.head.extend(servers.iter().map(|(name, _)| (*name).to_owned()));
    for (senders, in_flight) in LOADS {
        let mut choirs = Vec::new();
        for (_, server) in &mut servers {
            choirs.push(Choir::gather(server, senders)?);
        }
        let mut samples = vec![Vec::new(); servers.len()];
        for round in 0..=schedule.rounds {
            for (choir, samples) in choirs.iter_mut().zip(&mut samples) {
                let duration = if round == 0 { schedule.window / 3 } else { schedule.window };
                let sample = choir.run(in_flight, duration)?;
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        let mut row = vec![format!("{senders} × {in_flight}")];
        for samples in samples {
            let rate = Spread::of(samples.iter().map(|sample: &Sample| sample.per_s).collect());
            let mut waits: Vec<u32> = samples.into_iter().flat_map(|sample| sample.waits).collect();
            waits.sort_unstable();
            let (p50, p99) = (quantile(&waits, 0.5), quantile(&waits, 0.99));
            row.push(format!("{} ({} / {})", thousands(rate.median), millis(p50), millis(p99)));
        }
        table.rows.push(row);
    }
    Ok(table)
}

impl Choir {
    fn gather(server: &mut Server, senders: usize) -> io::Result<Choir> {
        let mut swarm = Swarm::new()?;
        let rooms = server.rooms(senders.div_ceil(SENDERS_PER_ROOM))?;
        let topics: Vec<String> =
            (0..senders).map(|sender| rooms[sender / SENDERS_PER_ROOM].clone()).collect();
        let clients = (0..senders).map(|number| Client {
            id: format!("waiting-sender-{number}"),
            login: None,
            filter: None,
        });
        let dialect = Dialect { kind: Kind::Mqtt, version: Version::V4, qos: 1 };
        swarm.join(server.address(Kind::Mqtt), dialect, clients)?;
        server.rest();
        Ok(Choir { swarm, topics })
    }

    fn run(&mut self, in_flight: u16, duration: Duration) -> io::Result<Sample> {
        let start = Instant::now();
        let micros = || start.elapsed().as_micros() as u64;
        let mut sent = vec![vec![0; usize::from(in_flight) + 1]; self.topics.len()];
        for (number, topic) in self.topics.iter().enumerate() {
            for id in 1..=in_flight {
                sent[number][usize::from(id)] = micros();
                self.swarm.send(number, |out| {
                    wire::publish(out, Version::V4, topic, Some(id), TEXT);
                })?;
            }
        }
        let mut waits = Vec::new();
        let mut under_way = self.topics.len() * usize::from(in_flight);
        let mut in_time = 0;
        while under_way > 0 && start.elapsed() < duration + Duration::from_secs(20) {
            let topics = &self.topics;
            self.swarm.turn(Duration::from_millis(10), |number, out, incoming| {
                let Incoming::Packet(packet) = incoming else { return };
                if packet.kind() != Packet::PUBACK {
                    return;
                }
                let id = u16::from_be_bytes([packet.body[0], packet.body[1]]);
                let now = micros();
                waits.push((now - sent[number][usize::from(id)]) as u32);
                under_way -= 1;
                if start.elapsed() < duration {
                    in_time += 1;
                    under_way += 1;
                    sent[number][usize::from(id)] = now;
                    wire::publish(out, Version::V4, &topics[number], Some(id), TEXT);
                }
            })?;
        }
        Ok(Sample { per_s: f64::from(in_time) / duration.as_secs_f64(), waits })
    }
}
