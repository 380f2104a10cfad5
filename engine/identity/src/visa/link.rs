//! The value of `LinkedIdentities`: `sub,iss;sub,iss`, each part URI-encoded.

use std::{borrow::Cow, collections::BTreeSet};

use url::form_urlencoded;

use crate::Person;

/// How many names one visa may link.
const MOST: usize = 100;

/// The names, or nothing if the value is not of that form.
pub fn read(value: &str) -> Option<BTreeSet<Person>> {
    let mut persons = BTreeSet::new();
    for entry in value.split(';') {
        let (subject, issuer) = entry.split_once(',')?;
        let person = Person { issuer: decoded(issuer)?, subject: decoded(subject)? };
        persons.insert(person);
        if persons.len() > MOST {
            return None;
        }
    }
    Some(persons)
}

/// Percent-decoded. A part that is empty, or holds what must be encoded (a comma, a space), is refused.
fn decoded(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, ',' | ';' | '&' | '=');
    if text.is_empty() || !text.chars().all(is_plain) || !has_whole_escapes(text) {
        return None;
    }
    // A `+` stands for itself in a URI; the decoder of forms would make it a space.
    let form = text.replace('+', "%2B");
    let (name, _) = form_urlencoded::parse(form.as_bytes()).next()?;
    (!name.contains(char::REPLACEMENT_CHARACTER)).then(|| Cow::into_owned(name))
}

fn has_whole_escapes(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return false,
        }
    }
    true
}
