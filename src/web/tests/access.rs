//! Who may do what: other sites' pages, locked rooms, banned people, proxies, haste.

use super::*;

const PASSWORD: &str = "a&b#c d+é";

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_and_takes_nobodys_cookie_away() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    for evil in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("referer", "http://evil.example/x"),
    ] {
        for (method, path) in [
            (Method::POST, "/room".to_owned()),
            (Method::POST, format!("{room}/chat")),
            (Method::DELETE, room.clone()),
        ] {
            for guest in [&visitor, &lab.stranger()] {
                let answer = guest.ask(method.clone(), &path, &[JSON, evil, FORM], "title=x").await;
                assert_eq!(answer.status, 403, "{method} {path} {evil:?}");
                assert_eq!(answer.json()["code"], "foreign-origin");
                assert_eq!(answer.header("set-cookie"), "");
            }
        }
        let upgrade = [evil, ("connection", "upgrade"), ("upgrade", "websocket")];
        assert_eq!(visitor.ask(Method::GET, "/mqtt", &upgrade, "").await.status, 403);
    }
    assert_eq!(visitor.get(&room, JSON).await.status, 200);
    lab.close().await;
}

#[tokio::test]
async fn no_page_at_all_may_act_and_so_may_an_allowed_one() {
    let lab = Lab::with(|config| config.server.origins = vec!["https://friend.test".into()]).await;
    let answer = lab.stranger().ask(Method::POST, "/room", &[FORM], "title=x").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let friend = [FORM, ("origin", "https://friend.test")];
    assert_eq!(lab.stranger().ask(Method::POST, "/room", &friend, "title=x").await.status, 303);
    lab.close().await;
}

#[tokio::test]
async fn a_locked_room_shows_nothing_without_its_password() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let room = owner.room(json!({"title": "t", "password": PASSWORD})).await;
    assert_eq!(owner.post(&format!("{room}/chat"), json!({"chat": "psst"})).await.status, 201);
    for part in ["", "/chats", "/occupants"] {
        let answer = other.get(&format!("{room}{part}"), JSON).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (403, json!("locked")),
            "{part}"
        );
        assert!(!answer.text().contains("psst"));
    }
    let said = other.post(&format!("{room}/chat"), json!({"chat": "let me in"})).await;
    assert_eq!(said.status, 403);
    let door = other.get(&room, HTML).await;
    assert_eq!(door.status, 403);
    assert!(door.text().contains(&format!("action=\"{room}/enter\"")), "{door:?}");
    assert!(!door.text().contains("psst"));
    lab.close().await;
}

#[tokio::test]
async fn the_password_lets_in_and_a_wrong_one_does_not() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let room = owner.room(json!({"title": "t", "password": PASSWORD})).await;
    let enter = format!("{room}/enter");
    let wrong = other.submit(&enter, "password=guess").await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("Wrong password."), "{wrong:?}");
    for body in [json!({"password": "guess"}), json!({}), json!({"password": {"$ne": ""}})] {
        assert_eq!(other.post(&enter, body).await.json()["code"], "wrong-password");
    }
    assert_eq!(other.get(&room, JSON).await.status, 403);
    let right = other.submit(&enter, "password=a%26b%23c+d%2B%C3%A9").await;
    assert_eq!((right.status, right.header("location")), (303, room.as_str()));
    assert_eq!(other.get(&room, HTML).await.status, 200);

    let changed = owner.tell(Method::PATCH, &room, json!({"password": "new"})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(other.get(&room, JSON).await.status, 403, "a new password ends the grant");
    assert_eq!(other.post(&enter, json!({"password": "new"})).await.status, 200);
    let opened = owner.tell(Method::PATCH, &room, json!({"password": null})).await.json();
    assert_eq!(opened["locked"], false);
    lab.close().await;
}

