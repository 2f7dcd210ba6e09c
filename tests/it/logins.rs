//! Who logs in, who guesses, and who takes a session from whom: guesses are answered alike and slower
//! and slower, and hold up nobody else.

use std::process::Stdio;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Login, Peer, Server, Store, Visitor,
    database::Database,
    mongo, packet, until,
    visitor::{id_of, texts},
};

const MINUTE: &str = "60000";

/// Adds a device and gives its token.
async fn device(server: &Server, name: &str) -> String {
    let mut add = server.command();
    let added = add.args(["device", "add", name]).stdout(Stdio::piped()).output().await.unwrap();
    let said = String::from_utf8(added.stdout).unwrap();
    said.split_whitespace().find(|word| word.len() == 52).expect("the token").to_owned()
}

async fn locked(host: &Visitor) -> String {
    id_of(&host.create(json!({"password": "right", "keep": true})).await)
}

#[tokio::test]
async fn guesses_from_many_addresses_hold_up_no_login_from_another() {
    const GUESSERS: u8 = 8;
    const GUESSES: usize = 12;
    let settings =
        [("PARLOR_LIMITS__PASSWORD_TRIES", "3"), ("PARLOR_LIMITS__PASSWORD_WAIT_MS", MINUTE)];
    let server = Server::with(Store::Sqlite, &settings).await;
    let room = locked(&Visitor::to(&server)).await;
    let (user, token) = (format!("room:{room}"), device(&server, "door").await);
    let guesser = async |last: u8| {
        let from = [127, 0, 0, last];
        let guess = async |number: usize| {
            let login = Login::v5(&format!("{last} {number}")).user(&user, "wrong");
            Peer::try_connect_from(from, &server, &login).await.err().expect("a refusal")
        };
        let mut codes = join_all((0..GUESSES).map(guess)).await;
        codes.sort_unstable();
        codes
    };
    let guessing = join_all((2..2 + GUESSERS).map(guesser));
    let others = async {
        for number in 0..5 {
            let login = Login::v5(&format!("guest {number}")).user(&user, "right");
            let known = Peer::try_connect_from([127, 0, 0, 99], &server, &login).await;
            known.expect("the right password").join(&room).await;
            let login = Login::v5("door").user("door", &token);
            Peer::connect(&server, &login).await.disconnect().await;
            Peer::connect(&server, &Login::v5("anybody")).await.disconnect().await;
        }
    };
    let (codes, ()) = tokio::join!(guessing, others);
    for codes in codes {
        // However many at once: so many were hashed, and no more.
        let expected: Vec<u8> = [vec![0x86; 3], vec![0x9F; GUESSES - 3]].concat();
        assert_eq!(codes, expected);
    }
    // One address is one, whatever it tries and by whatever door.
    let older = Login::v4("older").user("door", &token);
    assert_eq!(Peer::try_connect_from([127, 0, 0, 2], &server, &older).await.err(), Some(3));
    let enter = format!("/room/{room}/enter");
    let guesser = Visitor::from([127, 0, 0, 3], &server);
    let answer = guesser.post(&enter, json!({"password": "right"})).await;
    assert_eq!(answer.status(), 429);
    assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 30);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["limit"], "limits.password_tries");
}

