//! The servers that are compared: each a process of its own, on free ports of the loopback, that
//! ends with its value.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{link::Kind, wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Every message is on disk before it is told to anybody.
    Parlor,
    /// Rooms off the record: nothing is stored.
    OffRecord,
    Mosquitto,
    Rumqttd,
    /// As the lecture's chat room: a POST that writes to a database, then Socket.IO.
    SocketIo,
}

impl Target {
    pub const ALL: [Target; 5] =
        [Self::Parlor, Self::OffRecord, Self::Mosquitto, Self::Rumqttd, Self::SocketIo];

    pub fn name(self) -> &'static str {
        match self {
            Self::Parlor => "Parlor, SQLite",
            Self::OffRecord => "Parlor, off the record",
            Self::Mosquitto => "mosquitto",
            Self::Rumqttd => "rumqttd",
            Self::SocketIo => "Socket.IO + database",
        }
    }

    /// As it is named on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parlor => "parlor",
            Self::OffRecord => "off-record",
            Self::Mosquitto => "mosquitto",
            Self::Rumqttd => "rumqttd",
            Self::SocketIo => "socketio",
        }
    }

    pub fn is_parlor(self) -> bool {
        matches!(self, Self::Parlor | Self::OffRecord)
    }
}

/// Where the programs and their data are.
#[derive(Clone, Debug)]
pub struct Paths {
    pub parlor: PathBuf,
    pub rumqttd: PathBuf,
    pub socketio: PathBuf,
    /// On a real disk.
    pub data: PathBuf,
}

pub struct Server {
    pub target: Target,
    child: Child,
    mqtt: SocketAddr,
    web: SocketAddr,
    /// A device of Parlor's: one identity with any number of connections.
    pub device: Option<(String, String)>,
    home: PathBuf,
    rooms: usize,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Seconds of processor time.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: u64,
}

impl Server {
    pub fn start(target: Target, paths: &Paths, settings: &[(&str, &str)]) -> io::Result<Server> {
        let home = paths.data.join(target.word());
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        let (mqtt, web) = (free_port()?, free_port()?);
        let mut device = None;
        let mut command = match target {
            Target::Parlor | Target::OffRecord => {
                let mut add = parlor(&paths.parlor, &home, mqtt, web, settings);
                let added = add.args(["device", "add", "screens"]).output()?;
                let token = String::from_utf8_lossy(&added.stdout).trim().to_owned();
                device = Some(("screens".to_owned(), token));
                parlor(&paths.parlor, &home, mqtt, web, settings)
            }
            Target::Mosquitto => mosquitto(&home, mqtt, web)?,
            Target::Rumqttd => {
                let mut command = Command::new(&paths.rumqttd);
                command.args([mqtt.port().to_string(), web.port().to_string()]);
                command
            }
            Target::SocketIo => {
                let mut command = Command::new("node");
                command.arg(&paths.socketio).arg(web.port().to_string()).arg(home.join("chat.db"));
                command
            }
        };
        let log = fs::File::create(home.join("log"))?;
        command.current_dir(&home).stdin(Stdio::null()).stderr(log).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let said = child.stdout.take().map(BufReader::new);
        thread::spawn(move || said.into_iter().flat_map(BufRead::lines).for_each(drop));
        let mut server = Server { target, child, mqtt, web, device, home, rooms: 0 };
        server.until_it_listens()?;
        Ok(server)
    }

