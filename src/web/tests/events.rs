//! Following a room over Server-Sent Events.

use super::*;

/// The data of each event, with its id.
fn told(answer: &Answer) -> Vec<(String, Value)> {
    let text = answer.text();
    let events = text.split("\n\n").filter(|event| event.contains("data:"));
    let field = |event: &str, name: &str| {
        let mut lines = event.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().unwrap_or_default().trim().to_owned()
    };
    events
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data:")).unwrap();
            (field(event, "id:"), data)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_a_place_in_the_room_and_tells_the_log_then_what_is_new() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let room = owner.room(json!({"title": "tea", "keep": true})).await;
    for chat in ["one", "two"] {
        owner.post(&format!("{room}/chat"), json!({"chat": chat})).await;
    }
    let stream = format!("{room}/events");
    let follow = other.ask(Method::GET, &stream, &[("last-event-id", "1")], "");
    let meanwhile = async {
        let path = format!("{room}/occupants");
        while owner.get(&path, JSON).await.json()["occupants"].as_array().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        owner.post(&format!("{room}/chat"), json!({"chat": "three"})).await;
        owner.tell(Method::DELETE, &room, json!({})).await
    };
    let (answer, closed) = tokio::join!(follow, meanwhile);
    assert_eq!((answer.status, closed.status), (200, 204));
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let told = told(&answer);
    let ids: Vec<_> = told.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["2", "3", "4", "5"], "{answer:?}");
    let kinds: Vec<_> = told.iter().map(|(_, event)| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["chat", "join", "chat", "removeRoom"]);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_in_a_room_may_not_follow_it() {
    let lab = Lab::open().await;
    let (owner, other) = (lab.visitor().await, lab.visitor().await);
    let locked = owner.room(json!({"title": "secret", "password": "x"})).await;
    assert_eq!(other.get(&format!("{locked}/events"), JSON).await.status, 403);
    assert_eq!(other.get("/room/000000000000/events", JSON).await.status, 404);
    assert_eq!(owner.get(&format!("{locked}/events?after=x"), JSON).await.status, 400);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_every_stream() {
    let lab = Lab::open().await;
    let owner = lab.visitor().await;
    let room = owner.room(json!({"title": "tea"})).await;
    let path = format!("{room}/events");
    let follow = owner.get(&path, JSON);
    let stop = lab.edge.stop(std::time::Duration::from_secs(5));
    let (answer, ()) = tokio::join!(follow, stop);
    assert_eq!(answer.status, 200);
    lab.close().await;
}
