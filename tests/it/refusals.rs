//! What the server does not start on, and what it does not go on with: it says why, and ends.

use std::{path::Path, process::Output};

use rusqlite::Connection;

use crate::harness::{Login, Peer, Server, Store, Visitor, until, within};

/// Starts the server on what is in its folder, which it must refuse; gives what it said.
async fn refused(server: &Server) -> String {
    let Output { status, stdout, stderr } =
        within("the end of the server", server.command().output()).await.unwrap();
    assert!(!status.success(), "it started");
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!said.contains("panicked") && !said.contains("listening"), "{said}");
    said.lines().last().expect("a word").to_owned()
}

fn database(server: &Server) -> Connection {
    Connection::open(server.data().join("parlor.db")).unwrap()
}

async fn stopped() -> Server {
    let mut server = Server::start(Store::Sqlite).await;
    Visitor::to(&server).lasting_room().await;
    server.stop().await;
    server
}

fn overwrite(path: &Path, from: usize, to: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let end = to.min(bytes.len());
    bytes[from..end].fill(0x5A);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn data_that_cannot_be_understood_is_not_touched() {
    let server = stopped().await;
    let file = server.data().join("parlor.db");
    let good = std::fs::read(&file).unwrap();

    database(&server).pragma_update(None, "user_version", 99).unwrap();
    let said = refused(&server).await;
    assert!(said.contains("newer Parlor (schema 99"), "{said}");

    std::fs::write(&file, &good).unwrap();
    database(&server).pragma_update(None, "application_id", 7).unwrap();
    let said = refused(&server).await;
    assert!(said.contains("another program's database"), "{said}");

    for (from, to) in [(0, 100), (100, 4096), (4096, usize::MAX)] {
        std::fs::write(&file, &good).unwrap();
        overwrite(&file, from, to);
        let spoilt = std::fs::read(&file).unwrap();
        let said = refused(&server).await;
        assert!(said.contains("parlor.db") || said.contains("damaged"), "{from}: {said}");
        assert_eq!(std::fs::read(&file).unwrap(), spoilt, "what is left may be rescued");
    }

    std::fs::write(&file, &good).unwrap();
    let mut server = server;
    server.again().await;
}

#[tokio::test]
async fn a_writer_that_cannot_go_on_ends_the_process() {
    let mut server = Server::start(Store::Sqlite).await;
    let host = Visitor::to(&server);
    let room = host.lasting_room().await;
    let mut peer = Peer::connect(&server, &Login::v5("peer")).await;
    peer.join(&room).await;
    host.say(&room, "all is well").await;
    database(&server).execute_batch("DROP TABLE messages").unwrap();
    let publish = peer.publication(0x32, &format!("chat/{room}"), [0, 9], b"nowhere to go");
    peer.send(&publish).await;
    let status = server.ended().await;
    assert!(!status.success(), "{status}");
    // Its last words are read from a pipe, which may take longer than its end.
    until("the reason", async || server.log().contains("the task `writer` has ended")).await;
    while let Some(packet) = peer.packet().await {
        assert_ne!((packet.kind, packet.body.len()), (4, 2), "it was acknowledged");
    }
}
