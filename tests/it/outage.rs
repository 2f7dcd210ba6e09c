//! The store cannot be reached for a while: what can go on goes on, what cannot is refused with a
//! word, nothing acknowledged is lost, and no restart is needed.

use serde_json::json;

use crate::harness::{
    Login, Peer, Server, Visitor, mongo, on_mongodb, until, visitor::texts, wire::Wire,
};

on_mongodb!(a_store_that_is_away_takes_nothing_with_it);

async fn a_store_that_is_away_takes_nothing_with_it() {
    let uri = tokio::task::spawn_blocking(mongo::fresh).await.unwrap();
    let (_, rest) = uri.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let wire = Wire::to(authority).await;
    let uri = format!("mongodb://{}/{path}", wire.address);
    let server = Server::at(&uri, &[("PARLOR_STORE__WAIT_MS", "1000")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let topic = format!("chat/{room}");
    let mut peer = Peer::connect(&server, &Login::v5("peer")).await;
    peer.join(&room).await;
    assert_eq!(peer.publish(&topic, "before").await, 0);
    assert_eq!(host.get("/readyz").await.status(), 200);

    wire.cut();
    until("the server to notice", || async { host.get("/readyz").await.status() == 503 }).await;
    assert_eq!(host.get("/healthz").await.status(), 200);
    assert!(host.page("/", "en").await.text().await.unwrap().contains(&room), "the list goes on");
    let refused = host.post(&format!("/room/{room}/chat"), json!({"chat": "x", "key": "k"})).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let draft = json!({"chat": "in doubt", "key": "k1"}).to_string();
    assert!(peer.publish(&topic, &draft).await >= 0x80, "not acknowledged as stored");
    peer.ping().await;

    wire.mend();
    until("the server to be ready", || async { host.get("/readyz").await.status() == 200 }).await;
    // Who was refused says it again under the same key: it is there once, whatever became of it.
    assert_eq!(peer.publish(&topic, &draft).await, 0);
    assert_eq!(peer.publish(&topic, "after").await, 0);
    let heard = peer.events_until("after").await;
    let chats = host.chats(&room).await;
    assert_eq!(heard.iter().filter(|event| event["chat"] == "in doubt").count(), 1);
    assert_eq!(chats.iter().filter(|event| event["chat"] == "in doubt").count(), 1);
    assert_eq!(texts(&chats).first(), Some(&"before"));
    assert_eq!(texts(&chats).last(), Some(&"after"));
    for (index, event) in host.log(&room).await.iter().enumerate() {
        assert_eq!(event["seq"], index + 1);
    }
}
