//! What only a real connection shows.

use std::net::Ipv4Addr;

use reqwest::{Client, StatusCode, multipart};
use tokio::net::TcpListener;

use super::*;

impl Lab {
    /// Serves until the test ends; gives its address.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let service = self.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
        address
    }
}

#[tokio::test]
async fn the_sender_of_an_image_too_large_reads_the_answer() {
    let lab = Lab::with(|config| config.uploads.bytes = 1 << 20).await;
    let address = lab.serve().await;
    let client = Client::builder().cookie_store(true).build().unwrap();
    let made = client.post(format!("{address}/room")).json(&json!({"title": "t"})).send().await;
    let room = made.unwrap().headers()["location"].to_str().unwrap().to_owned();
    for megabytes in [2, 3] {
        let part = multipart::Part::bytes(vec![b'x'; megabytes << 20]);
        let form = multipart::Form::new().part("gif", part);
        let send = client.post(format!("{address}{room}/gif")).header(JSON.0, JSON.1);
        let answer = send.multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["detail"], "the image is too large: give at most 1048576 bytes");
    }
    lab.close().await;
}

#[tokio::test]
async fn pages_and_files_travel_compressed() {
    let lab = Lab::open().await;
    let address = lab.serve().await;
    let style = format!("{}/main.css", assets::root());
    for (path, coding) in [("/room", "gzip"), (style.as_str(), "gzip"), ("/healthz", "")] {
        let ask = Client::new().get(format!("{address}{path}")).header("accept-encoding", "gzip");
        let answer = ask.send().await.unwrap();
        let found = answer.headers().get("content-encoding");
        assert_eq!(found.map_or("", |coding| coding.to_str().unwrap()), coding, "{path}");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    lab.close().await;
}

#[tokio::test]
async fn a_file_is_kept_for_ever_and_asked_for_again_for_nothing() {
    let lab = Lab::open().await;
    let stranger = lab.stranger();
    let path = format!("{}/min/room.js", assets::root());
    let file = stranger.get(&path, HTML).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    let known = [("if-none-match", file.header("etag"))];
    assert_eq!(stranger.ask(Method::GET, &path, &known, "").await.status, 304);
    let icon = stranger.get("/favicon.ico", HTML).await;
    assert_eq!((icon.status, icon.header("content-type")), (200, "image/svg+xml"));
    lab.close().await;
}
