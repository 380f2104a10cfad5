//! Logging in with another device, for machines without a browser (RFC 8628).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{
    LoggedIn, LoginError, LoginRequest, authentication_demands,
    exchange::{Answer, Client, Denied},
    scope,
};
use crate::{FetchError, Secret, Verifier, WebAddress};

/// The largest answer of a device authorization endpoint, in bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// The waits between two questions that are accepted; a provider that names none means five seconds.
const WAITS: (u64, u64) = (1, 120);
/// How much longer to wait when the provider says so.
const SLOWER: u64 = 5;
/// The longest time that a code is waited for, in seconds.
const LONGEST: i64 = 3600;

/// A login that waits for a person with another device.
#[derive(Debug)]
pub struct DeviceLogin<'a> {
    client: Client<'a>,
    request: LoginRequest,
    device_code: Secret,
    user_code: String,
    address: WebAddress,
    complete_address: Option<WebAddress>,
    expires: Timestamp,
    interval: u64,
}

/// What came of asking the provider once.
#[derive(Debug)]
pub enum Polled {
    /// The person is not done; ask again after this time, and not before.
    Wait(Duration),
    /// The login succeeded.
    Done(Box<LoggedIn>),
}

/// RFC 8628, section 3.2.
#[derive(Deserialize)]
struct Begun {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: i64,
    interval: Option<u64>,
}

impl Verifier {
    /// Begins a login with another device at the time `now`.
    ///
    /// # Errors
    /// If the site does not trust the issuer, or the provider cannot be asked or offers no such login.
    pub async fn begin_device_login(
        &self,
        request: &LoginRequest,
        now: Timestamp,
    ) -> Result<DeviceLogin<'_>, LoginError> {
        let client = Client::new(self, &request.issuer, now).await?;
        let endpoint = client.endpoint(&client.provider.device_authorization, "login with another device")?;
        let (scope, demands) = (scope(request), authentication_demands(client.issuer, request));
        let mut fields = vec![("client_id", client.issuer.client_id.as_str()), ("scope", &scope)];
        fields.extend(demands.iter().map(|(name, value)| (*name, value.as_str())));
        let (status, body) = self.web.post(endpoint, &fields, MAX_ANSWER).await.map_err(LoginError::Fetch)?;
        if status != 200 {
            let denied = serde_json::from_slice::<Denied>(&body).map(Denied::into_error);
            let address = endpoint.clone();
            return Err(denied.unwrap_or(LoginError::Fetch(FetchError::Status { address, status })));
        }
        let begun: Begun = serde_json::from_slice(&body).map_err(|_| LoginError::Answer("device_code"))?;
        begun.into_login(client, request, now)
    }
}

impl Begun {
    fn into_login<'a>(
        self,
        client: Client<'a>,
        request: &LoginRequest,
        now: Timestamp,
    ) -> Result<DeviceLogin<'a>, LoginError> {
        let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
        if self.user_code.is_empty() || self.user_code.len() > 64 || !self.user_code.chars().all(is_plain) {
            return Err(LoginError::Answer("user_code"));
        }
        let address = self.verification_uri.parse().map_err(|_| LoginError::Answer("verification_uri"))?;
        let complete_address = self.verification_uri_complete.as_deref().map(str::parse).transpose();
        let lasts = SignedDuration::from_secs(self.expires_in.clamp(0, LONGEST));
        Ok(DeviceLogin {
            client,
            request: request.clone(),
            device_code: self.device_code,
            user_code: self.user_code,
            address,
            complete_address: complete_address.map_err(|_| LoginError::Answer("verification_uri_complete"))?,
            expires: now.checked_add(lasts).map_err(|_| LoginError::Answer("expires_in"))?,
            interval: self.interval.unwrap_or(5).clamp(WAITS.0, WAITS.1),
        })
    }
}

impl DeviceLogin<'_> {
    /// What the person enters.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Where they enter it.
    pub fn address(&self) -> &WebAddress {
        &self.address
    }

    /// An address that holds the code already, for a QR code.
    pub fn complete_address(&self) -> Option<&WebAddress> {
        self.complete_address.as_ref()
    }

    /// When the code expires.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How long to wait before the provider is asked for the first time, and again.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval)
    }

    /// Asks the provider once, at the time `now`.
    ///
    /// # Errors
    /// If the code expired, the person or the provider refused, or what the provider states about the login is not what
    /// was asked for.
    pub async fn poll(&mut self, now: Timestamp) -> Result<Polled, LoginError> {
        if now >= self.expires {
            return Err(LoginError::CodeExpired);
        }
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", self.device_code.reveal()),
        ];
        match self.client.redeem(&fields, &self.request, None, now).await {
            Ok(Answer::Granted(logged_in)) => return Ok(Polled::Done(logged_in)),
            Ok(Answer::Denied(denied)) => match denied.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => self.interval = (self.interval + SLOWER).min(WAITS.1),
                "expired_token" => return Err(LoginError::CodeExpired),
                _ => return Err(denied.into_error()),
            },
            // RFC 8628, section 3.5: wait longer when the server does not answer.
            Err(LoginError::Fetch(FetchError::Unreachable { .. })) => {
                self.interval = (self.interval * 2).min(WAITS.1);
            }
            Err(error) => return Err(error),
        }
        Ok(Polled::Wait(self.interval()))
    }

    /// Waits until the person is done. `clock` tells the time.
    ///
    /// # Errors
    /// As [`DeviceLogin::poll`].
    pub async fn finish(mut self, clock: impl Fn() -> Timestamp) -> Result<LoggedIn, LoginError> {
        let mut wait = self.interval();
        loop {
            tokio::time::sleep(wait).await;
            match self.poll(clock()).await? {
                Polled::Wait(next) => wait = next,
                Polled::Done(logged_in) => return Ok(*logged_in),
            }
        }
    }
}
