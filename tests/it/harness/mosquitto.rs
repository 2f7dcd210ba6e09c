//! Mosquitto's own command-line clients, as anybody has them in a shell.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use super::{Server, within};

/// The versions that both tools speak.
pub const VERSIONS: [&str; 2] = ["mqttv311", "mqttv5"];

fn command(tool: &str, server: &Server, version: &str) -> Command {
    let mut command = Command::new(tool);
    command.args(["-h", "127.0.0.1", "-p", &server.mqtt.port().to_string(), "-V", version]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs `mosquitto_pub` to its end; what it said, with whether it succeeded.
pub async fn publish(server: &Server, version: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = command("mosquitto_pub", server, version);
    let output = within("the end of mosquitto_pub", command.args(arguments).output()).await;
    let output = output.expect("mosquitto_pub, of Debian's package mosquitto-clients");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A running `mosquitto_sub`.
pub struct Subscriber {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Subscriber {
    pub fn start(server: &Server, version: &str, arguments: &[&str]) -> Self {
        let mut child = command("mosquitto_sub", server, version)
            .args(arguments)
            .spawn()
            .expect("mosquitto_sub, of Debian's package mosquitto-clients");
        let (sender, lines) = mpsc::unbounded_channel();
        read(child.stdout.take().unwrap(), sender.clone());
        read(child.stderr.take().unwrap(), sender);
        Self { child, lines }
    }

    /// The next line.
    pub async fn line(&mut self) -> String {
        let line = within("a line of mosquitto_sub", self.lines.recv()).await;
        line.expect("a line, not the end of mosquitto_sub")
    }

    /// The next line that has all of these in it.
    pub async fn line_with(&mut self, parts: &[&str]) -> String {
        let mut seen = Vec::new();
        let wanted = async {
            loop {
                let line = self.lines.recv().await?;
                if parts.iter().all(|part| line.contains(part)) {
                    return Some(line);
                }
                seen.push(line);
            }
        };
        let found = tokio::time::timeout(super::DEADLINE, wanted).await;
        found.ok().flatten().unwrap_or_else(|| panic!("no line with {parts:?} in {seen:#?}"))
    }

    /// All it says until it ends by itself.
    pub async fn ended(mut self) -> String {
        let mut said = String::new();
        let ending = async {
            while let Some(line) = self.lines.recv().await {
                said.push_str(&line);
                said.push('\n');
            }
        };
        within("the end of mosquitto_sub", ending).await;
        said
    }

    /// SIGTERM: it says DISCONNECT and ends.
    pub async fn leave(mut self) {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        within("the end of mosquitto_sub", self.child.wait()).await.unwrap();
    }

    /// SIGKILL: the connection is lost.
    pub async fn drop_dead(mut self) {
        self.child.kill().await.unwrap();
    }
}

fn read(from: impl AsyncRead + Unpin + Send + 'static, to: mpsc::UnboundedSender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if to.send(line).is_err() {
                break;
            }
        }
    });
}
