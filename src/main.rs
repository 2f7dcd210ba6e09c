//! Flags, configuration, logging, signal; then `server::run`. Nothing else.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use parlor::{
    bridge::devices,
    config::{self, Config},
    server::{self, Stop, backup},
    store, telemetry,
};

/// Messages are made by one thread and dropped by another, for which the C library's allocator locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Chat rooms that people and devices share, over MQTT.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
struct Settings {
    /// The configuration file; without it ./broker.toml when there is one, else the defaults.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Sets one key, as in `--set server.listen=127.0.0.1:9000`. May be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true)]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server (the default).
    Serve,
    /// Tells whether the configuration is valid.
    Check,
    /// Prints broker.toml: every setting, commented, at its default.
    Defaults,
    /// Writes the embedded store and its images into a new file, also while the server runs.
    Backup { file: PathBuf },
    /// Puts a backup into an empty data folder.
    Restore { file: PathBuf },
    /// Devices that connect by name and token.
    #[command(subcommand)]
    Device(DeviceCommand),
}

#[derive(Subcommand)]
enum DeviceCommand {
    /// Adds a device and prints its token, once.
    Add {
        name: String,
        /// May watch $SYS.
        #[arg(long)]
        monitor: bool,
    },
    /// Lists the devices.
    List,
    /// Removes a device.
    Remove { name: String },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlor: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(cli: Cli) -> Outcome {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::Defaults = command {
        print!("{}", config::DEFAULTS);
        return Ok(());
    }
    let config = cli.settings.load()?;
    match command {
        Command::Serve => {
            telemetry::start(&config.log)?;
            outlive_file_size_limit()?;
            let stop = Stop::on_signal()?;
            Ok(server::run(config, stop).await?)
        }
        Command::Check => {
            println!("the configuration is valid");
            Ok(())
        }
        Command::Defaults => Ok(()),
        Command::Backup { file } => Ok(backup::backup(&config, &file)?),
        Command::Restore { file } => Ok(backup::restore(&config, &file)?),
        Command::Device(command) => device(&config, command).await,
    }
}

/// A write beyond `ulimit -f` is an error of that write, as on a full disk, not the end of the process:
/// once a signal is listened to, it no longer kills.
fn outlive_file_size_limit() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    /// The same number on every system that has it.
    const SIGXFSZ: i32 = 25;
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
}

impl Settings {
    fn load(&self) -> Result<Config, config::ConfigError> {
        let here = PathBuf::from("broker.toml");
        let file = self.config.clone().or_else(|| here.exists().then_some(here));
        config::load(file.as_deref(), std::env::vars(), &self.set)
    }
}

async fn device(config: &Config, command: DeviceCommand) -> Outcome {
    let store = store::open(config.store.uri.reveal(), &config.server.data_dir).await?;
    match command {
        DeviceCommand::Add { name, monitor } => {
            let token = devices::add(store.as_ref(), &name, monitor).await?;
            println!("{token}");
            eprintln!("The token of {name} is shown this once. Connect with it as the password.");
        }
        DeviceCommand::List => {
            for device in store.devices().await? {
                let seen = device.last_seen.map_or("never".to_owned(), |at| at.to_string());
                let right = if device.monitor { "monitor" } else { "device" };
                println!("{}\t{right}\tadded {}\tseen {seen}", device.name, device.created_at);
            }
        }
        DeviceCommand::Remove { name } => store.remove_device(&name).await?,
    }
    store.close().await;
    Ok(())
}
