//! Requests answered by the whole router, over a real bridge, store and bus.

mod access;
mod chats;
mod events;
mod rooms;
mod socket;
mod uploads;

use std::{net::SocketAddr, path::Path as FilePath};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, header},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tower::Service;

use super::*;
use crate::{bridge::Fault, bus, mqtt, store, store::files::Files};

pub const JSON: (&str, &str) = ("accept", "application/json");
pub const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A server without sockets.
pub struct Lab {
    router: Router,
    bridge: Bridge,
    edge: Edge,
    store: store::SharedStore,
    tasks: JoinSet<Result<(), Fault>>,
    /// Without an end of their own while the bus goes on.
    _edge_tasks: JoinSet<Result<(), mqtt::Fault>>,
    _dir: TempDir,
}

impl Lab {
    pub async fn open() -> Self {
        Self::with(|_| ()).await
    }

    pub async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = Config::default();
        config.limits.publish_per_s = 0;
        set(&mut config);
        let store = store::open("sqlite:", dir.path()).await.unwrap();
        let files = Files::open(
            &FilePath::join(dir.path(), "uploads"),
            crate::bridge::file_quota(&config.uploads),
        )
        .await
        .unwrap();
        let bus = bus::open(&config);
        let opened = Bridge::open(&config, Arc::clone(&store), files, Arc::clone(&bus)).await;
        let (bridge, tasks) = opened.unwrap();
        let tasks = tasks.into_iter().map(|(_, task)| task).collect();
        let (edge, edge_tasks) = Edge::open(&config, bridge.clone(), &bus).await.unwrap();
        let edge_tasks = edge_tasks.into_iter().map(|(_, task)| task).collect();
        let config = Arc::new(config);
        let web = Web::new(bridge.clone(), edge.clone(), config, "secret", Some(1883));
        let mqtt = get(async |visitor: Visitor| visitor.identity.uid.to_string());
        let router = router(web, mqtt);
        Self { router, bridge, edge, store, tasks, _edge_tasks: edge_tasks, _dir: dir }
    }

    pub async fn close(mut self) {
        self.edge.stop(std::time::Duration::from_secs(5)).await;
        self.bridge.stop();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
        self.store.close().await;
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Somebody who has looked at the lobby, and so has a cookie.
    pub async fn visitor(&self) -> Guest<'_> {
        let stranger = Guest { lab: self, cookie: None };
        let answer = stranger.get("/", HTML).await;
        let cookie = answer.header("set-cookie").split(';').next().map(str::to_owned);
        Guest { lab: self, cookie }
    }

    /// Somebody without a cookie.
    pub fn stranger(&self) -> Guest<'_> {
        Guest { lab: self, cookie: None }
    }
}

/// Somebody with a cookie, or without one.
pub struct Guest<'a> {
    lab: &'a Lab,
    cookie: Option<String>,
}

impl Guest<'_> {
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let peer: SocketAddr = ([127, 0, 0, 1], 4000).into();
        let mut request = Request::builder().method(method).uri(path).header("host", "parlor.test");
        request = request.extension(ConnectInfo(peer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        self.lab.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, path: &str, accept: (&str, &str)) -> Answer {
        self.ask(Method::GET, path, &[accept], "").await
    }

    /// As a page's form does.
    pub async fn submit(&self, path: &str, form: &str) -> Answer {
        let own = ("origin", "http://parlor.test");
        self.ask(Method::POST, path, &[HTML, FORM, own], form.to_owned()).await
    }

    /// As a script does.
    pub async fn tell(&self, method: Method, path: &str, body: Value) -> Answer {
        let kind = ("content-type", "application/json");
        self.ask(method, path, &[JSON, kind], body.to_string()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.tell(Method::POST, path, body).await
    }

    /// Makes a room; gives its address.
    pub async fn room(&self, wish: Value) -> String {
        let answer = self.post("/room", wish).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.header("location").to_owned()
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {:?}\n{}", self.status, self.headers, self.text())
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[tokio::test]
async fn every_answer_is_fenced_in() {
    let lab = Lab::open().await;
    let stranger = lab.stranger();
    for path in ["/", "/room", "/nowhere", "/healthz", "/assets/x/y.js"] {
        let answer = stranger.get(path, HTML).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
    lab.close().await;
}

#[tokio::test]
async fn machines_get_no_identity() {
    let lab = Lab::open().await;
    let stranger = lab.stranger();
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/assets/0/main.css", 404)] {
        let answer = stranger.get(path, HTML).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (status, ""), "{path}");
    }
    lab.close().await;
}

#[tokio::test]
async fn a_bridge_that_has_stopped_is_alive_but_not_ready() {
    let lab = Lab::open().await;
    lab.bridge.stop();
    assert_eq!(lab.stranger().get("/healthz", JSON).await.status, 200);
    let answer = lab.stranger().get("/readyz", JSON).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (503, json!("unavailable")));
    lab.close().await;
}

#[tokio::test]
async fn the_session_is_kept_and_no_other_is_given() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let first = visitor.get("/mqtt", JSON).await;
    let again = visitor.get("/mqtt", JSON).await;
    assert_eq!((first.text(), again.header("set-cookie")), (again.text(), ""));
    assert_ne!(lab.visitor().await.get("/mqtt", JSON).await.text(), first.text());
    lab.close().await;
}

#[tokio::test]
async fn nothing_that_is_asked_breaks_the_server() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    let long = format!("/room/{}", "x".repeat(20_000));
    let paths = [
        "/?error=%3Cscript%3E",
        "//",
        "//evil.example/",
        "/room/",
        "/room//",
        "/room/%00",
        "/room/%ff",
        "/room/..%2f..%2fetc",
        "/room/zzzzzzzzzzzz",
        &long,
        "/gif/",
        "/gif/..%2f..%2fCargo.toml",
        "/gif/%ff.gif",
        "/assets/%2e%2e/x",
        "/assets/0/../../Cargo.toml",
        "/favicon.ico",
        "/mqtt",
        &format!("{room}/chats?limit=abc"),
        &format!("{room}/chats?before=-1"),
        &format!("{room}/chats?before=18446744073709551615&limit=0"),
        &format!("{room}/chats?after=18446744073709551615"),
        &format!("{room}/chats?before=1&after=1"),
        &format!("{room}/chats?%ff=%ff"),
        &format!("{room}/%20"),
    ];
    let kinds = ["", "application/json", "text/plain", "multipart/form-data; boundary=x", "x"];
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"];
    let bodies: [&[u8]; 4] = [b"", b"{", b"\xff\xfe", b"--x\r\n\r\n\r\n--x--"];
    for path in paths {
        for method in methods {
            for (kind, body) in kinds.iter().flat_map(|kind| bodies.map(|body| (kind, body))) {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let headers = [("content-type", *kind), ("accept", ";q=,\u{b7}*/")];
                let answer = visitor.ask(method.clone(), path, &headers, body).await;
                assert!(answer.status < 500, "{method} {path:.60} {kind}: {answer:?}");
            }
        }
    }
    assert_eq!(visitor.get(&room, JSON).await.status, 200);
    lab.close().await;
}
