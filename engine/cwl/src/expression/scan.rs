//! Finds parameter references and expressions in a text (CWL v1.2, Expressions, "String interpolation").

use std::borrow::Cow;

/// A part of a text that may hold expressions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Piece<'a> {
    /// Plain text, with escapes resolved.
    Text(Cow<'a, str>),
    /// What stands between `$(` and `)`: a parameter reference or a JavaScript expression.
    Reference(&'a str),
    /// What stands between `${` and `}`: the body of a JavaScript function.
    Body(&'a str),
}

impl Piece<'_> {
    /// The code as a JavaScript function without parameters; `None` for plain text.
    pub(super) fn script(&self) -> Option<String> {
        match self {
            Self::Text(_) => None,
            Self::Reference(code) => Some(format!("(function(){{return ({code}\n);}})")),
            Self::Body(code) => Some(format!("(function(){{{code}\n}})")),
        }
    }
}

/// A `$(` or `${` that is never closed.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the expression that begins at byte {0} is never closed; write `\\$(` or `\\${{` for a plain text")]
pub struct Unclosed(pub usize);

/// Whether a text holds anything to evaluate; if not, it stands for itself, backslashes included.
pub fn is_expression(text: &str) -> bool {
    text.contains("$(") || text.contains("${")
}

/// Splits a text into plain parts and expressions.
///
/// Outside expressions `\$(` and `\${` are the plain texts `$(` and `${`, and `\\` is one backslash; any other
/// backslash stands for itself.
pub fn scan(text: &str) -> Result<Vec<Piece<'_>>, Unclosed> {
    let bytes = text.as_bytes();
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"$(") || rest.starts_with(b"${") {
            push_text(&mut pieces, &text[plain..at]);
            let end = end_of_expression(bytes, at).ok_or(Unclosed(at))?;
            let code = &text[at + 2..end - 1];
            pieces.push(if rest[1] == b'(' { Piece::Reference(code) } else { Piece::Body(code) });
            (plain, at) = (end, end);
        } else if rest.starts_with(b"\\$(") || rest.starts_with(b"\\${") || rest.starts_with(b"\\\\") {
            push_text(&mut pieces, &text[plain..at]);
            plain = at + 1;
            at += if rest[1] == b'$' { 3 } else { 2 };
        } else {
            at += 1;
        }
    }
    push_text(&mut pieces, &text[plain..]);
    Ok(pieces)
}

/// A text in which a backslash takes whatever stands behind it as it is, as CWL v1.0 and v1.1 have it, written so that
/// [`scan`] reads the same. A text whose code is never closed stays as it is.
pub(crate) fn newer_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with("$(") || rest.starts_with("${") {
            let Some(end) = end_of_expression(rest.as_bytes(), 0) else { return text.to_owned() };
            out.push_str(&rest[..end]);
            end
        } else {
            let mut characters = rest.chars();
            let (first, second) = (characters.next(), characters.next());
            match (first, second) {
                (Some('\\'), Some('\\')) => out.push_str("\\\\"),
                (Some('\\'), Some('$')) if rest[2..].starts_with(['(', '{']) => out.push_str("\\$"),
                // What was two plain characters must not become an expression.
                (Some('\\'), Some(bracket @ ('(' | '{'))) if out.ends_with('$') => {
                    out.insert(out.len() - 1, '\\');
                    out.push(bracket);
                }
                (Some('\\'), Some(other)) => out.push(other),
                (first, _) => out.extend(first),
            }
            if first == Some('\\') { 1 + second.map_or(0, char::len_utf8) } else { 1 }
        };
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The position after the expression that begins at `at`.
fn end_of_expression(bytes: &[u8], at: usize) -> Option<usize> {
    // Where brackets of several kinds do not match, the code is wrong, but those of its own kind tell its end.
    let own = if bytes.get(at + 1) == Some(&b'(') { b"()" } else { b"{}" };
    end_of_code(bytes, at + 1, b"()[]{}").or_else(|| end_of_code(bytes, at + 1, own))
}

/// Appends to the last plain part, or begins one.
fn push_text<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.to_mut().push_str(text),
        _ => pieces.push(Piece::Text(Cow::Borrowed(text))),
    }
}

/// The position after the bracket that closes the one at `open`. Only these brackets count, and none in JavaScript
/// strings, templates, comments and regular expressions.
fn end_of_code(bytes: &[u8], open: usize, brackets: &[u8]) -> Option<usize> {
    let mut closers = Vec::new();
    let mut at = open;
    // The end of the last code that is neither space nor comment: it tells a division from a regular expression.
    let mut before = open;
    // Up to here no slash closes what could be a regular expression: nothing is searched twice.
    let mut unclosed_until = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        match byte {
            b'(' if brackets.contains(&byte) => closers.push(b')'),
            b'{' if brackets.contains(&byte) => closers.push(b'}'),
            b'[' if brackets.contains(&byte) => closers.push(b']'),
            b')' | b'}' | b']' => {
                // A stray bracket is a syntax error that JavaScript reports better than this scanner could.
                if closers.last() == Some(&byte) {
                    closers.pop();
                }
                if closers.is_empty() {
                    return Some(at + 1);
                }
            }
            b'\'' | b'"' | b'`' => at = end_of_quoted(bytes, at)?,
            b'/' if next == Some(&b'/') => {
                at = find(bytes, at, b"\n")? + 1;
                continue;
            }
            b'/' if next == Some(&b'*') => {
                at = find(bytes, at + 2, b"*/")? + 2;
                continue;
            }
            b'/' if at >= unclosed_until && expects_value(&bytes[..=before]) => {
                match end_of_regular_expression(bytes, at) {
                    Ok(end) => at = end,
                    Err(searched) => unclosed_until = searched,
                }
            }
            _ => {}
        }
        if !bytes[at].is_ascii_whitespace() {
            before = at;
        }
        at += 1;
    }
    None
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(what.len()).position(|window| window == what).map(|found| from + found)
}

