//! A MongoDB server of one test's own, to be killed, frozen, and started again on its data.

use std::{
    net::TcpListener,
    process::Stdio,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use super::{signal, until};

/// Long enough to install it on first use.
const STARTING: Duration = Duration::from_secs(120);

pub struct Database {
    pub port: u16,
    folder: TempDir,
    /// Its stdin is the leash: the server ends when this process does.
    child: Child,
}

impl Database {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(port, &folder).await;
        Self { port, folder, child }
    }

    pub fn uri(&self) -> String {
        uri(self.port)
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts again on the same data, at the same port.
    pub async fn again(&mut self) {
        self.child = spawn(self.port, &self.folder).await;
    }

    /// SIGSTOP: it keeps its connections, and says nothing.
    pub async fn freeze(&self) {
        signal(&self.child, "STOP").await;
        // Its threads go on until the one that was told so has run.
        until("the database to be frozen", async || self.is_frozen()).await;
    }

    fn is_frozen(&self) -> bool {
        let tasks = format!("/proc/{}/task", self.child.id().expect("it runs"));
        let mut tasks = std::fs::read_dir(tasks).unwrap();
        tasks.all(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            stat.rsplit(')').next().is_some_and(|state| state.trim_start().starts_with('T'))
        })
    }

    pub async fn thaw(&self) {
        signal(&self.child, "CONT").await;
    }
}

/// The database as Parlor is told of it, behind whatever listens at this port.
pub fn uri(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}/parlor?directConnection=true")
}

async fn spawn(port: u16, folder: &TempDir) -> Child {
    let mut child =
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/mongo-for-tests.sh"))
            .args(["--port", &port.to_string(), "--storage-path"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("scripts/mongo-for-tests.sh can be run");
    let deadline = Instant::now() + STARTING;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "no MongoDB server: {ended:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child
}
