//! Claims of a token, each with the kind that it must have (RFC 7519, section 4.1).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::TokenError;

/// The claims of a token, or the fields of a header.
pub struct Claims(Map<String, Value>);

impl Claims {
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A string, if it is there.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, TokenError> {
        self.0.get(name).map(|value| value.as_str().ok_or(TokenError::Claim(name))).transpose()
    }

    /// A string that must be there and not be empty.
    pub fn needed_text(&self, name: &'static str) -> Result<&str, TokenError> {
        match self.text(name)? {
            Some("") => Err(TokenError::Claim(name)),
            Some(text) => Ok(text),
            None => Err(TokenError::Missing(name)),
        }
    }

    /// A string or a list of strings, as `aud` may be.
    pub fn texts(&self, name: &'static str) -> Result<Vec<&str>, TokenError> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().ok_or(TokenError::Claim(name))).collect()
            }
            Some(_) => Err(TokenError::Claim(name)),
        }
    }

    /// A point in time (NumericDate), if it is there; fractions of a second are cut.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
        self.0.get(name).map(|value| time(value).ok_or(TokenError::Claim(name))).transpose()
    }

    /// A point in time that must be there.
    pub fn needed_time(&self, name: &'static str) -> Result<Timestamp, TokenError> {
        self.time(name)?.ok_or(TokenError::Missing(name))
    }

    /// Issued and expires, if `now` is between them by the clock of whoever is nearest.
    pub fn lifetime(&self, now: Timestamp, skew: SignedDuration) -> Result<(Timestamp, Timestamp), TokenError> {
        let expires = self.needed_time("exp")?;
        if is_over(expires, now, skew) {
            return Err(TokenError::Expired(expires));
        }
        if let Some(begins) = self.time("nbf")?.filter(|begins| is_to_come(*begins, now, skew)) {
            return Err(TokenError::NotYetValid(begins));
        }
        let issued = self.needed_time("iat")?;
        if is_to_come(issued, now, skew) {
            return Err(TokenError::IssuedInFuture(issued));
        }
        Ok((issued, expires))
    }
}

/// A number of seconds as a point in time.
pub fn time(value: &Value) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation, reason = "the range is looked at before")]
    let seconds = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => seconds,
        (None, Some(seconds)) if seconds.abs() < 1e15 => seconds.floor() as i64,
        _ => return None,
    };
    Timestamp::from_second(seconds).ok()
}

/// Whether a point in time is over by every clock that is permitted.
pub fn is_over(end: Timestamp, now: Timestamp, skew: SignedDuration) -> bool {
    now.duration_since(end) >= skew
}

/// Whether a point in time is still to come by every clock that is permitted.
pub fn is_to_come(begin: Timestamp, now: Timestamp, skew: SignedDuration) -> bool {
    begin.duration_since(now) > skew
}
