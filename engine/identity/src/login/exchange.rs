//! The token endpoint (RFC 6749, sections 5 and 6; OpenID Connect Core 1.0, sections 3.1.3 and 12).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{LoggedIn, LoginError, LoginRequest, TokenSet};
use crate::{Expectations, Quoted, Secret, TrustedIssuer, Verifier, WebAddress, provider::Provider};

/// The largest answer of a token endpoint, in bytes.
const MAX_ANSWER: usize = 3 * crate::MAX_TOKEN;

/// Where and as whom somebody logs in.
#[derive(Clone, Debug)]
pub struct Client<'a> {
    pub verifier: &'a Verifier,
    pub issuer: &'a TrustedIssuer,
    pub provider: Arc<Provider>,
}

/// An answer that gives tokens.
#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    token_type: String,
    id_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<i64>,
}

/// An answer that gives none (RFC 6749, section 5.2).
#[derive(Deserialize)]
pub struct Denied {
    pub error: String,
    #[serde(default)]
    error_description: String,
}

/// What the token endpoint answers.
pub enum Answer {
    Granted(Box<LoggedIn>),
    Denied(Denied),
}

impl Denied {
    pub fn into_error(self) -> LoginError {
        LoginError::Refused { error: Quoted::new(&self.error), description: Quoted::new(&self.error_description) }
    }
}

impl<'a> Client<'a> {
    pub async fn new(verifier: &'a Verifier, issuer: &str, now: Timestamp) -> Result<Self, LoginError> {
        let issuer = verifier.trust.issuer(issuer).ok_or_else(|| LoginError::Issuer(Quoted::new(issuer)))?;
        let provider = verifier.provider(&issuer.issuer, now).await.map_err(LoginError::Provider)?;
        Ok(Self { verifier, issuer, provider })
    }

    pub fn endpoint<'b>(&self, of: &'b Option<WebAddress>, what: &'static str) -> Result<&'b WebAddress, LoginError> {
        of.as_ref().ok_or_else(|| LoginError::NotOffered { issuer: Quoted::new(self.issuer.issuer.as_str()), what })
    }

    /// Redeems a code, and verifies the ID token that comes for it. One ID token proves one login.
    pub async fn redeem(
        &self,
        fields: &[(&str, &str)],
        request: &LoginRequest,
        nonce: Option<&Secret>,
        now: Timestamp,
    ) -> Result<Answer, LoginError> {
        let granted = match self.ask(fields).await? {
            Ok(granted) => granted,
            Err(denied) => return Ok(Answer::Denied(denied)),
        };
        let id_token = granted.id_token.clone().ok_or(LoginError::Answer("id_token"))?;
        let nonce = nonce.map(Secret::reveal);
        let expected =
            Expectations { nonce, multi_factor: request.multi_factor, single_use: true, ..Expectations::default() };
        let identity = self.verifier.verify(id_token.reveal(), &expected, now).await.map_err(LoginError::Token)?;
        // The verifier knows many issuers; this one was asked.
        if identity.issuer() != self.issuer.issuer.as_str() {
            return Err(LoginError::OtherIssuer(Quoted::new(identity.issuer())));
        }
        let tokens = TokenSet {
            person: identity.person().clone(),
            client_id: self.issuer.client_id.clone(),
            access_expires: granted.expires(now),
            id_token,
            access_token: granted.access_token,
            refresh_token: granted.refresh_token,
        };
        Ok(Answer::Granted(Box::new(LoggedIn { identity, tokens })))
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> Result<Result<Granted, Denied>, LoginError> {
        let address = self.endpoint(&self.provider.token, "tokens")?;
        let mut fields = fields.to_vec();
        fields.push(("client_id", &self.issuer.client_id));
        let (status, body) = self.verifier.web.post(address, &fields, MAX_ANSWER).await.map_err(LoginError::Fetch)?;
        if status != 200 {
            let status = LoginError::Fetch(crate::FetchError::Status { address: address.clone(), status });
            return serde_json::from_slice(&body).map(Err).map_err(|_| status);
        }
        // Read into secrets at once: a general reader would leave copies of the tokens behind.
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| LoginError::Answer("access_token"))?;
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err(LoginError::Answer("token_type"));
        }
        Ok(Ok(granted))
    }
}

impl Granted {
    fn expires(&self, now: Timestamp) -> Option<Timestamp> {
        now.checked_add(SignedDuration::from_secs(self.expires_in?)).ok()
    }
}

impl Verifier {
    /// Renews the tokens of a login at the time `now`. A provider that gives out no new ID token leaves the old one. The
    /// time of the login stays what it was: somebody whose login is too old must log in again.
    ///
    /// # Errors
    /// If there is no refresh token, the provider refuses it, or renews the login of somebody else.
    pub async fn refresh(&self, tokens: &TokenSet, now: Timestamp) -> Result<TokenSet, LoginError> {
        let refresh = tokens.refresh_token.as_ref().ok_or(LoginError::NoRefreshToken)?;
        let client = Client::new(self, &tokens.person.issuer, now).await?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.reveal())];
        let granted = client.ask(&fields).await?.map_err(Denied::into_error)?;
        if let Some(id_token) = &granted.id_token {
            let renewed = self.verify(id_token.reveal(), &Expectations::default(), now).await;
            if *renewed.map_err(LoginError::Token)?.person() != tokens.person {
                return Err(LoginError::OtherPerson);
            }
        }
        Ok(TokenSet {
            person: tokens.person.clone(),
            client_id: tokens.client_id.clone(),
            access_expires: granted.expires(now),
            access_token: granted.access_token,
            id_token: granted.id_token.unwrap_or_else(|| tokens.id_token.clone()),
            refresh_token: granted.refresh_token.or_else(|| tokens.refresh_token.clone()),
        })
    }
}
