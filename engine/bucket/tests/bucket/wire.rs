//! Just enough HTTP for a proxy between a client and a real server.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl Request {
    pub fn new(method: &str, target: &str, body: &[u8]) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: body.to_vec() }
    }

    /// The next request of a connection; `None` if it ended.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some((first, headers)) = read_head(from)? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let length = header(&headers, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Some(Self { method, target, headers, body }))
    }
}

impl Answer {
    pub fn new(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    /// The bytes of the head, which announces `length` bytes.
    pub fn head(&self, length: usize) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} said\r\ncontent-length: {length}\r\n", self.status);
        for (key, value) in self
            .headers
            .iter()
            .filter(|(key, _)| !["content-length", "connection", "transfer-encoding"].contains(&key.as_str()))
        {
            head.push_str(&format!("{key}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// The first line of a request or an answer, and its header fields.
type Head = (String, Vec<(String, String)>);

fn read_head(from: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let split = |line: &String| line.split_once(':').map(|(key, value)| (key.to_lowercase(), value.trim().to_owned()));
    Ok(Some((lines[0].clone(), lines[1..].iter().filter_map(split).collect())))
}

/// Asks a server.
pub fn ask(server: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
    // The older version, so that the server does not answer in chunks.
    let mut head =
        format!("{} {} HTTP/1.0\r\ncontent-length: {}\r\n", request.method, request.target, request.body.len());
    for (key, value) in
        request.headers.iter().filter(|(key, _)| !["content-length", "connection", "host"].contains(&key.as_str()))
    {
        head.push_str(&format!("{key}: {value}\r\n"));
    }
    // A server that has several faces tells by this which one is meant.
    head.push_str(&format!("host: {server}\r\n"));
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&request.body)?;
    let mut from = BufReader::new(stream);
    let (first, headers) = read_head(&mut from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut body = Vec::new();
    from.read_to_end(&mut body)?;
    Ok(Answer { status: first.split(' ').nth(1).unwrap().parse().unwrap(), headers, body })
}
