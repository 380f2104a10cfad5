//! Fetching from real servers on this machine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use sluis_remote::{Host, RemoteError, RemoteFiles};

/// A server that gives each request the answer for its path, until the test ends.
fn server(answer: impl Fn(&str) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut first = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            lines.read_line(&mut first).unwrap();
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            stream.write_all(answer(first.split(' ').nth(1).unwrap()).as_bytes()).unwrap();
        }
    });
    address
}

fn page(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn files_on(addresses: &[SocketAddr]) -> RemoteFiles {
    RemoteFiles::on(addresses.iter().map(|address| address.to_string().parse::<Host>().unwrap()).collect())
}

fn text(files: &RemoteFiles, address: &str) -> Result<String, RemoteError> {
    let mut text = String::new();
    files.open(address)?.read_to_string(&mut text).unwrap();
    Ok(text)
}

#[test]
fn only_named_hosts_are_reached_whoever_sends_there() {
    let other = server(|_| page("other"));
    let elsewhere = format!("http://{other}/");
    let named = server(move |path| match path {
        "/file" => page("text"),
        "/moved" => redirect("/file"),
        "/a/b" => redirect("../moved"),
        "/away" => redirect(&elsewhere),
        "/circle" => redirect("/circle"),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
    });
    let files = files_on(&[named]);
    assert_eq!(text(&files, &format!("http://{named}/file")).unwrap(), "text");
    assert_eq!(text(&files, &format!("http://{named}/moved")).unwrap(), "text");
    assert_eq!(text(&files, &format!("http://{named}/a/b")).unwrap(), "text");
    for address in [format!("http://{other}/"), format!("http://{named}/away")] {
        assert!(matches!(text(&files, &address), Err(RemoteError::Host { .. })), "{address}");
    }
    assert!(matches!(text(&files, &format!("http://{named}/circle")), Err(RemoteError::Redirects(_))));
    assert!(matches!(text(&files, &format!("http://{named}/missing")), Err(RemoteError::Fetch { .. })));
    let both = files_on(&[named, other]);
    assert_eq!(text(&both, &format!("http://{named}/away")).unwrap(), "other");
}

#[test]
fn what_is_cut_off_is_noticed() {
    let address = server(|_| "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf".to_owned());
    let mut text = String::new();
    let mut reader = files_on(&[address]).open(&format!("http://{address}/")).unwrap();
    assert!(reader.read_to_string(&mut text).is_err());
}

#[test]
fn what_is_no_host_or_no_address_is_refused() {
    for text in ["", "https://a.org", "a.org/path", "user@a.org", "a b", "a.org:http"] {
        assert!(text.parse::<Host>().is_err(), "{text}");
    }
    let told = RemoteFiles::host("http://user:secret@a.org/file?token=secret").unwrap_err().to_string();
    assert!(told.contains("a.org/file") && !told.contains("secret"), "{told}");
    for address in ["file:///etc/passwd", "a.org/file", "ftp://a.org/file", "http://user:secret@a.org/", "http://"] {
        assert!(RemoteFiles::host(address).is_err(), "{address}");
    }
    assert_eq!(RemoteFiles::host("https://A.org/x?y").unwrap().to_string(), "a.org");
}
