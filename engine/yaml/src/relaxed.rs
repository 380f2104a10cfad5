//! Texts that most readers of YAML take, though the standard does not.
//!
//! YAML wants every line of a flow collection or of a quoted text indented deeper than the block around it (YAML 1.2.2,
//! sections 7.3 and 7.4). Many documents close a bracket right below the key that it belongs to, or begin the lines of a
//! quoted text at the margin, and most readers take that. Ours moves such lines to the right: white space at the
//! beginning of such a line means nothing. JSON writes characters beyond the basic plane as two escapes (RFC 8259,
//! section 7), which YAML does not know; ours puts the character in their place. Places are mapped back.

use std::borrow::Cow;

use saphyr_parser::{Marker, ScanError};

/// How far a line is moved, in characters.
const STEP: usize = 64;
/// How much text may be read again because of changes, in bytes.
const BUDGET: usize = 256 << 20;

/// A place at which the text was changed.
struct Change {
    line: usize,
    /// The character of the changed text at which it begins.
    at: usize,
    /// How many characters were put in there, and how many of the text were left out.
    inserted: usize,
    removed: usize,
    /// How far everything before it was moved to the left, and how far everything before it on its line.
    before: isize,
    before_on_line: isize,
}

/// A text with what means nothing changed.
pub(crate) struct Relaxed<'a> {
    pub text: Cow<'a, str>,
    /// In the order of the text.
    changes: Vec<Change>,
    budget: usize,
    /// The last quoted text that had to be changed: the mark of its first quote, and the line of its last one.
    quoted: Option<(Marker, usize)>,
}

impl<'a> Relaxed<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), changes: Vec::new(), budget: BUDGET, quoted: None }
    }

    /// Changes the text where reading stopped, if that helps. `byte` is the place of the error in the changed text.
    pub fn relax(&mut self, error: &ScanError, byte: usize) -> bool {
        let mark = error.marker();
        let Some(budget) = self.budget.checked_sub(self.text.len() + 1) else { return false };
        if self.changes.last().is_some_and(|last| last.at >= mark.index()) || !self.text.is_char_boundary(byte) {
            return false;
        }
        self.budget = budget;
        match error.info() {
            // The parser says so within flow collections alone; block collections simply end there.
            "invalid indentation" | "invalid indentation in flow construct" => {
                if self.changes.last().is_some_and(|last| last.line >= mark.line()) {
                    return false;
                }
                self.text.to_mut().insert_str(byte, &" ".repeat(STEP));
                self.note(mark.line(), mark.index(), STEP, 0);
                true
            }
            "invalid indentation in quoted scalar"
            | "while parsing a quoted scalar, found invalid Unicode character escape code" => {
                self.relax_quoted(mark, byte)
            }
            _ => false,
        }
    }

    /// The first quote of a quoted text that was changed and ends where reading stopped now: its last quote was most
    /// likely meant to be the first one of another.
    pub fn doubtful_quote(&self, stopped: &ScanError) -> Option<Marker> {
        let (start, last_line) = self.quoted?;
        (last_line == stopped.marker().line()).then_some(start)
    }

    /// Moves the lines of the quoted text that begins at `byte`, and puts characters in place of pairs of escapes.
    fn relax_quoted(&mut self, mark: &Marker, byte: usize) -> bool {
        let Some(quoted) = self.text.get(byte..).map(str::to_owned) else { return false };
        let Some(quote) = quoted.chars().next() else { return false };
        let mut changed = String::with_capacity(quoted.len());
        changed.push(quote);
        let (mut index, mut line) = (mark.index() + 1, mark.line());
        let mut rest = &quoted[1..];
        let count = self.changes.len();
        while let Some(first) = rest.chars().next() {
            let escapes = quote == '"' && first == '\\';
            let taken = if let Some(character) = surrogates(rest).filter(|_| escapes) {
                self.note(line, index, 1, PAIR);
                changed.push(character);
                index += 1;
                rest = &rest[PAIR..];
                continue;
            } else if escapes || first == quote && quote == '\'' && rest[1..].starts_with(quote) {
                // What follows a backslash, or the second quote of two, ends nothing.
                first.len_utf8() + rest[1..].chars().next().filter(|next| *next != '\n').map_or(0, char::len_utf8)
            } else {
                first.len_utf8()
            };
            changed.push_str(&rest[..taken]);
            index += rest[..taken].chars().count();
            rest = &rest[taken..];
            if first == quote && taken == 1 {
                break;
            }
            let is_blank = rest.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']);
            if first == '\n' {
                line += 1;
                if !is_blank {
                    self.note(line, index, STEP, 0);
                    changed.push_str(&" ".repeat(STEP));
                    index += STEP;
                }
            }
        }
        changed.push_str(rest);
        self.text.to_mut().replace_range(byte.., &changed);
        self.quoted = Some((*mark, line));
        self.changes.len() > count
    }

    fn note(&mut self, line: usize, at: usize, inserted: usize, removed: usize) {
        let (before, before_on_line) = self.changes.last().map_or((0, 0), |last| {
            let by = last.removed as isize - last.inserted as isize;
            (last.before + by, if last.line == line { last.before_on_line + by } else { 0 })
        });
        self.changes.push(Change { line, at, inserted, removed, before, before_on_line });
    }

    /// The character, line (from 1) and column (from 0) in the text as it was.
    pub fn original(&self, mark: &Marker) -> (usize, usize, usize) {
        let after = self.changes.partition_point(|change| change.at < mark.index());
        let Some(change) = after.checked_sub(1).map(|last| &self.changes[last]) else {
            return (mark.index(), mark.line(), mark.col());
        };
        // A place within what was put in is where that was put in.
        let past = mark.index() - change.at;
        let by =
            if past < change.inserted { -(past as isize) } else { change.removed as isize - change.inserted as isize };
        let on_line = if change.line == mark.line() { change.before_on_line + by } else { 0 };
        let moved = |place: usize, by: isize| place.saturating_add_signed(by);
        (moved(mark.index(), change.before + by), mark.line(), moved(mark.col(), on_line))
    }
}

/// The length of a pair of escapes, such as `\ud83d\ude00`.
const PAIR: usize = 12;

/// The character for which the pair of escapes at the beginning of a text stands.
fn surrogates(text: &str) -> Option<char> {
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok();
    let pair = [unit(text.get(..PAIR / 2)?)?, unit(text.get(PAIR / 2..PAIR)?)?];
    if !(0xd800..0xdc00).contains(&pair[0]) {
        return None;
    }
    char::decode_utf16(pair).next()?.ok()
}
