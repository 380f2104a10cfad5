//! Cloud KMS as its reference describes it, over plain HTTP: the two calls with a real AEAD, versions and their states,
//! checksums, and Google's errors. By script it does what a bad server, or something before it, does.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};

use crate::wire::{Answer, Request, header};

/// What becomes of a request in the place of what it asks for.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered so.
    Say(u16, Json),
    /// It is answered by what is no JSON.
    Page(u16),
    /// It is answered with its own body and its token.
    Echo(u16),
    /// It is sent on.
    Redirect(String),
    /// The connection is cut before an answer.
    CutBefore,
    /// The body of the answer ends early.
    CutBody,
    /// The good answer has this field in addition, or in the place of its own.
    Field(&'static str, Json),
    /// The good answer has no such field.
    Without(&'static str),
    /// The answer announces so many bytes and has them.
    Long(usize),
    /// The answer has so many bytes and ends with the connection.
    LongUnannounced(usize),
}

struct Version {
    key: LessSafeKey,
    state: &'static str,
}

#[derive(Default)]
struct Shared {
    keys: BTreeMap<String, Vec<Version>>,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    level: &'static str,
    asked: Vec<Request>,
}

/// The server.
pub struct Google {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

/// An error as Google writes it.
pub fn error(code: u16, status: &str, message: &str, details: &Json) -> Json {
    json!({ "error": { "code": code, "message": message, "status": status, "details": details } })
}

/// CRC-32C, bit by bit.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

impl Google {
    /// A server without keys, and without TLS.
    pub fn start() -> Self {
        Self::start_with(|stream| stream)
    }

    /// A server without keys that speaks through what `wrap` makes of a connection.
    pub fn start_with<S: Read + Write>(wrap: impl Fn(TcpStream) -> S + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { level: "SOFTWARE", ..Shared::default() }));
        let server = (Arc::clone(&shared), Arc::new(wrap));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, wrap) = server.clone();
                thread::spawn(move || serve(wrap(stream.unwrap()), &shared));
            }
        });
        Self { address, shared }
    }

    /// Its address as a client is told.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes another version of a key, which is its primary one from now on; the first one makes the key.
    pub fn rotate(&self, name: &str) {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).unwrap());
        let mut shared = self.shared.lock().unwrap();
        shared.keys.entry(name.to_owned()).or_default().push(Version { key, state: "ENABLED" });
    }

    /// Sets the state of a version, from 1.
    pub fn set_state(&self, name: &str, version: usize, state: &'static str) {
        self.shared.lock().unwrap().keys.get_mut(name).unwrap()[version - 1].state = state;
    }

    /// How its keys are held from now on.
    pub fn set_level(&self, level: &'static str) {
        self.shared.lock().unwrap().level = level;
    }

    /// What becomes of the next requests, one after the other.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.lock().unwrap().faults.extend(faults);
    }

    /// What becomes of every request from now on.
    pub fn always(&self, fault: impl Into<Option<Fault>>) {
        self.shared.lock().unwrap().always = fault.into();
    }

    /// The requests since the last time.
    pub fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.lock().unwrap().asked)
    }
}

fn serve(stream: impl Read + Write, shared: &Mutex<Shared>) {
    let mut from = BufReader::new(stream);
    while let Ok(Some(request)) = Request::read(&mut from) {
        let (fault, good) = {
            let mut shared = shared.lock().unwrap();
            shared.asked.push(request.clone());
            (shared.faults.pop_front().or_else(|| shared.always.clone()), answer(&shared, &request))
        };
        let (status, mut body) =
            good.map_or_else(|error| (error["error"]["code"].as_u64().unwrap(), error), |good| (200, good));
        let mut answer = Answer::new(u16::try_from(status).unwrap(), "");
        match &fault {
            None | Some(Fault::CutBody) => {}
            Some(Fault::Say(status, json)) => (answer.status, body) = (*status, json.clone()),
            Some(Fault::Page(status)) => (answer.status, body) = (*status, json!("<html>no</html>")),
            Some(Fault::Echo(status)) => {
                let token = header(&request.headers, "authorization").unwrap_or_default();
                let message = format!("you sent {token} {}", String::from_utf8_lossy(&request.body));
                (answer.status, body) = (*status, error(*status, "INVALID_ARGUMENT", &message, &json!([])));
            }
            Some(Fault::Redirect(to)) => {
                answer.status = 307;
                answer.headers.push(("location".to_owned(), format!("{to}{}", request.target)));
            }
            Some(Fault::CutBefore) => return,
            Some(Fault::Field(name, value)) => body[name] = value.clone(),
            Some(Fault::Without(name)) => drop(body.as_object_mut().unwrap().shift_remove(*name)),
            Some(Fault::Long(length) | Fault::LongUnannounced(length)) => body["more"] = "x".repeat(*length).into(),
        }
        let text = body.to_string();
        let (head, sent) = match fault {
            Some(Fault::LongUnannounced(_)) => (b"HTTP/1.1 200 said\r\nconnection: close\r\n\r\n".to_vec(), text.len()),
            Some(Fault::CutBody) => (answer.head(text.len()), text.len() / 2),
            _ => (answer.head(text.len()), text.len()),
        };
        let out = from.get_mut();
        let is_out = out.write_all(&[&head[..], &text.as_bytes()[..sent]].concat()).and_then(|()| out.flush());
        if is_out.is_err() || matches!(fault, Some(Fault::LongUnannounced(_) | Fault::CutBody)) {
            return;
        }
    }
}

