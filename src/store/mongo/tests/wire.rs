//! The way to the server, with a pair of scissors: a proxy that fails when it is told to.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What happens to the next request that names a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It reaches the server, the answer is lost, and the connection with it.
    Answer(&'static str),
    /// It is lost before the server sees it.
    Request(&'static str),
    /// Every request and connection from now on is lost.
    All,
}

#[derive(Clone)]
pub struct Wire {
    pub address: String,
    next: Arc<Mutex<Vec<Cut>>>,
}

impl Wire {
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let wire = Self { address, next: Arc::default() };
        let accepting = wire.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if accepting.is_down() {
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                let wire = accepting.clone();
                // Either side may go at any time; then the other goes too.
                tokio::spawn(async move { drop(wire.carry(client, server).await) });
            }
        });
        wire
    }

    pub fn cut(&self, cuts: &[Cut]) {
        self.next.lock().unwrap().extend(cuts);
    }

    pub fn mend(&self) {
        self.next.lock().unwrap().clear();
    }

    /// Whether all that was to be cut has been.
    pub fn is_whole(&self) -> bool {
        self.next.lock().unwrap().is_empty()
    }

    fn is_down(&self) -> bool {
        self.next.lock().unwrap().contains(&Cut::All)
    }

    async fn carry(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        loop {
            let request = message(&mut client).await?;
            let cut = self.cut_for(&request);
            if matches!(cut, Some(Cut::Request(_) | Cut::All)) {
                return Ok(());
            }
            server.write_all(&request).await?;
            let answer = message(&mut server).await?;
            if cut.is_some() {
                return Ok(());
            }
            client.write_all(&answer).await?;
        }
    }

    fn cut_for(&self, request: &[u8]) -> Option<Cut> {
        let mut next = self.next.lock().unwrap();
        let at = next.iter().position(|cut| match cut {
            // The command is the first field of the first document.
            Cut::Answer(name) | Cut::Request(name) => {
                let field = format!("\x02{name}\0");
                request.get(25..).is_some_and(|body| body.starts_with(field.as_bytes()))
            }
            Cut::All => true,
        })?;
        match next[at] {
            Cut::All => Some(Cut::All),
            _ => Some(next.remove(at)),
        }
    }
}

/// One message of MongoDB's protocol: it begins with its length.
async fn message(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let mut message = vec![0; u32::from_le_bytes(head) as usize];
    message[..4].copy_from_slice(&head);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}
