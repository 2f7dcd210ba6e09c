//! Loads Parlor and its peers side by side. `make bench` builds and runs it.
//!
//! `wire` and `link` speak, `swarm` holds many connections on one thread, `crowd` is rooms full of
//! subscribers; `delivery` and its neighbours are what is measured, `report` writes it down.

mod crowd;
mod delivery;
mod link;
mod report;
mod server;
mod swarm;
mod wire;

use std::{env, path::PathBuf, process::ExitCode, time::Duration};

use delivery::{LATENCY, Schedule, THROUGHPUT};
use server::{Paths, Server, Target};

struct Options {
    paths: Paths,
    targets: Vec<Target>,
    /// Parts of shapes' names; none: all of the short ones.
    shapes: Vec<String>,
    schedule: Schedule,
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
    let mut schedule = Schedule { window: Duration::from_millis(1000), rounds: 5 };
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
            "--rounds" => schedule.rounds = value.parse()?,
            _ => return Err(format!("what is {flag}?").into()),
        }
    }
    Ok(Options { paths, targets, shapes, schedule })
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let wanted = |name: &str| {
        options.shapes.is_empty() || options.shapes.iter().any(|part| name.contains(part))
    };
    let mut servers = Vec::new();
    for target in &options.targets {
        servers.push(Server::start(*target, &options.paths, &[])?);
    }
    for shape in THROUGHPUT.iter().chain(LATENCY).filter(|shape| wanted(shape.name)) {
        let row = delivery::measure(shape, &mut servers, options.schedule)?;
        println!("{row}");
    }
    Ok(())
}