/// What Google would answer.
fn answer(shared: &Shared, request: &Request) -> Result<Json, Json> {
    let invalid = |message: &str| error(400, "INVALID_ARGUMENT", message, &json!([]));
    let target =
        request.target.strip_prefix("/v1/").ok_or_else(|| error(404, "NOT_FOUND", "no such path", &json!([])))?;
    let (name, call) = target.rsplit_once(':').ok_or_else(|| invalid("no call"))?;
    let Some(versions) = shared.keys.get(name) else {
        return Err(error(404, "NOT_FOUND", &format!("CryptoKey {name} not found."), &json!([])));
    };
    let sent: Json = serde_json::from_slice(&request.body).map_err(|_| invalid("Invalid JSON payload received."))?;
    let context = field(&sent, "additionalAuthenticatedData")?;
    let usable = |number: usize| match versions.get(number - 1) {
        Some(version) if version.state == "ENABLED" => Ok(version),
        Some(version) => {
            let version_name = format!("{name}/cryptoKeyVersions/{number}");
            let message = format!("{version_name} is not enabled, current state is: {}.", version.state);
            let violation = json!({ "type": format!("KEY_{}", version.state), "subject": version_name });
            let detail =
                json!({ "@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation] });
            Err(error(400, "FAILED_PRECONDITION", &message, &json!([detail])))
        }
        None => Err(invalid("Decryption failed: the ciphertext is invalid.")),
    };
    match call {
        "encrypt" => {
            let (number, plaintext) = (versions.len(), field(&sent, "plaintext")?);
            let mut nonce = [0; NONCE_LEN];
            aws_lc_rs::rand::fill(&mut nonce).unwrap();
            let mut sealed = plaintext;
            let by = &usable(number)?.key;
            by.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&context), &mut sealed).unwrap();
            let ciphertext = [&[u8::try_from(number).unwrap()][..], &nonce, &sealed].concat();
            Ok(json!({
                "name": format!("{name}/cryptoKeyVersions/{number}"),
                "ciphertext": BASE64_STANDARD.encode(&ciphertext),
                "ciphertextCrc32c": crc32c(&ciphertext).to_string(),
                "verifiedPlaintextCrc32c": true,
                "verifiedAdditionalAuthenticatedDataCrc32c": true,
                "protectionLevel": shared.level,
            }))
        }
        "decrypt" => {
            let ciphertext = field(&sent, "ciphertext")?;
            let failed = || invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.");
            let (number, rest) = ciphertext.split_first().ok_or_else(failed)?;
            let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(failed)?;
            let by = &usable(usize::from(*number).max(1))?.key;
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plaintext = by.open_in_place(nonce, Aad::from(&context), &mut sealed).map_err(|_| failed())?;
            Ok(json!({
                "plaintext": BASE64_STANDARD.encode(&plaintext),
                "plaintextCrc32c": crc32c(plaintext).to_string(),
                "usedPrimary": usize::from(*number) == versions.len(),
                "protectionLevel": shared.level,
            }))
        }
        _ => Err(error(404, "NOT_FOUND", "no such call", &json!([]))),
    }
}

/// A field of bytes, which has come through by the checksum that must be there.
fn field(sent: &Json, name: &str) -> Result<Vec<u8>, Json> {
    let bytes = BASE64_STANDARD.decode(sent[name].as_str().unwrap_or_default()).unwrap();
    let sum = sent[format!("{name}Crc32c")].as_str().unwrap_or_default();
    if sum == crc32c(&bytes).to_string() {
        return Ok(bytes);
    }
    Err(error(400, "INVALID_ARGUMENT", &format!("The checksum in field {name}_crc32c did not match."), &json!([])))
}
