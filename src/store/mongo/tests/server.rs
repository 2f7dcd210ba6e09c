//! The server that the tests share: `MONGODB_URI`, else one that `scripts/mongo-for-tests.sh`
//! becomes for as long as the test process lives.

use std::{
    env,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use mongodb::options::{ClientOptions, ServerAddress};

/// Long enough to install the server on first use.
const STARTING: Duration = Duration::from_secs(120);

/// No looking for the other members of a replica set: the way there is not ours.
const DIRECT: &str = "directConnection=true";

struct Server {
    uri: String,
    /// Its stdin is the leash: the server ends when this process does.
    _child: Option<Child>,
}

/// None when the tests are told to do without; a test that cannot have a server fails.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    if env::var_os("PARLOR_TEST_SKIP_MONGO").is_some_and(|skip| skip == "1") {
        return None;
    }
    Some(SERVER.get_or_init(|| match env::var("MONGODB_URI") {
        Ok(uri) => Server { uri, _child: None },
        Err(_) => start(),
    }))
}

fn start() -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/mongo-for-tests.sh");
    let mut child = Command::new(script)
        .args(["--port", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("scripts/mongo-for-tests.sh can be run (or set MONGODB_URI)");
    let deadline = Instant::now() + STARTING;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none() && Instant::now() < deadline,
            "no MongoDB server for the tests: scripts/mongo-for-tests.sh did not start one. Run it \
             by hand to see why, set MONGODB_URI, or skip with PARLOR_TEST_SKIP_MONGO=1"
        );
        thread::sleep(Duration::from_millis(20));
    }
    let uri = format!("mongodb://127.0.0.1:{port}/?{DIRECT}");
    Server { uri, _child: Some(child) }
}

/// A database that no other test has, as a URI.
pub async fn fresh() -> Option<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = tokio::task::spawn_blocking(server).await.expect("a server for the tests")?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let database = format!("parlor_test_{now}_{}_{count}", std::process::id());
    Some(with_database(&server.uri, &database))
}

/// Puts the database into the path of a URI, whatever it had there.
fn with_database(uri: &str, database: &str) -> String {
    let (scheme, rest) = uri.split_once("://").expect("a MongoDB URI");
    let (base, options) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = base.split_once('/').map_or(base, |(authority, _)| authority);
    format!("{scheme}://{authority}/{database}?{options}")
}

/// The same database by way of another address, and with another option.
pub fn through(uri: &str, address: &str, option: &str) -> String {
    let (_, rest) = uri.split_once("://").expect("a MongoDB URI");
    let (authority, path) = rest.split_once('/').expect("a database");
    let login = authority.rsplit_once('@').map_or(String::new(), |(login, _)| format!("{login}@"));
    let (database, options) = path.split_once('?').expect("options");
    let kept = options.split('&').filter(|kept| !kept.is_empty() && *kept != DIRECT);
    let options: Vec<&str> = kept.chain([DIRECT, option]).collect();
    format!("mongodb://{login}{address}/{database}?{}", options.join("&"))
}

/// Where the server listens.
pub async fn address(uri: &str) -> String {
    let options = ClientOptions::parse(uri).await.expect("a MongoDB URI");
    match options.hosts.first() {
        Some(ServerAddress::Tcp { host, port }) => format!("{host}:{}", port.unwrap_or(27017)),
        other => panic!("the tests cannot cut the way to {other:?}"),
    }
}