/// The position of the quote that closes the one at `open`.
fn end_of_quoted(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 1,
            byte if byte == bytes[open] => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Whether a slash after this code begins a regular expression: it does where a value is expected.
fn expects_value(code: &[u8]) -> bool {
    code.last().is_some_and(|byte| b"(,=:[!&|?{};+-*%~^<>".contains(byte))
        || [&b"return"[..], b"typeof", b"case"].iter().any(|word| code.ends_with(word))
}

/// The position of the slash that closes the one at `open`; the end of the line if nothing does.
fn end_of_regular_expression(bytes: &[u8], open: usize) -> Result<usize, usize> {
    let (mut at, mut in_class) = (open + 1, false);
    loop {
        match bytes.get(at) {
            None | Some(b'\n') => return Err(at),
            Some(b'\\') => at += 1,
            Some(b'[') => in_class = true,
            Some(b']') => in_class = false,
            Some(b'/') if !in_class => return Ok(at),
            Some(_) => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Piece, Unclosed, is_expression, newer_escapes, scan};

    fn render(text: &str) -> String {
        scan(text)
            .unwrap()
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.into_owned(),
                Piece::Reference(code) | Piece::Body(code) => format!("<{code}>"),
            })
            .collect()
    }

    #[test]
    fn backslashes_escape_as_the_standard_has_it() {
        for (text, expected) in [
            (r"'$(a)'", "'<a>'"),
            (r"'\$(a)'", "'$(a)'"),
            (r"'\\$(a)'", r"'\<a>'"),
            (r"'\\\$(a)'", r"'\$(a)'"),
            (r"'\\\\$(a)'", r"'\\<a>'"),
            (r"'\'", r"'\'"),
            (r"'\\\'", r"'\\'"),
            (r"'\$' $$", r"'\$' $$"),
            (r"\${a}", "${a}"),
        ] {
            assert_eq!(render(text), expected, "{text}");
        }
    }

    #[test]
    fn older_escapes_are_read_as_they_were_meant() {
        for (text, expected) in [
            (r"$(a)\y\$1", "<a>y$1"),
            (r"$(a)\\y", r"<a>\y"),
            (r"\\$(a)", r"\<a>"),
            (r"\$(a)$(b)", "$(a)<b>"),
            (r"$(a)$\(b)", "<a>$(b)"),
            (r"\${a}$(b)\", r"${a}<b>\"),
            (r"\é$('\)')", r"é<'\)'>"),
        ] {
            let newer = newer_escapes(text);
            assert_eq!(render(&newer), expected, "{text}");
            assert_eq!(newer_escapes(&newer), newer, "{text}");
        }
        assert_eq!(newer_escapes(r"\y$(a"), r"\y$(a");
    }

    #[test]
    fn brackets_inside_code_nest_and_hide_in_quotes_comments_and_regular_expressions() {
        for (text, code) in [
            ("$(f(g(1)))", "f(g(1))"),
            ("$(')')", "')'"),
            (r"$('\')')", r"'\')'"),
            ("$(inputs['a)'])", "inputs['a)']"),
            ("${ return {a: '}'}; }", " return {a: '}'}; "),
            ("${ // don't }\n return 1; }", " // don't }\n return 1; "),
            ("${ /* it's } */ return 1; }", " /* it's } */ return 1; "),
            ("${ return x.replace(/[/)'}]/g, \"\"); }", " return x.replace(/[/)'}]/g, \"\"); "),
            ("${ return /'/.test(x); }", " return /'/.test(x); "),
            ("$(a / b / (c))", "a / b / (c)"),
            ("$(`)`)", "`)`"),
            ("${ return f(; }", " return f(; "),
            ("$(f([1))", "f([1)"),
        ] {
            let piece = if text.starts_with("$(") { Piece::Reference(code) } else { Piece::Body(code) };
            assert_eq!(scan(text), Ok(vec![piece]), "{text}");
        }
    }

    #[test]
    fn an_unclosed_expression_says_where_it_begins() {
        assert_eq!(scan("ab $(inputs.x"), Err(Unclosed(3)));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_scanner_panic(text in any::<String>()) {
            let _ = (scan(&text), newer_escapes(&text));
        }

        #[test]
        fn no_text_of_telling_characters_makes_the_scanner_panic(text in r#"[$(){}\[\]\\/*'"`\na .é]{0,60}"#) {
            let pieces = scan(&newer_escapes(&text)).and(scan(&text));
            if !is_expression(&text) {
                assert!(pieces.unwrap().iter().all(|piece| matches!(piece, Piece::Text(_))));
            }
        }
    }
}
