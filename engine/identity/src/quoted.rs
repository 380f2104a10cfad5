//! Text of a stranger, fit to be shown.

use std::fmt;

/// The longest piece that is shown, in characters.
const LONGEST: usize = 120;

/// Text that somebody else wrote, for a message: cut to 120 characters, with control characters escaped, so that it
/// can neither flood a log nor forge a line in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoted(String);

impl Quoted {
    /// Takes what is to be shown.
    pub fn new(text: &str) -> Self {
        let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        if text.chars().nth(LONGEST).is_some() {
            shown.push('…');
        }
        Self(shown)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}
