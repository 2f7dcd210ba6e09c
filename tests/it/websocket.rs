//! MQTT over WebSocket at `/mqtt`: the upgrade, the frames, and whose connection it is.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::harness::{
    Login, Server, Store, Visitor, on_each_store,
    packet::{frame, text},
    websocket::{self, Socket, upgrade},
    within,
};

/// The next binary frame; `Err` with the code of the close frame, when there is one.
async fn next(socket: &mut Socket) -> Result<Vec<u8>, Option<CloseCode>> {
    within("a frame", async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.to_vec()),
                Some(Ok(Message::Close(close))) => return Err(close.map(|close| close.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    })
    .await
}

fn subscribe(filter: &str) -> Vec<u8> {
    frame(0x82, &[vec![0, 1, 0], text(filter), vec![0]].concat())
}

on_each_store!(a_page_speaks_as_its_session,);

async fn a_page_speaks_as_its_session(store: Store) {
    let server = Server::start(store).await;
    let guest = Visitor::to(&server);
    let room = Visitor::to(&server).lasting_room().await;
    let over_http = guest.say(&room, "over HTTP").await;
    let mut page = websocket::page(&server, &guest, "page").await;
    page.join(&room).await;
    assert_eq!(page.publish(&format!("chat/{room}"), "over MQTT").await, 0);
    let heard = page.events_until("over MQTT").await;
    assert!(heard.iter().any(|event| event["type"] == "join"), "{heard:?}");
    for event in &heard {
        assert_eq!(event["uid"], over_http["uid"]);
    }
    assert_eq!(heard.last().unwrap()["user"], over_http["user"]);
}

#[tokio::test]
async fn the_upgrade_is_for_mqtt_and_for_our_own_pages() {
    let server = Server::start(Store::Sqlite).await;
    let ours = server.url("");
    let mqtt = ("sec-websocket-protocol", "mqtt");
    for (headers, wanted) in [
        (vec![], "no protocol"),
        (vec![("sec-websocket-protocol", "chat")], "another protocol"),
        (vec![mqtt, ("origin", "http://evil.example")], "another site"),
        (vec![mqtt, ("origin", "null")], "a page that hides its origin"),
        (vec![("sec-websocket-protocol", "chat"), ("origin", &ours)], "another protocol of ours"),
    ] {
        let refused = upgrade(&server, &headers).await.err();
        let status = refused.unwrap_or_else(|| panic!("{wanted} was let in"));
        let foreign = headers.iter().any(|(name, value)| *name == "origin" && *value != ours);
        assert!(
            if foreign { status == 403 } else { (400..500).contains(&status) },
            "{wanted}: {status}"
        );
    }
    for headers in [vec![mqtt], vec![mqtt, ("origin", &ours)]] {
        assert!(upgrade(&server, &headers).await.is_ok(), "{headers:?}");
    }
    let listed =
        Server::with(Store::Sqlite, &[("PARLOR_SERVER__ORIGINS", "https://friend.example")]).await;
    let friend = ("origin", "https://friend.example");
    assert!(upgrade(&listed, &[mqtt, friend]).await.is_ok());
    assert_eq!(
        upgrade(&listed, &[mqtt, ("origin", "https://other.example")]).await.err(),
        Some(403)
    );
}

#[tokio::test]
async fn packets_need_not_keep_to_frames() {
    let server = Server::start(Store::Sqlite).await;
    let room = Visitor::to(&server).lasting_room().await;
    let topic = format!("chat/{room}");
    let publish = frame(0x32, &[text(&topic), vec![0, 7, 0], b"split".to_vec()].concat());
    let all = [Login::v5("x").packet(), subscribe(&topic), publish].concat();
    let one_each: Vec<Vec<u8>> = all.iter().map(|byte| vec![*byte]).collect();
    let uneven: Vec<Vec<u8>> = all.chunks(7).map(<[u8]>::to_vec).collect();
    for frames in [vec![all.clone()], uneven, one_each] {
        let count = frames.len();
        let mut socket = websocket::socket(&server, None).await;
        for (number, bytes) in frames.into_iter().enumerate() {
            socket.send(Message::binary(bytes)).await.unwrap();
            if number % 10 == 3 {
                socket.send(Message::Ping(vec![1].into())).await.unwrap();
            }
        }
        let mut said = Vec::new();
        while !said.windows(5).any(|part| part == b"split") {
            said.extend(next(&mut socket).await.expect("more"));
        }
        assert_eq!(said[0] >> 4, 2, "CONNACK first, in {count} frames");
        socket.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn a_text_frame_ends_the_connection_and_no_other() {
    let server = Server::start(Store::Sqlite).await;
    let mut other = websocket::page(&server, &Visitor::to(&server), "other").await;
    for connected in [false, true] {
        let mut socket = websocket::socket(&server, None).await;
        if connected {
            socket.send(Message::binary(Login::v5("x").packet())).await.unwrap();
            assert_eq!(next(&mut socket).await.expect("CONNACK")[0], 0x20);
        }
        socket.send(Message::text("hello")).await.unwrap();
        let end = loop {
            match next(&mut socket).await {
                Ok(_) => {} // DISCONNECT
                Err(code) => break code,
            }
        };
        assert_eq!(end, Some(CloseCode::Unsupported), "connected: {connected}");
    }
    other.ping().await;
}

#[tokio::test]
async fn an_oversized_message_ends_the_connection() {
    let server = Server::start(Store::Sqlite).await;
    let mut socket = websocket::socket(&server, None).await;
    // Before CONNECT the limit is 8 KiB.
    socket
        .send(Message::binary([vec![0x10, 0xFF, 0xFF, 0x7F], vec![0; 20_000]].concat()))
        .await
        .ok();
    while next(&mut socket).await.is_ok() {}
    let mut alive = websocket::page(&server, &Visitor::to(&server), "alive").await;
    alive.ping().await;
}

/// The head of a binary frame of so many bytes, masked with nothing.
fn head(length: u64) -> Vec<u8> {
    [&[0x82, 0xFF][..], &length.to_be_bytes(), &[0; 4]].concat()
}

#[tokio::test]
async fn a_strangers_message_is_small_and_a_clients_as_large_as_its_packets() {
    // Nobody waits for the CONNECT meanwhile.
    let server = Server::with(Store::Sqlite, &[("PARLOR_LIMITS__CONNECT_MS", "600000")]).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let long = "x".repeat(1 << 20);
    let mut client = websocket::socket(&server, None).await;
    client.send(Message::binary(Login::v5("client").packet())).await.unwrap();
    let body = [text(format!("chat/{room}")), vec![0, 7, 0], long.into_bytes()].concat();
    client.send(Message::binary(frame(0x32, &body))).await.unwrap();
    for (kind, what) in [(0x20, "CONNACK"), (0x40, "an answer to what was not waited with")] {
        assert_eq!(next(&mut client).await.expect(what)[0], kind, "{what}");
    }

    let mut stranger = websocket::socket(&server, None).await;
    let (mut from, mut to) = tokio::io::split(stranger.get_mut());
    // Of a message that the limits would allow: all but its last byte.
    let most = vec![0x10; (4 << 20) - 1];
    let sending = async {
        to.write_all(&head(4 << 20)).await?;
        to.write_all(&most).await
    };
    let mut said = Vec::new();
    let both = async { tokio::join!(sending, from.read_to_end(&mut said)) };
    within("the end", both).await.1.ok();
    assert!(host.chats(&room).await.is_empty(), "a text too long is not stored");
}
