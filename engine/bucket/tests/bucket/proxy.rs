//! A proxy that does by script what a bad network or server does.

use std::{
    io::{BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    front::Front,
    wire::{self, Answer, Request},
};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is carried out and answered.
    Pass,
    /// It is answered so, and not carried out.
    Say(u16, &'static str),
    /// The connection is cut before it is carried out.
    CutBefore,
    /// It is carried out, and the answer is lost.
    CutAfter,
    /// The body of the answer ends early.
    CutBody,
    /// The answer is shorter than it should be, and says so of itself.
    Shorten,
    /// The answer is that to a request for another range.
    OtherRange,
}

type Script = Box<dyn FnMut(&Request) -> Fate + Send>;

/// A proxy before a server.
pub struct Proxy {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Proxy {
    /// Stands before a server; `front` speaks for it.
    pub fn before(server: SocketAddr, front: Option<Front>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(|_| Fate::Pass)));
        let (shared, front) = (Arc::clone(&script), front.map(Arc::new));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, front) = (Arc::clone(&shared), front.clone());
                thread::spawn(move || serve(stream.unwrap(), server, front.as_deref(), &script));
            }
        });
        Self { address, script }
    }

    /// From now on this decides.
    pub fn script(&self, script: impl FnMut(&Request) -> Fate + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }
}

fn serve(stream: TcpStream, server: SocketAddr, front: Option<&Front>, script: &Mutex<Script>) {
    let (mut out, mut from) = (stream.try_clone().unwrap(), BufReader::new(stream));
    while let Ok(Some(mut request)) = Request::read(&mut from) {
        let fate = (script.lock().unwrap())(&request);
        if let Fate::Say(status, body) = fate {
            let answer = Answer::new(status, body);
            let body = if request.method == "HEAD" { "" } else { body };
            let _ = out.write_all(&[answer.head(body.len()), body.as_bytes().to_vec()].concat());
            continue;
        }
        if matches!(fate, Fate::CutBefore) {
            let _ = out.shutdown(Shutdown::Both);
            return;
        }
        if matches!(fate, Fate::OtherRange) {
            for (key, value) in &mut request.headers {
                if key == "range" {
                    *value = "bytes=1-2".to_owned();
                }
            }
        }
        let answer = match front {
            Some(front) => front.answer(server, &request),
            None => wire::ask(server, &request).unwrap(),
        };
        let told = match (&*request.method, wire::header(&answer.headers, "content-length")) {
            ("HEAD", Some(length)) => length.parse().unwrap(),
            _ => answer.body.len(),
        };
        let (told, sent) = match fate {
            Fate::CutAfter => {
                let _ = out.shutdown(Shutdown::Both);
                return;
            }
            Fate::CutBody => (told, answer.body.len() / 2),
            Fate::Shorten => (told / 2, answer.body.len() / 2),
            _ => (told, answer.body.len()),
        };
        if out.write_all(&[&answer.head(told)[..], &answer.body[..sent]].concat()).is_err()
            || matches!(fate, Fate::CutBody)
        {
            let _ = out.shutdown(Shutdown::Both);
            return;
        }
    }
}
