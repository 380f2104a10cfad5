//! How deep a text goes, told before it is parsed: parser and validator of Cedar call themselves for each level, and a
//! text that is deep enough would take the whole process down.

/// The most of what makes a condition deeper that one policy may have. Those that ship have less than a tenth of it.
const DEEPEST: usize = 200;

/// Words that make a condition deeper; all other words, texts and commas do not.
const DEEPENING: [&str; 6] = ["if", "in", "is", "has", "like", "else"];

/// The byte at which a policy begins to be too deep, or a text that does not end.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'"' => match end_of_text(bytes, at) {
                Some(end) => at = end,
                None => return Some(begin),
            },
            b'/' if bytes.get(at) == Some(&b'/') => {
                at = bytes[at..]
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'))
                    .map_or(bytes.len(), |line| at + line);
            }
            b';' => depth = 0,
            b',' | b':' | b'@' => {}
            byte if is_word(byte) => {
                while bytes.get(at).is_some_and(|byte| is_word(*byte)) {
                    at += 1;
                }
                depth += usize::from(DEEPENING.iter().any(|word| word.as_bytes() == &bytes[begin..at]));
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => depth += 1,
        }
        if depth > DEEPEST {
            return Some(begin);
        }
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The byte behind the quotation mark that ends a text.
fn end_of_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
