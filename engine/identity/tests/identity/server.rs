//! A small server of files over HTTP, which remembers what it was asked for.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

#[derive(Clone)]
pub struct Server {
    pub address: String,
    pages: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { address, pages: Arc::default(), asked: Arc::default() };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let own = own.clone();
                thread::spawn(move || own.serve(stream.unwrap()));
            }
        });
        server
    }

    /// What the server answers from now on for a path: all of an answer of HTTP.
    pub fn answer(&self, path: &str, answer: String) {
        self.pages.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub fn page(&self, path: &str, text: &str) {
        self.status(path, "200 OK", text);
    }

    pub fn status(&self, path: &str, status: &str, text: &str) {
        let length = text.len();
        self.answer(path, format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"));
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// How often anything was asked for.
    pub fn total(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn serve(&self, mut stream: std::net::TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?);
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        lines.read_line(&mut first).ok()?;
        while lines.read_line(&mut line).ok()? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        lines.take(length).read_to_end(&mut Vec::new()).ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        self.asked.lock().unwrap().push(path.clone());
        let page = self.pages.lock().unwrap().get(&path).cloned();
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
        stream.write_all(page.unwrap_or(missing).as_bytes()).ok()
    }
}
