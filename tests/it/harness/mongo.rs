//! The MongoDB server that the journeys share: the one at `MONGODB_URI`, else one that
//! `scripts/mongo-for-tests.sh` becomes for as long as the tests run. A database for each journey.

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

/// Long enough to install it on first use.
const STARTING: Duration = Duration::from_secs(120);

struct Shared {
    uri: String,
    /// Its stdin is the leash: the server ends when this process does.
    _child: Option<Child>,
}

/// Whether the tests are told to do without.
pub fn is_skipped() -> bool {
    env::var_os("PARLOR_TEST_SKIP_MONGO").is_some_and(|skip| skip == "1")
}

/// A database that no other journey has, as a URI.
pub fn fresh() -> String {
    static SERVER: OnceLock<Shared> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| match env::var("MONGODB_URI") {
        Ok(uri) => Shared { uri, _child: None },
        Err(_) => start(),
    });
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let (scheme, rest) = server.uri.split_once("://").expect("a MongoDB URI");
    let (base, options) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = base.split('/').next().unwrap_or(base);
    format!("{scheme}://{authority}/parlor_it_{now}_{}_{number}?{options}", std::process::id())
}

fn start() -> Shared {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child =
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/mongo-for-tests.sh"))
            .args(["--port", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("scripts/mongo-for-tests.sh can be run (or set MONGODB_URI)");
    let deadline = Instant::now() + STARTING;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            child.try_wait().unwrap().is_none() && Instant::now() < deadline,
            "no MongoDB server: run scripts/mongo-for-tests.sh by hand to see why, set MONGODB_URI, \
             or skip these tests with PARLOR_TEST_SKIP_MONGO=1"
        );
        thread::sleep(Duration::from_millis(20));
    }
    let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
    Shared { uri, _child: Some(child) }
}
