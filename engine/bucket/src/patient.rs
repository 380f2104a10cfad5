//! The one place where requests are tried again, and where an answer is taken for whole.

use std::{
    io,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use object_store::{
    ClientOptions, HeaderValue,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
};

/// Bodies of answers up to this size are read whole before anybody sees them, so that a cut one is asked for again.
const WHOLE: u64 = sluis_store::backend::SMALL + 1;

/// How long and how often a server is asked that does not answer well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// How long to wait before the second try; about twice as long before each further one, and a random bit longer, so
    /// that many clients do not come back at once.
    pub first_wait: Duration,
    /// The longest wait between two tries.
    pub longest_wait: Duration,
    /// No try begins later than this after the first one.
    pub tries_for: Duration,
    /// How long one try may take.
    pub one_try: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(15),
            tries_for: Duration::from_secs(90),
            one_try: Duration::from_secs(120),
        }
    }
}

impl Patience {
    /// The waits between two tries, of which there may be any number.
    #[must_use]
    pub fn waits(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first_wait)
            .with_max_delay(self.longest_wait)
            .with_jitter()
            .without_max_times()
    }
}

/// How long a server may take to be reached.
pub fn connect_timeout(patience: Patience) -> Duration {
    patience.one_try.min(Duration::from_secs(10))
}

/// Makes clients that are patient.
#[derive(Debug)]
pub struct Connector {
    pub patience: Patience,
    pub completes_on_condition: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        let (patience, completes_on_condition) = (self.patience, self.completes_on_condition);
        Ok(HttpClient::new(Patient { inner, patience, completes_on_condition }))
    }
}

/// A client that tries again what may go better the next time: when the server is busy or failing, the connection is
/// cut, or an answer is not whole.
///
/// That is safe for every request sent here. What is written on a condition carries a token of its writer, so that a
/// second try tells its own earlier success from another's; everything else has the same effect twice as once.
#[derive(Debug)]
struct Patient {
    inner: HttpClient,
    patience: Patience,
    /// Whether multipart uploads are completed only if there is no object of the name, as S3 permits.
    completes_on_condition: bool,
}

/// Why to try again, and what to tell when it was tried for long enough.
enum Trouble {
    Answer(HttpResponse),
    Error(HttpError),
}

#[async_trait]
impl HttpService for Patient {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_completion = request.method() == "POST" && query(&request).contains("uploadId=");
        if is_completion && self.completes_on_condition {
            request.headers_mut().insert("if-none-match", HeaderValue::from_static("*"));
        }
        let begun = Instant::now();
        let attempt = || async { self.attempt(request.clone(), is_completion).await };
        match attempt.retry(self.patience.waits()).when(|_| begun.elapsed() < self.patience.tries_for).await {
            Ok(answer) | Err(Trouble::Answer(answer)) => Ok(answer),
            Err(Trouble::Error(error)) => Err(error),
        }
    }
}

impl Patient {
    async fn attempt(&self, request: HttpRequest, is_completion: bool) -> Result<HttpResponse, Trouble> {
        let is_head = request.method() == "HEAD";
        let answer = self.inner.execute(request).await.map_err(Trouble::Error)?;
        let length =
            answer.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if is_head || length.is_some_and(|length| length > WHOLE) {
            return if is_passing(&answer) { Err(Trouble::Answer(answer)) } else { Ok(answer) };
        }
        let (parts, body) = answer.into_parts();
        let body = body.bytes().await.map_err(Trouble::Error)?;
        if let Some(length) = length.filter(|length| *length != body.len() as u64) {
            let text = format!("the server announced {length} bytes and sent {}", body.len());
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, text);
            return Err(Trouble::Error(HttpError::new(HttpErrorKind::Interrupted, error)));
        }
        // S3 begins to answer before it has completed an upload, and may fail after that.
        let has_failed = is_completion && parts.status.is_success() && {
            let text = String::from_utf8_lossy(&body);
            text.contains("<Error>") && (text.contains("InternalError") || text.contains("SlowDown"))
        };
        let answer = HttpResponse::from_parts(parts, body.into());
        if has_failed || is_passing(&answer) { Err(Trouble::Answer(answer)) } else { Ok(answer) }
    }
}

fn query(request: &HttpRequest) -> &str {
    request.uri().query().unwrap_or_default()
}

/// Whether an answer may be another one in a moment. 409 is what S3 says when two conditional writes meet.
fn is_passing(answer: &HttpResponse) -> bool {
    matches!(answer.status().as_u16(), 408 | 409 | 429) || answer.status().is_server_error()
}