    fn until_it_listens(&mut self) -> io::Result<()> {
        let mqtt = (self.target != Target::SocketIo).then_some(self.mqtt);
        let start = Instant::now();
        while mqtt.iter().chain([&self.web]).any(|address| TcpStream::connect(address).is_err()) {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.home.join("log"))?;
                let name = self.target.name();
                return Err(io::Error::other(format!("{name} ended with {status}: {log}")));
            }
            if start.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::other(format!("{} does not listen", self.target.name())));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub fn address(&self, kind: Kind) -> SocketAddr {
        if kind == Kind::Mqtt { self.mqtt } else { self.web }
    }

    /// Makes rooms; tells their topics.
    pub fn rooms(&mut self, count: usize) -> io::Result<Vec<String>> {
        if !self.target.is_parlor() {
            let first = self.rooms;
            self.rooms += count;
            return Ok((first..self.rooms).map(|n| format!("chat/r{n}")).collect());
        }
        let mut http = Http::to(self.web)?;
        let off_record = self.target == Target::OffRecord;
        let wish =
            format!(r#"{{"title":"bench","max":1000,"keep":true,"offRecord":{off_record}}}"#);
        (0..count)
            .map(|_| {
                let card = http.ask("POST", "/room", &wish)?;
                let id = text_field(&card, "id");
                id.map(|id| format!("chat/{id}")).ok_or_else(|| io::Error::other(card))
            })
            .collect()
    }

    pub fn usage(&self) -> Usage {
        usage(&self.child.id().to_string())
    }

    /// Waits until it has nothing to do.
    pub fn rest(&self) {
        let start = Instant::now();
        let mut before = self.usage().cpu;
        while start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(150));
            let now = self.usage().cpu;
            if now - before < 0.015 {
                return;
            }
            before = now;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("{}: {error}", self.target.name());
        }
    }
}

/// What a process, or `self`, has used.
pub fn usage(process: &str) -> Usage {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
    let stat = read("stat").unwrap_or_default();
    // Behind the name, which may hold spaces; in ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks: f64 = [11, 12]
        .iter()
        .map(|place| fields.get(*place).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0))
        .sum();
    let status = read("status").unwrap_or_default();
    let resident = status.split("VmRSS:").nth(1).and_then(|rest| rest.split_whitespace().next());
    let resident: u64 = resident.and_then(|kib| kib.parse().ok()).unwrap_or(0);
    Usage { cpu: ticks / 100.0, memory: resident << 10 }
}

fn parlor(
    program: &Path,
    home: &Path,
    mqtt: SocketAddr,
    web: SocketAddr,
    settings: &[(&str, &str)],
) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).env_clear();
    // Limits that are per identity or address would measure themselves: all clients are one machine.
    for (key, value) in [
        ("LIMITS__CONNECTIONS", "100000"),
        ("LIMITS__CONNECTIONS_PER_ADDRESS", "0"),
        ("LIMITS__PUBLISH_PER_S", "0"),
        ("LIMITS__CONTROL_PER_S", "0"),
        ("LIMITS__ROOMS_PER_MINUTE", "0"),
        ("ROOMS__PER_IDENTITY", "0"),
        ("ROOMS__MAX", "1000000"),
        ("LOG__LEVEL", "warn"),
        ("MQTT__LISTEN", &mqtt.to_string()),
        ("SERVER__LISTEN", &web.to_string()),
    ]
    .iter()
    .chain(settings)
    {
        command.env(format!("PARLOR_{key}"), value);
    }
    command
}

fn mosquitto(home: &Path, mqtt: SocketAddr, web: SocketAddr) -> io::Result<Command> {
    let settings = format!(
        "listener {} 127.0.0.1\nlistener {} 127.0.0.1\nprotocol websockets\nallow_anonymous true\n\
         persistence false\nset_tcp_nodelay true\nlog_dest none\n",
        mqtt.port(),
        web.port()
    );
    let file = home.join("mosquitto.conf");
    fs::write(&file, settings)?;
    let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    let program = program.into_iter().find(|path| Path::new(path).exists());
    let mut command = Command::new(program.unwrap_or("mosquitto"));
    command.arg("-c").arg(file);
    Ok(command)
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// One keep-alive connection that asks and waits.
pub struct Http(BufReader<TcpStream>);

impl Http {
    pub fn to(address: SocketAddr) -> io::Result<Http> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Http(BufReader::new(stream)))
    }

    /// The body of the answer. An error when its status is not 2xx.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let request = request(method, path, body);
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if status.starts_with('2') { Ok(answer) } else { Err(io::Error::other(answer)) }
    }
}

pub fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A text of a JSON object that has no escapes in it.
pub fn text_field(json: &str, name: &str) -> Option<String> {
    let start = wire::find(json.as_bytes(), format!(r#""{name}":""#).as_bytes())?;
    json[start + name.len() + 4..].split('"').next().map(str::to_owned)
}
