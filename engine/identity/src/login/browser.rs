//! Logging in with the browser of this machine.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use tokio::time::timeout;
use url::Url;

use super::{
    LoggedIn, LoginError, LoginRequest, authentication_demands,
    exchange::{Answer, Client},
    listener::{Callback, Listener},
    pkce, scope,
};
use crate::{Quoted, Secret, Verifier};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A login that waits for its browser.
#[derive(Debug)]
pub struct BrowserLogin<'a> {
    client: Client<'a>,
    request: LoginRequest,
    listener: Listener,
    address: Url,
    state: Secret,
    nonce: Secret,
    code_verifier: Secret,
}

impl Verifier {
    /// Begins a login at the time `now`: listens on the loopback and says which address to open.
    ///
    /// # Errors
    /// If the site does not trust the issuer, or the provider cannot be asked or offers no such login.
    pub async fn begin_browser_login(
        &self,
        request: &LoginRequest,
        now: Timestamp,
    ) -> Result<BrowserLogin<'_>, LoginError> {
        let client = Client::new(self, &request.issuer, now).await?;
        let endpoint = client.endpoint(&client.provider.authorization, "login in a browser")?;
        let listener = Listener::bind().await.map_err(LoginError::Listen)?;
        let (state, nonce, code_verifier) = (pkce::random()?, pkce::random()?, pkce::random()?);
        let mut address = endpoint.url().clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.issuer.client_id)
            .append_pair("redirect_uri", &listener.redirect_address())
            .append_pair("scope", &scope(request))
            .append_pair("state", state.reveal())
            .append_pair("nonce", nonce.reveal())
            .append_pair("code_challenge", &pkce::challenge(&code_verifier))
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(authentication_demands(client.issuer, request));
        Ok(BrowserLogin { client, request: request.clone(), listener, address, state, nonce, code_verifier })
    }
}

impl BrowserLogin<'_> {
    /// The address to open in a browser of this machine.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Waits, for ten minutes at most, until the person is done; the first answer of the browser decides. `clock` tells
    /// the time at which the tokens came.
    ///
    /// # Errors
    /// If nobody finishes the login, the answer belongs to another one, the provider refuses, or what it states about
    /// the login is not what was asked for.
    pub async fn finish(self, clock: impl Fn() -> Timestamp) -> Result<LoggedIn, LoginError> {
        let redirect_address = self.listener.redirect_address();
        let Self { client, request, listener, state, nonce, code_verifier, .. } = self;
        let callback = timeout(PATIENCE, listener.callback()).await.map_err(|_| LoginError::TimedOut)?;
        let callback = callback.map_err(LoginError::Listen)?;
        let outcome = async {
            let code = code(&callback, &client, &state)?;
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", code.reveal()),
                ("redirect_uri", &redirect_address),
                ("code_verifier", code_verifier.reveal()),
            ];
            match client.redeem(&fields, &request, Some(&nonce), clock()).await? {
                Answer::Granted(logged_in) => Ok(*logged_in),
                Answer::Denied(denied) => Err(denied.into_error()),
            }
        }
        .await;
        callback.answer(outcome.is_ok()).await;
        outcome
    }
}

/// The code of an answer that belongs to this login.
fn code(callback: &Callback, client: &Client<'_>, state: &Secret) -> Result<Secret, LoginError> {
    let parameters = callback.parameters.as_ref().ok_or(LoginError::State)?;
    let given = parameters.get("state").ok_or(LoginError::State)?;
    verify_slices_are_equal(given.reveal().as_bytes(), state.reveal().as_bytes()).map_err(|_| LoginError::State)?;
    match parameters.get("iss").map(Secret::reveal) {
        None if client.provider.names_itself => return Err(LoginError::OtherIssuer(Quoted::new(""))),
        Some(issuer) if issuer != client.issuer.issuer.as_str() => {
            return Err(LoginError::OtherIssuer(Quoted::new(issuer)));
        }
        _ => {}
    }
    if let Some(error) = parameters.get("error") {
        let description = parameters.get("error_description").map_or("", Secret::reveal);
        return Err(LoginError::Refused { error: Quoted::new(error.reveal()), description: Quoted::new(description) });
    }
    parameters.get("code").cloned().ok_or(LoginError::Answer("code"))
}
