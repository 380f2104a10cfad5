//! Whether a daemon that answers is the one that answered before.
//!
//! A daemon that is stopped kills its containers, and so does one that is started anew, of what it finds. It then tells
//! their end as if it were the commands' own. So a connection to it is held while a command runs, and an end counts only
//! if afterwards that is still open and the daemon takes others. One that is being stopped closes its socket before it
//! kills; one that answers at the socket of a dead one does so after the dead one's connections were closed.

use std::{
    io::{self, Read},
    os::unix::net::UnixStream as Connection,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time,
};

/// Asks whether it is there.
const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
/// Asks for the events of what has a label that nothing has: the answer has no end as long as the daemon lives.
const LISTEN: &[u8] =
    b"GET /events?filters=%7B%22label%22%3A%5B%22sluis.nothing%22%5D%7D HTTP/1.1\r\nHost: docker\r\n\r\n";
const FINE: &[u8] = b"HTTP/1.1 200";
/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a daemon, that is open as long as it lives.
pub(crate) struct Pulse {
    socket: PathBuf,
    connection: Connection,
}

impl Pulse {
    /// Of the daemon that listens at this socket.
    pub async fn feel(socket: &Path) -> io::Result<Self> {
        let connection = ask(socket, LISTEN).await?.into_std()?;
        Ok(Self { socket: socket.to_owned(), connection })
    }

    /// Whether the daemon lives and is not being stopped.
    pub async fn lasts(&self) -> bool {
        answers(&self.socket).await && self.is_open()
    }

    /// Asked of the kernel itself, which knows of a daemon's end before anybody is told.
    pub fn is_open(&self) -> bool {
        let mut buffer = [0; 512];
        loop {
            match (&self.connection).read(&mut buffer) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}

/// Whether a daemon takes connections at this socket.
pub(crate) async fn answers(socket: &Path) -> bool {
    ask(socket, PING).await.is_ok()
}

/// A connection on which the daemon has begun to answer well.
async fn ask(socket: &Path, request: &[u8]) -> io::Result<UnixStream> {
    let answer = async {
        let mut connection = UnixStream::connect(socket).await?;
        connection.write_all(request).await?;
        let mut begin = [0; FINE.len()];
        connection.read_exact(&mut begin).await?;
        if begin == FINE { Ok(connection) } else { Err(io::Error::other("it refuses to answer")) }
    };
    time::timeout(PATIENCE, answer).await?
}
