//! The one request that the browser brings back, received on this machine's loopback (RFC 8252, section 7.3).

use std::{collections::BTreeMap, io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::Secret;

/// The largest request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;
/// How long a request or an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many connections are looked at at once; browsers open some and send nothing on them.
const MAX_CONNECTIONS: usize = 16;
/// The path of the redirect address.
const PATH: &str = "/callback";

/// Waits on a port that the system chose.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    port: u16,
}

/// What the browser brought.
pub struct Callback {
    /// The parameters; none if one stands twice.
    pub parameters: Option<BTreeMap<String, Secret>>,
    stream: TcpStream,
}

impl Listener {
    pub async fn bind() -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = tcp.local_addr()?.port();
        Ok(Self { tcp, port })
    }

    pub fn redirect_address(&self) -> String {
        format!("http://{}:{}{PATH}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// The first request for the redirect address; then nobody listens any more. Others get an error, and what sends
    /// nothing keeps nobody waiting.
    pub async fn callback(self) -> io::Result<Callback> {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(read) = connections.join_next() => {
                    if let Ok(Some(callback)) = read {
                        return Ok(callback);
                    }
                }
                accepted = self.tcp.accept(), if connections.len() < MAX_CONNECTIONS => {
                    let (stream, _) = accepted?;
                    connections.spawn(read(stream));
                }
            }
        }
    }
}

impl Callback {
    /// Tells the person in the browser how it ended.
    pub async fn answer(mut self, has_succeeded: bool) {
        let (title, text) = match has_succeeded {
            true => ("You are logged in", "sluis has received your login. You may close this window."),
            false => ("The login did not succeed", "The terminal in which you began it says why."),
        };
        // Who closed the browser does not want to know.
        let _ = timeout(PATIENCE, respond(&mut self.stream, "200 OK", title, text)).await;
    }
}

async fn read(mut stream: TcpStream) -> Option<Callback> {
    let head = timeout(PATIENCE, read_head(&mut stream)).await.ok()?.ok()?;
    let line = std::str::from_utf8(&head).ok().and_then(|head| head.lines().next()).unwrap_or_default();
    let query = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).and_then(query);
    let Some(query) = query else {
        let text = "Nothing is to be seen here. Finish the login in the window in which you began it.";
        let _ = timeout(PATIENCE, respond(&mut stream, "404 Not Found", "Not found", text)).await;
        return None;
    };
    let mut parameters = BTreeMap::new();
    let mut is_clear = true;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        is_clear &= parameters.insert(name.into_owned(), Secret::new(value.into_owned())).is_none();
    }
    Some(Callback { parameters: is_clear.then_some(parameters), stream })
}

/// The query of a target, if it is the redirect address.
fn query(target: &str) -> Option<&str> {
    let (path, query) = target.split_once('?')?;
    (path == PATH).then_some(query)
}

/// The request up to the empty line.
async fn read_head(stream: &mut TcpStream) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut head = Zeroizing::new(Vec::with_capacity(MAX_REQUEST));
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let room = (MAX_REQUEST - head.len()) as u64;
        if (&mut *stream).take(room).read_buf(&mut *head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

async fn respond(stream: &mut TcpStream, status: &str, title: &str, text: &str) -> io::Result<()> {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body {{ font: 1.2rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem; \
         color: #222; background: #fff }}</style>\n<main><h1>{title}</h1><p>{text}</p></main></html>\n"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}
