//! MQTT over WebSocket: a [`Peer`] behind frames, and the bare upgrade for tests of the frames.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use futures_util::{SinkExt, StreamExt};

use super::{Login, Peer, Server, Visitor};

pub type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// The upgrade of `/mqtt` with these headers; `Err` with the status when it is refused.
pub async fn upgrade(server: &Server, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{}/mqtt", server.http).into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        // A server that answers without the protocol we asked for: tungstenite refuses it.
        Err(Error::Protocol(_)) => Err(0),
        Err(error) => panic!("{error}"),
    }
}

/// The upgrade as mqtt.js in one of our pages asks for it.
pub async fn socket(server: &Server, cookie: Option<&str>) -> Socket {
    let origin = server.url("");
    let mut headers = vec![("sec-websocket-protocol", "mqtt"), ("origin", &origin)];
    headers.extend(cookie.map(|cookie| ("cookie", cookie)));
    upgrade(server, &headers).await.expect("the upgrade")
}

/// One page of a browser: a connection that is this visitor's.
pub async fn page(server: &Server, visitor: &Visitor, client_id: &str) -> Peer {
    let socket = socket(server, Some(&visitor.cookie().await)).await;
    Peer::on(carried(socket), 5).log_in(&Login::v5(client_id)).await.expect("the log-in")
}

/// The bytes inside the frames. Dropping them drops the connection, without a close frame.
fn carried(socket: Socket) -> tokio::io::DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (mut out, mut frames) = socket.split();
    let (mut from, mut to) = tokio::io::split(far);
    tokio::spawn(async move {
        let sending = async {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut bytes).await {
                if out.send(Message::binary(bytes[..count].to_vec())).await.is_err() {
                    break;
                }
            }
        };
        let receiving = async {
            while let Some(Ok(frame)) = frames.next().await {
                if frame.is_binary() && to.write_all(&frame.into_data()).await.is_err() {
                    break;
                }
            }
        };
        // Either end's end is the end: all is dropped here, and the socket with it.
        tokio::select! {
            () = receiving => {}
            () = sending => {}
        }
    });
    near
}
