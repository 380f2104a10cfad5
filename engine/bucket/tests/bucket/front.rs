//! Speaks Google's XML interface for `fake-gcs-server`, which has its reading half alone: writes, uploads in parts and
//! pages of listings are turned into requests of the JSON interface. Contents, conditions and order are the server's.

use std::{collections::BTreeMap, net::SocketAddr, sync::Mutex};

use serde_json::{Value as Json, json};
use url::form_urlencoded;

use crate::wire::{self, Answer, Request, header};

/// An upload in parts: its blob, its metadata, its parts.
struct Upload {
    name: String,
    headers: Vec<(String, String)>,
    parts: BTreeMap<u32, Vec<u8>>,
}

#[derive(Default)]
pub struct Front {
    uploads: Mutex<BTreeMap<String, Upload>>,
}

fn decoded(text: &str) -> String {
    form_urlencoded::parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned()
}

impl Front {
    /// What Google would answer.
    pub fn answer(&self, server: SocketAddr, request: &Request) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let (bucket, name) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let (bucket, name) = (decoded(bucket), decoded(name));
        let upload = query.get("uploadId");
        match (&*request.method, upload) {
            _ if bucket == "storage" => wire::ask(server, request).unwrap(),
            ("GET", _) if name.is_empty() && query.contains_key("uploads") => self.list_uploads(),
            ("GET", _) if name.is_empty() => list(server, &bucket, &query),
            ("POST", None) if query.contains_key("uploads") => {
                let mut uploads = self.uploads.lock().unwrap();
                let id = format!("upload-{}", uploads.len() + request.headers.len() + name.len());
                let id = format!("{id}-{}", decoded(&name));
                let headers = request.headers.clone();
                uploads.insert(id.clone(), Upload { name, headers, parts: BTreeMap::new() });
                Answer::new(
                    200,
                    &format!(
                        "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>k</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                    ),
                )
            }
            ("PUT", Some(id)) => {
                let mut uploads = self.uploads.lock().unwrap();
                let Some(upload) = uploads.get_mut(id) else { return Answer::new(404, "<Code>NoSuchUpload</Code>") };
                let number = query["partNumber"].parse().unwrap();
                upload.parts.insert(number, request.body.clone());
                let mut answer = Answer::new(200, "");
                answer.headers.push(("etag".to_owned(), format!("\"part-{number}\"")));
                answer
            }
            ("DELETE", Some(id)) => {
                let gone = self.uploads.lock().unwrap().remove(id);
                Answer::new(if gone.is_some() { 204 } else { 404 }, "")
            }
            ("POST", Some(id)) => {
                let upload = self.uploads.lock().unwrap().remove(id);
                let Some(upload) = upload else { return Answer::new(404, "<Code>NoSuchUpload</Code>") };
                let body = upload.parts.into_values().collect::<Vec<_>>().concat();
                let mut answer = put(server, &bucket, &upload.name, &upload.headers, &body);
                if answer.status == 200 {
                    answer.body =
                        b"<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>"
                            .to_vec();
                }
                answer
            }
            ("PUT", None) => put(server, &bucket, &name, &request.headers, &request.body),
            _ => wire::ask(server, request).unwrap(),
        }
    }

    fn list_uploads(&self) -> Answer {
        let mut text = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>".to_owned();
        for (id, upload) in &*self.uploads.lock().unwrap() {
            let key = &upload.name;
            text.push_str(&format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"));
        }
        text.push_str("</ListMultipartUploadsResult>");
        Answer::new(200, &text)
    }
}

fn put(server: SocketAddr, bucket: &str, name: &str, headers: &[(String, String)], bytes: &[u8]) -> Answer {
    let metadata: serde_json::Map<String, Json> = headers
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("x-goog-meta-")?.to_owned(), value.as_str().into())))
        .collect();
    let facts = json!({ "name": name, "metadata": metadata });
    let mut body = format!(
        "--front\r\ncontent-type: application/json\r\n\r\n{facts}\r\n--front\r\ncontent-type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--front--");
    let condition = header(headers, "x-goog-if-generation-match");
    let condition = condition.map_or_else(String::new, |generation| format!("&ifGenerationMatch={generation}"));
    let mut request =
        Request::new("POST", &format!("/upload/storage/v1/b/{bucket}/o?uploadType=multipart{condition}"), &body);
    request.headers.push(("content-type".to_owned(), "multipart/related; boundary=front".to_owned()));
    let answer = wire::ask(server, &request).unwrap();
    if answer.status != 200 {
        return answer;
    }
    let told: Json = serde_json::from_slice(&answer.body).unwrap();
    let field = |name: &str| told[name].as_str().unwrap().to_owned();
    let headers = vec![
        ("etag".to_owned(), format!("\"{}\"", field("etag"))),
        ("x-goog-generation".to_owned(), field("generation")),
    ];
    Answer { status: 200, headers, body: Vec::new() }
}

fn list(server: SocketAddr, bucket: &str, query: &BTreeMap<String, String>) -> Answer {
    let mut asked = form_urlencoded::Serializer::new(String::new());
    for (key, json) in [("prefix", "prefix"), ("max-keys", "maxResults"), ("continuation-token", "pageToken")] {
        if let Some(value) = query.get(key) {
            asked.append_pair(json, value);
        }
    }
    let request = Request::new("GET", &format!("/storage/v1/b/{bucket}/o?{}", asked.finish()), b"");
    let answer = wire::ask(server, &request).unwrap();
    if answer.status != 200 {
        return answer;
    }
    let told: Json = serde_json::from_slice(&answer.body).unwrap();
    let mut text = "<ListBucketResult>".to_owned();
    for item in told["items"].as_array().into_iter().flatten() {
        let field = |name: &str| item[name].as_str().unwrap().to_owned();
        text.push_str(&format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            field("name"),
            field("updated"),
            field("etag"),
            field("size")
        ));
    }
    if let Some(token) = told["nextPageToken"].as_str() {
        text.push_str(&format!("<NextContinuationToken>{token}</NextContinuationToken>"));
    }
    Answer::new(200, &format!("{text}</ListBucketResult>"))
}
