//! A bad network: forwards connections to an address, and cuts, holds or slows them when told to.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{broadcast, watch},
    task::JoinHandle,
};

/// How connections are treated from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Every piece is late by so much.
    Slow(Duration),
    /// Nothing passes, nothing closes.
    Stalled,
    /// Whoever connects is cut off at once.
    Refusing,
}

/// What happens to the connections that are open now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both directions end.
    Cut,
    /// The client hears no more; what it says still arrives.
    HalfClose,
}

pub struct Proxy {
    pub address: SocketAddr,
    way: watch::Sender<Way>,
    faults: broadcast::Sender<Fault>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = watch::Sender::new(Way::Open);
        let faults = broadcast::Sender::new(16);
        let (way_of_all, faults_of_all) = (way.clone(), faults.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *way_of_all.borrow() == Way::Refusing {
                    continue;
                }
                tokio::spawn(forward(
                    client,
                    target,
                    way_of_all.subscribe(),
                    faults_of_all.subscribe(),
                ));
            }
        });
        Self { address, way, faults, accepting }
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    pub fn strike(&self, fault: Fault) {
        // Nobody is connected: nothing to strike.
        self.faults.send(fault).ok();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(
    client: TcpStream,
    target: SocketAddr,
    way: watch::Receiver<Way>,
    mut faults: broadcast::Receiver<Fault>,
) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pump(from_client, to_server, way.clone());
    let down = pump(from_server, to_client, way);
    tokio::pin!(up);
    {
        tokio::pin!(down);
        tokio::select! {
            () = &mut up => return,
            () = &mut down => {}
            fault = faults.recv() => {
                if !matches!(fault, Ok(Fault::HalfClose)) {
                    return;
                }
            }
        }
    }
    // Dropped, the way down is closed; the client may still speak.
    tokio::select! {
        () = up => {}
        _ = faults.recv() => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let treated = *way.borrow_and_update();
        match treated {
            Way::Open | Way::Refusing => {}
            Way::Slow(by) => tokio::time::sleep(by).await,
            Way::Stalled => {
                if way.wait_for(|way| *way != Way::Stalled).await.is_err() {
                    return;
                }
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
