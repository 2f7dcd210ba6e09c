//! The server under test: a process of its own, with its own ports, folder and database, that ends
//! with the value.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
};

use super::{mongo, signal, within};

/// Where a server keeps its rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Sqlite,
    Mongo,
}

impl Store {
    /// A store that nobody else uses.
    async fn uri(self) -> String {
        match self {
            Self::Sqlite => "sqlite:".to_owned(),
            Self::Mongo => tokio::task::spawn_blocking(mongo::fresh).await.unwrap(),
        }
    }
}

/// What a process said, line by line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Lines {
    fn read(&self, from: impl AsyncRead + Unpin + Send + 'static) {
        let (lines, mut from) = (self.clone(), BufReader::new(from).lines());
        tokio::spawn(async move {
            while let Ok(Some(line)) = from.next_line().await {
                let mut text = lines.0.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

pub struct Server {
    pub http: SocketAddr,
    pub mqtt: SocketAddr,
    /// The line that says where it listens.
    listening: String,
    child: Child,
    home: TempDir,
    settings: Vec<(String, String)>,
    log: Lines,
}

impl Server {
    pub async fn start(store: Store) -> Self {
        Self::with(store, &[]).await
    }

    /// `settings` are environment variables, as in `("PARLOR_PRESENCE__GRACE_MS", "100")`.
    pub async fn with(store: Store, settings: &[(&str, &str)]) -> Self {
        Self::at(&store.uri().await, settings).await
    }

    /// On the store at this URI.
    pub async fn at(uri: &str, settings: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut all = vec![
            ("PARLOR_SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("PARLOR_MQTT__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("PARLOR_STORE__URI".to_owned(), uri.to_owned()),
        ];
        all.extend(settings.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let log = Lines::default();
        let (child, listening) = spawn(&home, &all, &log).await;
        let [http, mqtt] = ["http", "mqtt"].map(|name| address_in(&listening, name));
        Self { http, mqtt, listening, child, home, settings: all, log }
    }

    /// The program itself, to be run with other arguments on the same data.
    pub fn command(&self) -> Command {
        command(&self.home, &self.settings)
    }

    /// SIGKILL: no chance to put anything in order.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and how the process ended.
    pub async fn stop(&mut self) -> ExitStatus {
        self.tell_to_stop().await;
        self.ended().await
    }

    /// Where else it listens, by the name in its line.
    pub fn address(&self, name: &str) -> SocketAddr {
        address_in(&self.listening, name)
    }

    /// As in `"HUP"`.
    pub async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// SIGTERM.
    pub async fn tell_to_stop(&self) {
        signal(&self.child, "TERM").await;
    }

    /// How the process ended, once it has.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the end of the server", self.child.wait()).await.unwrap()
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Starts again on the same data, at the same addresses.
    pub async fn again(&mut self) {
        for (name, value) in &mut self.settings {
            match name.as_str() {
                "PARLOR_SERVER__LISTEN" => *value = self.http.to_string(),
                "PARLOR_MQTT__LISTEN" => *value = self.mqtt.to_string(),
                _ => {}
            }
        }
        (self.child, self.listening) = spawn(&self.home, &self.settings, &self.log).await;
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// The folder of one room's images.
    pub fn images(&self, room: &str) -> PathBuf {
        self.home.path().join("uploads").join(room)
    }

    /// Where the process is at home: data, uploads, whatever else it may write.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }
}

fn command(home: &TempDir, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
    command.current_dir(home.path()).env_clear().kill_on_drop(true).stdin(Stdio::null());
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

async fn spawn(home: &TempDir, settings: &[(String, String)], log: &Lines) -> (Child, String) {
    let mut command = command(home, settings);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    log.read(child.stderr.take().unwrap());
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let listening = async {
        while let Some(line) = said.next_line().await.unwrap() {
            if let Some(addresses) = line.strip_prefix("listening ") {
                return addresses.to_owned();
            }
        }
        panic!("the server ended before it listened:\n{}", log.text());
    };
    let addresses = within("the line that says where the server listens", listening).await;
    log.read(said.into_inner());
    (child, addresses)
}

fn address_in(listening: &str, name: &str) -> SocketAddr {
    let mut words = listening.split(' ').filter_map(|word| word.split_once('='));
    let address = words.find(|(known, _)| *known == name);
    address.unwrap_or_else(|| panic!("no {name} in {listening}")).1.parse().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{log}");
        } else {
            assert!(!log.contains("panicked at"), "the server panicked:\n{log}");
        }
    }
}
