//! What every answer has in common: texts in two languages, headers, health, and a clean no.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::{Login, Peer, Server, Store, Visitor, until, visitor::id_of};

#[tokio::test]
async fn errors_are_pages_in_the_readers_language() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let full = id_of(&host.create(json!({"max": 2, "keep": true})).await);
    let mut peers = [
        Peer::connect(&server, &Login::v5("one")).await,
        Peer::connect(&server, &Login::v5("two")).await,
    ];
    for peer in &mut peers {
        peer.join(&full).await;
    }
    let full = format!("/room/{full}");
    for (path, status, korean, english) in [
        ("/room/000000000000", 404, "존재하지 않는 방입니다.", "There is no such room."),
        ("/room/nonsense", 404, "존재하지 않는 방입니다.", "There is no such room."),
        (full.as_str(), 409, "허용 인원이 초과하였습니다.", "This room has reached its capacity."),
        ("/nowhere", 404, "찾으시는 페이지가 없습니다.", "There is no such page."),
        ("/room/%ff%00", 400, "", ""),
    ] {
        for (language, text) in [("ko-KR,ko;q=0.9", korean), ("en-US", english), ("fr", english)] {
            let answer = host.page(path, language).await;
            assert_eq!(answer.status(), status, "{path}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(text), "{path} in {language}");
            let tag = if language.starts_with("ko") { "lang=\"ko\"" } else { "lang=\"en\"" };
            assert!(page.contains(tag), "{path} in {language}");
        }
        if status == 409 {
            continue; // Full is said to who wants in; the card may be read.
        }
        let problem = host.get(path).await;
        assert_eq!(problem.status(), status);
        assert_eq!(problem.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(problem.json::<Value>().await.unwrap()["status"], status);
    }
}

#[tokio::test]
async fn every_answer_says_what_may_be_done_with_it() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for path in ["/", "/room", &format!("/room/{room}"), "/nowhere", "/healthz", "/room/x/chats"] {
        let answer = host.page(path, "en").await;
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert!(headers.contains_key("referrer-policy"), "{path}");
        assert!(headers.get("server").is_none() && headers.get("x-powered-by").is_none());
    }
    let fresh = Visitor::to(&server).page("/", "en").await;
    let cookie = fresh.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let page = fresh.text().await.unwrap();
    for (index, _) in page.match_indices("src=\"").chain(page.match_indices("href=\"")) {
        let address = page[index..].split('"').nth(1).unwrap();
        assert!(address.starts_with('/') || address.starts_with('#'), "from elsewhere: {address}");
    }
}

#[tokio::test]
async fn the_files_of_a_page_are_there_and_may_be_kept() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let page = host.page("/", "en").await.text().await.unwrap();
    let mut addresses: Vec<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .filter_map(|part| part.split('#').next())
        .collect();
    addresses.dedup();
    assert!(addresses.len() >= 3, "{page}");
    for address in addresses {
        let file = host.page(address, "en").await;
        assert_eq!(file.status(), 200, "{address}");
        let kept = file.headers()[header::CACHE_CONTROL].to_str().unwrap();
        assert!(kept.contains("immutable"), "{address}: {kept}");
        let tag = file.headers()[header::ETAG].clone();
        let again = host.request(Method::GET, address).header(header::IF_NONE_MATCH, tag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{address}");
    }
    for path in ["/assets/x/min/room.js", "/assets/../Cargo.toml", "/assets/%2e%2e/broker.toml"] {
        assert_eq!(host.page(path, "en").await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_numbers_are_for_this_machine_and_for_monitors() {
    let server = Server::start(Store::Sqlite).await;
    let visitor = Visitor::to(&server);
    visitor.lasting_room().await;
    let metrics = async || visitor.get("/metrics").await.text().await.unwrap();
    // The card of a new room is on its way for a moment.
    until("the room is counted", async || metrics().await.contains("\nparlor_rooms 1\n")).await;
    let text = metrics().await;
    for line in ["parlor_ready 1", "parlor_rooms 1", "# TYPE parlor_messages_sent_total counter"] {
        assert!(text.lines().any(|one| one == line), "no {line} in {text}");
    }
    // From elsewhere, by a proxy on this machine that nobody has told us of.
    let from_afar =
        || visitor.request(Method::GET, "/metrics").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(from_afar().send().await.unwrap().status(), 403);
    for (name, arguments, status) in [("plain", &[][..], 403), ("watch", &["--monitor"], 200)] {
        let mut add = server.command();
        let added = add.args(["device", "add", name]).args(arguments).output().await.unwrap();
        let said = String::from_utf8(added.stdout).unwrap();
        let token = said.split_whitespace().find(|word| word.len() == 52).expect("the token");
        let request = from_afar().header("authorization", format!("Bearer {name}:{token}"));
        assert_eq!(request.send().await.unwrap().status(), status, "{name}");
    }
}

#[tokio::test]
async fn health_tells_alive_from_ready() {
    let server = Server::start(Store::Sqlite).await;
    let prober = Visitor::to(&server);
    for path in ["/healthz", "/readyz"] {
        let answer = prober.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers().get(header::SET_COOKIE).is_none(), "a probe is nobody");
    }
}

#[tokio::test]
async fn strange_requests_get_a_clean_no() {
    let server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    for (method, path, status) in [
        (Method::PUT, "/".to_owned(), 405),
        (Method::DELETE, "/room".into(), 405),
        (Method::GET, format!("/room/{room}/chat"), 405),
        (Method::GET, "/mqtt".into(), 0),
        (Method::GET, "/room/..%2f..%2fetc%2fpasswd".into(), 404),
        (Method::GET, "/gif/..%2f..%2fdata%2fparlor.db".into(), 404),
        (Method::GET, "/gif/x.svg".into(), 404),
        (Method::GET, format!("/{}", "a".repeat(8000)), 404),
    ] {
        let answer = host.request(method.clone(), &path).send().await.unwrap();
        let code = answer.status().as_u16();
        assert!(
            if status > 0 { code == status } else { (400..500).contains(&code) },
            "{method} {path:.60}: {code}"
        );
    }
    assert_eq!(host.page(&format!("/room/{room}/"), "en").await.status().as_u16() / 100, 3);
    // Two forged sessions: one of nonsense, one of an older signature.
    for cookie in
        ["parlor=x", "parlor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D0123456789abcdef"]
    {
        let stranger = Visitor::to(&server);
        let answer =
            stranger.ask(Method::DELETE, &format!("/room/{room}")).header("cookie", cookie);
        assert_eq!(answer.send().await.unwrap().status(), 403);
    }
    assert_eq!(host.get("/healthz").await.status(), 200);
}
