//! What is said over HTTP, and how it is read again.

use super::*;

#[tokio::test]
async fn a_message_is_said_by_form_json_and_plain_text() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let uid = visitor.get("/mqtt", JSON).await.text();
    let room = visitor.room(json!({"title": "t"})).await;
    let chat = format!("{room}/chat");
    let answer = visitor.submit(&chat, "chat=a+%3Cb%3E&key=").await;
    assert_eq!((answer.status, answer.header("location")), (303, room.as_str()));
    let forged = json!({"chat": "hi", "key": "k", "user": "#000000", "uid": "x", "seq": 99});
    let event = visitor.post(&chat, forged).await;
    assert_eq!(event.status, 201);
    let event = event.json();
    assert_eq!(
        (&event["seq"], &event["uid"], &event["chat"]),
        (&json!(2), &json!(uid), &json!("hi"))
    );
    let plain = [("content-type", "text/plain")];
    let answer = visitor.ask(Method::POST, &chat, &plain, "door {open}").await;
    assert_eq!((answer.status, answer.json()["chat"].clone()), (201, json!("door {open}")));
    let page = visitor.get(&room, HTML).await.text();
    assert!(page.contains("a &#60;b&#62;") && !page.contains("a <b>"), "{page}");
    lab.close().await;
}

#[tokio::test]
async fn a_key_says_it_once() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let chat = format!("{}/chat", visitor.room(json!({"title": "t"})).await);
    let first = visitor.post(&chat, json!({"chat": "one", "key": "k"})).await;
    let again = visitor.post(&chat, json!({"chat": "one", "key": "k"})).await;
    assert_eq!((again.status, again.json()), (201, first.json()));
    lab.close().await;
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_and_given_back() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    let chat = format!("{room}/chat");
    let long = "x".repeat(2001);
    for (body, code) in [
        (json!({}), "empty"),
        (json!({"chat": " \n"}), "empty"),
        (json!({"chat": 5}), "faulty"),
        (json!({"chat": "x", "key": "k".repeat(65)}), "faulty"),
        (json!({"chat": long}), "too-long"),
    ] {
        let answer = visitor.post(&chat, body).await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (422, json!(code)));
    }
    let page = visitor.submit(&chat, &format!("chat={long}")).await;
    assert_eq!(page.status, 422);
    assert!(page.text().contains(&format!("{long}</textarea>")), "{page:?}");
    let huge = json!({"chat": "x".repeat(70_000)});
    assert_eq!(visitor.post(&chat, huge).await.json()["code"], "too-large");
    let orphan = visitor.post("/room/zzzzzzzzzzzz/chat", json!({"chat": "x"})).await;
    assert_eq!(orphan.status, 404);
    let chats = visitor.get(&format!("{room}/chats"), JSON).await.json();
    assert_eq!(chats, json!({"chats": [], "before": null}));
    lab.close().await;
}

#[tokio::test]
async fn the_log_is_read_in_pages_oldest_first() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    for n in 1..=7 {
        visitor.post(&format!("{room}/chat"), json!({"chat": n.to_string()})).await;
    }
    for (query, seqs, before) in [
        ("", 1..=7, None),
        ("limit=3", 5..=7, Some(5)),
        ("before=5&limit=3", 2..=4, Some(2)),
        ("before=2&limit=3", 1..=1, None),
        ("after=5", 6..=7, Some(6)),
        ("after=0&limit=2", 1..=2, None),
        ("limit=100000", 1..=7, None),
    ] {
        let answer = visitor.get(&format!("{room}/chats?{query}"), JSON).await.json();
        let found: Vec<_> = answer["chats"].as_array().unwrap().iter().collect();
        let found: Vec<u64> = found.into_iter().map(|it| it["seq"].as_u64().unwrap()).collect();
        assert_eq!(found, seqs.collect::<Vec<u64>>(), "{query}");
        assert_eq!(answer["before"], json!(before), "{query}");
    }
    let odd = visitor.get(&format!("{room}/chats?limit=abc"), JSON).await;
    assert_eq!((odd.status, odd.json()["code"].clone()), (400, json!("bad-request")));
    lab.close().await;
}
