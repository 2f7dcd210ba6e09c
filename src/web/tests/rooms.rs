//! Rooms made, shown, entered, changed and closed.

use super::*;

#[tokio::test]
async fn a_form_makes_a_room_and_leads_into_it() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let answer = visitor.submit("/room", "title=Tea+%26+talk&max=5&password=").await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let address = answer.header("location").to_owned();
    let room = visitor.get(&address, HTML).await;
    assert_eq!(room.status, 200);
    assert!(room.text().contains("Tea &#38; talk"), "{room:?}");
    assert!(visitor.get("/", HTML).await.text().contains(&address));
    let lobby = visitor.get("/", JSON).await.json();
    assert_eq!(lobby["rooms"][0]["title"], "Tea & talk");
    lab.close().await;
}

#[tokio::test]
async fn a_script_gets_the_card_and_never_the_password() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let wish = json!({"title": "t", "max": "3", "password": "a&b#c", "keep": true});
    let answer = visitor.post("/room", wish).await;
    assert_eq!(answer.status, 201);
    let card = answer.json();
    assert_eq!(answer.header("location"), format!("/room/{}", card["id"].as_str().unwrap()));
    assert_eq!(
        (&card["max"], &card["locked"], &card["keep"]),
        (&json!(3), &json!(true), &json!(true))
    );
    for text in [answer.text(), lab.stranger().get("/", JSON).await.text()] {
        assert!(!text.contains("a&b") && !text.contains("argon2"), "{text}");
    }
    lab.close().await;
}

#[tokio::test]
async fn an_impossible_room_names_every_faulty_field() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    for (wish, fields) in [
        (json!({}), vec!["title"]),
        (json!({"title": "   "}), vec!["title"]),
        (json!({"title": 5}), vec!["title"]),
        (json!({"title": "x".repeat(101), "max": 1}), vec!["title", "max"]),
        (json!({"title": "t", "max": 2.5}), vec!["max"]),
        (json!({"title": "t", "max": 1e308}), vec!["max"]),
        (json!({"title": "t", "max": "abc"}), vec!["max"]),
        (json!({"title": "t", "max": -2}), vec!["max"]),
        (json!({"title": "t", "max": 1001}), vec!["max"]),
        (json!({"title": "t", "max": [2]}), vec!["max"]),
        (json!({"title": "t", "password": {"$ne": 1}}), vec!["password"]),
        (json!({"title": "t", "password": "x".repeat(129)}), vec!["password"]),
        (json!({"title": "t", "keep": 7, "offRecord": "so"}), vec!["keep", "offRecord"]),
    ] {
        let answer = visitor.post("/room", wish.clone()).await;
        assert_eq!(answer.status, 422, "{wish}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        let mut named: Vec<_> = problem["faults"].as_object().unwrap().keys().collect();
        named.sort_by_key(|name| fields.iter().position(|field| field == name));
        assert_eq!(named, fields, "{wish}");
    }
    assert_eq!(visitor.get("/", JSON).await.json(), json!({"rooms": []}));
    lab.close().await;
}

#[tokio::test]
async fn a_faulty_form_comes_back_with_what_was_typed() {
    let lab = Lab::open().await;
    let form = "title=+%3Cb%3E&max=2.5&keep=true&password=secret";
    let answer = lab.visitor().await.submit("/room", form).await;
    assert_eq!(answer.status, 422);
    let page = answer.text();
    assert!(page.contains("value=\" &#60;b&#62;\"") && page.contains("value=\"2.5\""), "{page}");
    assert!(page.contains("name=\"keep\" value=\"true\" checked"), "{page}");
    assert!(!page.contains("secret"), "{page}");
    lab.close().await;
}

#[tokio::test]
async fn a_room_that_is_not_there_is_said_so_in_the_readers_language() {
    let lab = Lab::open().await;
    for path in ["/room/zzzzzzzzzzzz", "/room/5f0000000000000000000000"] {
        let korean = [HTML, ("accept-language", "ko-KR,ko;q=0.9,en;q=0.5")];
        let answer = lab.stranger().ask(Method::GET, path, &korean, "").await;
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("존재하지 않는 방입니다."), "{answer:?}");
        let korean = [JSON, ("accept-language", "ko")];
        let problem = lab.stranger().ask(Method::GET, path, &korean, "").await.json();
        assert_eq!(problem["code"], "no-such-room");
        assert_eq!(problem["detail"], "존재하지 않는 방입니다.");
    }
    lab.close().await;
}

#[tokio::test]
async fn addresses_are_forgiving_and_methods_are_not() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    let answer = visitor.get(&format!("{room}/"), HTML).await;
    assert_eq!((answer.status, answer.header("location")), (308, room.as_str()));
    let answer = visitor.tell(Method::PUT, &room, json!({})).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (405, json!("wrong-method")));
    assert!(answer.header("allow").contains("PATCH"), "{answer:?}");
    lab.close().await;
}

#[tokio::test]
async fn only_the_owner_changes_and_closes() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let room = owner.room(json!({"title": "t"})).await;
    let wish = json!({"title": "new", "max": 4});
    assert_eq!(other.tell(Method::PATCH, &room, wish.clone()).await.status, 403);
    assert_eq!(other.tell(Method::DELETE, &room, json!({})).await.status, 403);
    let changed = owner.tell(Method::PATCH, &room, wish).await.json();
    assert_eq!((&changed["title"], &changed["max"]), (&json!("new"), &json!(4)));
    let faulty = owner.tell(Method::PATCH, &room, json!({"max": 1, "title": ""})).await;
    assert_eq!((faulty.status, faulty.json()["faults"].as_object().unwrap().len()), (422, 2));
    assert_eq!(owner.tell(Method::DELETE, &room, json!({})).await.status, 204);
    assert_eq!(owner.get(&room, JSON).await.status, 404);
    lab.close().await;
}

#[tokio::test]
async fn leaving_leads_outside_whatever_became_of_the_room() {
    let lab = Lab::open().await;
    let visitor = lab.visitor().await;
    let room = visitor.room(json!({"title": "t"})).await;
    for path in [format!("{room}/leave"), "/room/zzzzzzzzzzzz/leave".to_owned()] {
        let answer = visitor.submit(&path, "").await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"));
    }
    assert_eq!(visitor.post(&format!("{room}/leave"), json!({})).await.status, 204);
    lab.close().await;
}

#[tokio::test]
async fn a_full_room_is_said_to_be_full() {
    let lab = Lab::open().await;
    let owner = lab.visitor().await;
    let room = owner.room(json!({"title": "t", "max": 2})).await;
    let id = room.rsplit('/').next().unwrap().parse().unwrap();
    let mut seats = Vec::new();
    for _ in 0..2 {
        let somebody = Arc::new(Sessions::new("other", "").fresh());
        seats.push(lab.bridge.member(&somebody, id).unwrap().join().await.unwrap());
    }
    let page = owner.get(&room, HTML).await;
    assert_eq!(page.status, 409);
    assert!(page.text().contains("This room has reached its capacity."), "{page:?}");
    let occupants = owner.get(&format!("{room}/occupants"), JSON).await.json();
    assert_eq!(occupants["occupants"].as_array().unwrap().len(), 2);
    seats.into_iter().for_each(crate::bridge::Seat::leave);
    lab.close().await;
}
