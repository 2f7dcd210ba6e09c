//! MQTT over TCP, with or without TLS: accepts, and gives each connection a driver.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpStream};

use super::{Edge, Fault, auth::Peer, driver, tls::Tls};

/// After an error that concerns the machine (no file descriptors): give it a moment.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn accept_all(
    edge: Edge,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
) -> Result<(), Fault> {
    loop {
        let accepted = tokio::select! {
            () = edge.0.stop.cancelled() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => serve(&edge, stream, plain(address.ip()), tls.clone()),
            Err(error) if concerns_one_connection(&error) => {
                tracing::debug!(%error, "a connection went before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept: waiting a moment");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn serve(edge: &Edge, stream: TcpStream, address: IpAddr, tls: Option<Arc<Tls>>) {
    let mut peer = Peer::tcp(address);
    peer.transport = if tls.is_some() { "tls" } else { "tcp" };
    let pass = match edge.admit(address) {
        Ok(pass) => pass,
        Err(crowded) => {
            tracing::info!(%address, %crowded, "connection refused");
            peer.turned_away = Some(crowded);
            // Some are told why; in a flood silence is the answer.
            let Ok(pass) = edge.0.porch.enter(address) else { return };
            pass
        }
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %address, "TCP_NODELAY was refused");
    }
    let own = edge.clone();
    edge.0.connections.spawn(async move {
        match tls {
            None => {
                let (reader, writer) = stream.into_split();
                driver::drive(own, peer, reader, writer, || ()).await;
            }
            Some(tls) => {
                let stopped = own.0.stop.clone();
                // In boxes: the others need not be as large as this.
                let accept = Box::pin(tls.accept(stream));
                if let Some(stream) = stopped.run_until_cancelled(accept).await.flatten() {
                    let (reader, writer) = tokio::io::split(stream);
                    Box::pin(driver::drive(own, peer, reader, writer, || ())).await;
                }
            }
        }
        drop(pass);
    });
}

/// `::ffff:127.0.0.1` is 127.0.0.1.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
