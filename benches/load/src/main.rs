//! Loads Parlor and its peers side by side. `make bench` builds and runs it.
//!
//! `wire` and `link` speak, `swarm` holds many connections on one thread, `crowd` is rooms full of
//! subscribers; `delivery` and its neighbours are what is measured, `report` writes it down.

mod chart;
mod crowd;
mod delivery;
mod document;
mod link;
mod probes;
mod report;
mod senders;
mod server;
mod swarm;
mod wire;

use std::{env, fs, io, path::PathBuf, process::ExitCode, time::Duration};

use delivery::{LATENCY, Schedule, THROUGHPUT};
use report::{Row, Table};
use server::{Paths, Server, Target};

/// What is measured only when it is asked for by name: it takes long.
const LONG: [&str; 1] = ["crowded"];
/// The shapes at the beginning of `THROUGHPUT` that the chart shows.
const AIMS: usize = 8;

struct Options {
    paths: Paths,
    targets: Vec<Target>,
    /// Parts of shapes' names; none: all of the short ones.
    shapes: Vec<String>,
    schedule: Schedule,
    /// Where results are written down.
    document: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut paths = Paths {
        parlor: PathBuf::from("parlor"),
        rumqttd: PathBuf::from("rumqttd-peer"),
        socketio: PathBuf::from("socketio/server.js"),
        data: env::temp_dir().join("parlor-bench"),
    };
    let mut targets: Vec<Target> = Target::ALL.into();
    let mut shapes = Vec::new();
    let mut document = None;
    let mut schedule = Schedule { window: Duration::from_millis(250), rounds: 5 };
    let mut arguments = env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or(format!("{flag} needs a value"))?;
        let words = || value.split([',', ' ']).filter(|word| !word.is_empty());
        match flag.as_str() {
            "--parlor" => paths.parlor = value.into(),
            "--rumqttd" => paths.rumqttd = value.into(),
            "--socketio" => paths.socketio = value.into(),
            "--data" => paths.data = value.into(),
            "--shapes" => shapes = words().map(str::to_owned).collect(),
            "--servers" => {
                let chosen = Target::ALL.into_iter();
                targets = chosen.filter(|one| words().any(|word| word == one.word())).collect();
            }
            "--window-ms" => schedule.window = Duration::from_millis(value.parse()?),
            "--document" => document = Some(PathBuf::from(value)),
            "--rounds" => schedule.rounds = value.parse()?,
            _ => return Err(format!("what is {flag}?").into()),
        }
    }
    Ok(Options { paths, targets, shapes, schedule, document })
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let wanted = |name: &str| {
        options.shapes.is_empty() || options.shapes.iter().any(|part| name.contains(part))
    };
    let Options { paths, targets, schedule, document, .. } = options;
    let write = |name: &str, table: &Table| -> io::Result<()> {
        println!("{table}");
        match document {
            Some(file) => document::put(file, name, &table.to_string()),
            None => Ok(()),
        }
    };
    let measure = |shapes: &[delivery::Shape]| -> io::Result<Vec<Row>> {
        let shapes: Vec<_> = shapes.iter().filter(|shape| wanted(shape.name)).collect();
        let mut servers = Vec::new();
        for target in targets.iter().filter(|_| !shapes.is_empty()) {
            servers.push(Server::start(*target, paths, &[])?);
        }
        let mut rows = Vec::new();
        for shape in shapes {
            let row = delivery::measure(shape, &mut servers, *schedule)?;
            println!("{row}");
            rows.push(row);
        }
        Ok(rows)
    };
    let (throughput, latency) = (measure(THROUGHPUT)?, measure(LATENCY)?);
    if throughput.len() == THROUGHPUT.len() {
        write("throughput", &report::throughput(&throughput))?;
        if let Some(folder) = document.as_ref().and_then(|file| file.parent()) {
            fs::write(folder.join("performance.svg"), chart::draw(&throughput[..AIMS]))?;
        }
    }
    if latency.len() == LATENCY.len() {
        write("latency", &report::latency(&latency))?;
    }
    let probes: [(&str, &dyn Fn() -> io::Result<Table>); 7] = [
        ("puback", &|| senders::measure(paths, targets, *schedule)),
        ("storm", &|| probes::storm(paths, targets)),
        ("directory", &|| probes::directory(paths, targets)),
        ("history", &|| probes::history(paths)),
        ("idle", &|| probes::idle(paths, targets, &[10_000])),
        ("crowded", &|| probes::idle(paths, targets, &[19_000])),
        ("rooms", &|| probes::rooms(paths, &[10, 1_000, 10_000, 100_000])),
    ];
    for (name, probe) in probes {
        let short = !LONG.contains(&name);
        if wanted(name) && (short || !options.shapes.is_empty()) {
            write(name, &probe()?)?;
        }
    }
    Ok(())
}