#[tokio::test]
async fn after_its_wait_the_right_password_lets_in_again() {
    let settings =
        [("PARLOR_LIMITS__PASSWORD_TRIES", "2"), ("PARLOR_LIMITS__PASSWORD_WAIT_MS", "300")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let room = locked(&Visitor::to(&server)).await;
    // Names that are not there, and what is no room, are wrong like any other.
    for (user, code) in [("room:000000000000", 0x86), ("room:nonsense", 0x86)] {
        let login = Login::v5("x").user(user, "x");
        assert_eq!(Peer::try_connect(&server, &login).await.err(), Some(code), "{user}");
    }
    let login = Login::v5("x").user(&format!("room:{room}"), "right");
    until("the end of the wait", async || match Peer::try_connect(&server, &login).await {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, 0x9F);
            false
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_secret_get_the_same_answer() {
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__PASSWORD_TRIES", "0")]).await;
    let room = locked(&Visitor::to(&server)).await;
    let token = device(&server, "door").await;
    let mut answers = Vec::new();
    for version in [4, 5] {
        for (user, password) in [
            ("door", "0".repeat(52)),
            ("window", token.clone()),
            (&format!("room:{room}"), "wrong".to_owned()),
            ("room:000000000000", "wrong".to_owned()),
            ("room:nonsense", "wrong".to_owned()),
        ] {
            let mut peer = Peer::silent(server.mqtt).await;
            let login = Login { version, ..Login::v5("x").user(user, &password) };
            peer.send(&login.packet()).await;
            let answer = peer.packet().await.expect("a CONNACK");
            assert_eq!((answer.kind, peer.closed().await), (packet::CONNACK, None), "{user}");
            answers.push(answer.body);
        }
    }
    assert!(answers[..5].iter().all(|answer| *answer == [0, 4]), "{answers:?}");
    assert!(answers[5..].iter().all(|answer| *answer == answers[5]), "{answers:?}");
    assert_eq!(answers[5][1], 0x86);
}

#[tokio::test]
async fn nothing_is_done_for_a_client_that_is_not_let_in() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    for version in [4, 5] {
        let mut peer =
            Peer::on(tokio::net::TcpStream::connect(server.mqtt).await.unwrap(), version);
        let login = Login { version, ..Login::v5("x").user("nobody", "x") };
        let publish = peer.publication(0x32, &topic, [0, 1], b"not said");
        peer.send(&[login.packet(), publish, packet::PINGREQ.to_vec()].concat()).await;
        let answer = peer.packet().await.expect("a CONNACK");
        assert_eq!((answer.kind, answer.body[1] > 0), (packet::CONNACK, true));
        assert_eq!(peer.packet().await, None, "the rest is not looked at");
    }
    // Let in, the same is done in its order.
    let mut peer = Peer::silent(server.mqtt).await;
    let packets: Vec<u8> = (1..=4)
        .flat_map(|id| peer.publication(0x32, &topic, [0, id], id.to_string().as_bytes()))
        .collect();
    peer.send(&[Login::v5("x").packet(), packets].concat()).await;
    assert_eq!(peer.packet().await.unwrap().kind, packet::CONNACK);
    for id in 1..=4 {
        let answer = peer.packet().await.unwrap();
        assert_eq!((answer.kind, answer.body[1]), (packet::PUBACK, id));
    }
    assert_eq!(texts(&host.chats(&room).await), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_session_that_flaps_stays_with_whom_it_is_and_disturbs_nobody() {
    let settings =
        [("PARLOR_LIMITS__TAKEOVERS", "5"), ("PARLOR_LIMITS__TAKEOVER_WINDOW_MS", "2000")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let mut other = Peer::connect(&server, &Login::v5("other")).await;
    let login = Login::v5("flaps");
    let mut holder = Peer::connect(&server, &login).await;
    let (mut taken, mut refused) = (0, 0);
    while refused < 45 {
        match Peer::try_connect(&server, &login).await {
            Ok(next) => {
                assert_eq!(holder.closed().await, Some(0x8E));
                holder = next;
                taken += 1;
            }
            Err(code) => {
                assert_eq!(code, 0x9F);
                refused += 1;
            }
        }
        other.ping().await;
    }
    assert!(taken >= 5, "{taken}");
    holder.ping().await;
    until("the end of the window", async || Peer::is_let_in(&server, &login).await).await;
    assert_eq!(holder.closed().await, Some(0x8E));
}

#[tokio::test]
async fn while_the_store_is_away_no_device_is_let_in() {
    if mongo::is_skipped() {
        return;
    }
    let database = Database::start().await;
    let settings = [("PARLOR_STORE__WAIT_MS", "300"), ("PARLOR_LIMITS__PASSWORD_TRIES", "1")];
    let server = Server::at(&database.uri(), &settings).await;
    let token = device(&server, "door").await;
    let login = Login::v5("door").user("door", &token);
    Peer::connect(&server, &login).await.disconnect().await;
    database.freeze().await;
    for (version, code) in [(5, 0x88), (4, 3)] {
        let login = Login { version, ..login.clone() };
        assert_eq!(Peer::try_connect(&server, &login).await.err(), Some(code));
    }
    Peer::connect(&server, &Login::v5("anybody")).await.ping().await;
    database.thaw().await;
    // Nobody was wrong meanwhile, and nobody waits for it.
    until("the device", || Peer::is_let_in(&server, &login)).await;
}

#[tokio::test]
async fn an_address_is_believed_from_a_trusted_proxy_only() {
    for trusted in ["127.0.0.9", "127.0.0.1"] {
        let settings = [
            ("PARLOR_SERVER__TRUSTED_PROXIES", trusted),
            ("PARLOR_LIMITS__PASSWORD_TRIES", "1"),
            ("PARLOR_LIMITS__PASSWORD_WAIT_MS", MINUTE),
        ];
        let server = Server::with(Store::Sqlite, &settings).await;
        let host = Visitor::to(&server);
        let enter = format!("/room/{}/enter", locked(&host).await);
        let guess = async |forwarded: &str| {
            let ask = host.ask(Method::POST, &enter).header("x-forwarded-for", forwarded);
            ask.json(&json!({"password": "wrong"})).send().await.unwrap().status().as_u16()
        };
        let statuses =
            [guess("192.0.2.1").await, guess("192.0.2.1").await, guess("192.0.2.2").await];
        let third = if trusted == "127.0.0.1" { 403 } else { 429 };
        assert_eq!(statuses, [403, 429, third], "{trusted} is trusted");
    }
}

#[tokio::test]
async fn an_address_makes_only_so_many_rooms_whatever_its_cookies() {
    let settings = [("PARLOR_LIMITS__ROOMS_PER_MINUTE", "1"), ("PARLOR_LIMITS__ROOMS_BURST", "3")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let room = json!({"title": "one of many", "max": 10});
    for _ in 0..3 {
        assert_eq!(Visitor::to(&server).post("/room", room.clone()).await.status(), 201);
    }
    let refused = Visitor::to(&server).post("/room", room.clone()).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["limit"], "limits.rooms_per_minute");
    assert!(problem["detail"].as_str().unwrap().contains("new rooms from your address"));
    let page = Visitor::to(&server).form("/room", &[("title", "t"), ("max", "5")]).await;
    assert_eq!(page.status(), 429);
    let wait = page.headers()["retry-after"].to_str().unwrap().to_owned();
    let page = page.text().await.unwrap();
    assert!(page.contains(&format!("Try again in {wait}\u{a0}s.")), "{page}");
    let elsewhere = Visitor::from([127, 0, 0, 2], &server);
    assert_eq!(elsewhere.post("/room", room).await.status(), 201);
}