#[tokio::test]
async fn guessing_ends_after_a_few_tries_whatever_cookie_it_has() {
    let lab = Lab::with(|config| config.limits.password_tries = 3).await;
    let room = lab.visitor().await.room(json!({"title": "t", "password": PASSWORD})).await;
    let enter = format!("{room}/enter");
    for _ in 0..3 {
        assert_eq!(lab.stranger().post(&enter, json!({"password": "x"})).await.status, 403);
    }
    let answer = lab.stranger().post(&enter, json!({"password": PASSWORD})).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    for (language, before, after) in [
        ("en", "Too many attempts. Try again in ", "\u{a0}s."),
        ("ko", "너무 여러 번 시도했습니다. ", "초 뒤에 다시 시도해 주세요."),
    ] {
        let form = [HTML, FORM, ("accept-language", language)];
        let page = lab.stranger().ask(Method::POST, &enter, &form, "password=x").await;
        assert_eq!(page.status, 429);
        let sentence = format!("{before}{}{after}", page.header("retry-after"));
        assert!(page.text().contains(&sentence), "no {sentence} in {page:?}");
    }
    let forged = [JSON, FORM, ("x-forwarded-for", "9.9.9.9")];
    let answer = lab.stranger().ask(Method::POST, &enter, &forged, "password=x").await;
    assert_eq!(answer.status, 429, "nobody vouches for that address");
    lab.close().await;
}

#[tokio::test]
async fn the_banned_stay_outside() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let room = owner.room(json!({"title": "t"})).await;
    let uid = other.get("/mqtt", JSON).await.text();
    let kick = format!("{room}/kick");
    assert_eq!(other.post(&kick, json!({"uid": uid})).await.status, 403);
    for bad in [json!({}), json!({"uid": "x"}), json!({"uid": uid, "ban": "maybe"})] {
        assert_eq!(owner.post(&kick, bad.clone()).await.status, 422, "{bad}");
    }
    assert_eq!(owner.post(&kick, json!({"uid": uid})).await.json()["code"], "no-such-person");
    assert_eq!(owner.post(&kick, json!({"uid": uid, "ban": true})).await.status, 204);
    for path in [room.clone(), format!("{room}/chats")] {
        assert_eq!(other.get(&path, JSON).await.json()["code"], "banned");
    }
    assert_eq!(other.get(&room, HTML).await.status, 403);
    lab.close().await;
}

#[tokio::test]
async fn a_room_is_handed_over_to_somebody_in_it() {
    let lab = Lab::open().await;
    let owner = lab.visitor().await;
    let room = owner.room(json!({"title": "t"})).await;
    let heir = Arc::new(Sessions::new("other", "").fresh());
    let path = format!("{room}/owner");
    let uid = json!({"uid": heir.uid.to_string()});
    assert_eq!(owner.post(&path, uid.clone()).await.status, 404);
    let id = room.rsplit('/').next().unwrap().parse().unwrap();
    let seat = lab.bridge.member(&heir, id).unwrap().join().await.unwrap();
    let card = owner.post(&path, uid).await.json();
    assert_eq!(card["ownerId"], heir.uid.to_string());
    assert_eq!(owner.tell(Method::DELETE, &room, json!({})).await.status, 403);
    seat.leave();
    lab.close().await;
}

#[tokio::test]
async fn haste_is_told_how_long_to_wait() {
    let lab = Lab::with(|config| {
        config.limits.publish_per_s = 1;
        config.limits.publish_burst = 2;
    })
    .await;
    let (visitor, stranger) = (lab.visitor().await, lab.stranger());
    let chat = format!("{}/chat", visitor.room(json!({"title": "t"})).await);
    // Strangers share the pace of their address: a new one each time gains nothing.
    for guest in [&visitor, &stranger] {
        let mut answer = guest.post(&chat, json!({"chat": "hi"})).await;
        while answer.status == 201 {
            answer = guest.post(&chat, json!({"chat": "hi"})).await;
        }
        assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    }
    let mut page = visitor.submit(&chat, "chat=two+words").await;
    while page.status == 303 {
        page = visitor.submit(&chat, "chat=two+words").await;
    }
    assert!(page.status == 429 && page.text().contains("two words</textarea>"), "{page:?}");
    lab.close().await;
}

#[tokio::test]
async fn a_cookie_over_a_trusted_proxys_tls_is_secure() {
    let lab = Lab::with(|config| config.server.trusted_proxies = vec![[127, 0, 0, 1].into()]).await;
    let tls = [HTML, ("x-forwarded-proto", "https")];
    let answer = lab.stranger().ask(Method::GET, "/", &tls, "").await;
    assert!(answer.header("set-cookie").contains("; Secure"), "{answer:?}");
    lab.close().await;
}
