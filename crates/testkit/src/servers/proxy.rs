//! The way to a server, which a test can slow down, cut or make silent.

use super::free_port;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the way is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Everything comes through.
    Open,
    /// Everything comes through, each piece after so long.
    Slow(Duration),
    /// Connections stay, and nothing comes through: the other side seems to be there.
    Silent,
    /// Connections are closed, and new ones as well.
    Cut,
}

/// A port of this machine that leads to another one. Must be made within a tokio runtime.
pub struct Proxy {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Leads to a port of this machine.
    pub async fn to(port: u16) -> Self {
        let own = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, own)).await.unwrap();
        let (way, watched) = watch::channel(Way::Open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() != Way::Cut {
                    tokio::spawn(lead(client, port, watched.clone()));
                }
            }
        });
        Self { port: own, way, task }
    }

    /// From now on everything takes so long to come through, in each direction.
    pub fn slow(&self, delay: Duration) {
        self.way.send_replace(Way::Slow(delay));
    }

    /// From now on nothing comes through, and nobody is told.
    pub fn silence(&self) {
        self.way.send_replace(Way::Silent);
    }

    /// Closes every connection, and every new one.
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Lets everything through again; what was silenced goes on where it was.
    pub fn open(&self) {
        self.way.send_replace(Way::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.way.send_replace(Way::Cut);
    }
}

async fn lead(client: TcpStream, port: u16, way: watch::Receiver<Way>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(carry(from_client, to_server, way.clone()), carry(from_server, to_client, way));
}

async fn carry(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, mut way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            cut = way.wait_for(|way| *way == Way::Cut) => {
                let _ = cut;
                return;
            }
        };
        let Ok(count @ 1..) = read else { return };
        // Silent: what was read waits until the way is open again, or cut.
        let Ok(now) = way.wait_for(|way| *way != Way::Silent).await.map(|way| *way) else { return };
        if let Way::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if now == Way::Cut || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
