//! Messages to many: throughput with a window, latency at a fixed load. All servers have their
//! crowds at the same time and are loaded in turn, so that what else the machine does meets all.

use std::{io, time::Duration};

use crate::{
    crowd::{Crowd, Pace, Sample, Size},
    link::Kind,
    report::{Cell, Row, Spread, thousands},
    server::{Server, Target},
    swarm::Dialect,
    wire::Version,
};

pub struct Shape {
    pub name: &'static str,
    pub size: Size,
    pub pace: Pace,
    pub dialect: Dialect,
}

impl Shape {
    /// As in "TCP, 1 × 200, 4 in flight".
    fn title(&self) -> String {
        let Shape { size: Size { rooms, subscribers }, dialect, .. } = self;
        let load = match self.pace {
            Pace::Window(window) => format!("{window} in flight"),
            Pace::Offered(rate) => format!("{} /s", thousands(rate)),
        };
        let transport = match (dialect.kind, dialect.version, dialect.qos) {
            (Kind::WebSocket, ..) => "WebSocket",
            (_, Version::V5, _) => "TCP, MQTT 5",
            (_, _, 1) => "TCP, QoS 1",
            _ => "TCP",
        };
        format!(
            "{transport}, {} × {}, {load}",
            thousands(*rooms as f64),
            thousands(*subscribers as f64)
        )
    }
}

const TCP: Dialect = Dialect { kind: Kind::Mqtt, version: Version::V4, qos: 0 };
const TCP5: Dialect = Dialect { version: Version::V5, ..TCP };
const TCP_QOS1: Dialect = Dialect { qos: 1, ..TCP };
const WS: Dialect = Dialect { kind: Kind::WebSocket, ..TCP };

const fn size(rooms: usize, subscribers: usize) -> Size {
    Size { rooms, subscribers }
}

macro_rules! shapes {
    ($($name:literal $rooms:literal x $each:literal, $pace:ident $load:literal, $dialect:ident;)*) => {
        &[$(Shape {
            name: $name,
            size: size($rooms, $each),
            pace: Pace::$pace($load),
            dialect: $dialect,
        },)*]
    };
}

/// How much is delivered.
pub const THROUGHPUT: &[Shape] = shapes! {
    "tcp-1x200-w4" 1 x 200, Window 4, TCP;
    "tcp-1x200-w50" 1 x 200, Window 50, TCP;
    "tcp-100x10-w4" 100 x 10, Window 4, TCP;
    "tcp-100x10-w50" 100 x 10, Window 50, TCP;
    "ws-1x200-w4" 1 x 200, Window 4, WS;
    "ws-1x200-w50" 1 x 200, Window 50, WS;
    "ws-100x10-w4" 100 x 10, Window 4, WS;
    "ws-100x10-w50" 100 x 10, Window 50, WS;
    "tcp-1x50-w4" 1 x 50, Window 4, TCP;
    "tcp-1x500-w4" 1 x 500, Window 4, TCP;
    "tcp-1x2000-w4" 1 x 2000, Window 4, TCP;
    "tcp-1000x3-w4" 1000 x 3, Window 4, TCP;
    "tcp5-1x200-w50" 1 x 200, Window 50, TCP5;
    "qos1-1x200-w4" 1 x 200, Window 4, TCP_QOS1;
};

/// How soon it is delivered, at deliveries per second that all can bear.
pub const LATENCY: &[Shape] = shapes! {
    "1k-1x200" 1 x 200, Offered 1000.0, TCP;
    "20k-1x200" 1 x 200, Offered 20000.0, TCP;
    "1k-100x10" 100 x 10, Offered 1000.0, TCP;
    "20k-100x10" 100 x 10, Offered 20000.0, TCP;
};

/// How long and how often each server is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub window: Duration,
    pub rounds: usize,
}

pub fn measure(shape: &Shape, servers: &mut [Server], schedule: Schedule) -> io::Result<Row> {
    // The peer of rumqttd listens for 3.1.1.
    let speaks = |server: &&mut Server| {
        shape.dialect.version == Version::V4 || server.target != Target::Rumqttd
    };
    let mut servers: Vec<&mut Server> = servers.iter_mut().filter(speaks).collect();
    let mut crowds = Vec::new();
    for server in &mut servers {
        crowds.push(Crowd::gather(server, shape.size, shape.dialect)?);
    }
    servers.iter().for_each(|server| server.rest());
    let mut samples: Vec<(Target, Vec<Sample>)> =
        servers.iter().map(|server| (server.target, Vec::new())).collect();
    let warm_up = schedule.window / 3;
    for round in 0..=schedule.rounds {
        for ((crowd, server), samples) in crowds.iter_mut().zip(&servers).zip(&mut samples) {
            let duration = if round == 0 { warm_up } else { schedule.window };
            let sample = crowd.run(server, shape.pace, duration)?;
            if round > 0 {
                samples.1.push(sample);
            }
        }
    }
    for crowd in crowds {
        crowd.leave()?;
    }
    servers.iter().for_each(|server| server.rest());
    Ok(row(shape, &samples))
}

fn row(shape: &Shape, samples: &[(Target, Vec<Sample>)]) -> Row {
    let reference = samples.iter().find(|(target, _)| *target == Target::Mosquitto);
    let cells = samples.iter().map(|(target, mine)| {
        let of = |value: fn(&Sample) -> f64| Spread::of(mine.iter().map(value).collect());
        let ratio = reference.map(|(_, theirs)| {
            // Round by round: what slowed both is not a difference.
            let pairs = mine.iter().zip(theirs);
            Spread::of(pairs.map(|(a, b)| a.delivered_per_s / b.delivered_per_s).collect())
        });
        let mut latencies: Vec<u32> = mine.iter().flat_map(|one| one.latencies.clone()).collect();
        latencies.sort_unstable();
        Cell {
            target: *target,
            rate: of(|sample| sample.delivered_per_s),
            ratio,
            server_cpu_us: of(|sample| sample.server_cpu * 1e6),
            own_load: of(|sample| sample.own_load).median,
            lost: mine.iter().map(|sample| sample.lost).sum(),
            latencies,
        }
    });
    Row { name: shape.name.to_owned(), title: shape.title(), cells: cells.collect() }
}
