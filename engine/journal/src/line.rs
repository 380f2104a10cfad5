//! One line: writing it strictly, reading it strictly.

/// The hash before the first record.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The parts of a line that is one.
pub(crate) struct Line<'a> {
    pub sequence: u64,
    pub previous: &'a str,
    pub hash: &'a str,
    pub body: &'a str,
}

impl<'a> Line<'a> {
    /// Takes a line, without its line feed, apart. Nothing is verified yet.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(r#"{"seq":"#)?;
        let (sequence, rest) = rest.split_once(r#","prev":""#)?;
        let (previous, rest) = rest.split_once(r#"","hash":""#)?;
        let (hash, rest) = rest.split_once(r#"","body":"#)?;
        let body = rest.strip_suffix('}')?;
        let number: u64 = sequence.parse().ok()?;
        // Only one spelling of a number is a line's.
        (number.to_string() == sequence).then_some(Self { sequence: number, previous, hash, body })
    }

    /// Whether the hash is that of the rest.
    pub(crate) fn is_intact(&self) -> bool {
        self.hash == hash(self.sequence, self.previous, self.body)
    }
}

/// Writes a line, with its line feed, behind `lines`; gives its hash.
pub(crate) fn write(lines: &mut String, sequence: u64, previous: &str, body: &str) -> String {
    let hash = hash(sequence, previous, body);
    lines.push_str(&format!(r#"{{"seq":{sequence},"prev":"{previous}","hash":"{hash}","body":{body}}}"#));
    lines.push('\n');
    hash
}

fn hash(sequence: u64, previous: &str, body: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [sequence.to_string().as_bytes(), b"\n", previous.as_bytes(), b"\n", body.as_bytes()] {
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_as_the_format_says() {
        let mut lines = String::new();
        let hash = write(&mut lines, 0, GENESIS, r#"{"a":1}"#);
        let expected = blake3::hash(format!("0\n{GENESIS}\n{{\"a\":1}}").as_bytes()).to_hex().to_string();
        assert_eq!(hash, expected);
        assert_eq!(
            lines,
            format!("{{\"seq\":0,\"prev\":\"{GENESIS}\",\"hash\":\"{expected}\",\"body\":{{\"a\":1}}}}\n")
        );
        let line = Line::parse(lines.trim_end()).unwrap();
        assert_eq!((line.sequence, line.body, line.is_intact()), (0, r#"{"a":1}"#, true));
        for other in [lines.replace("\"seq\":0", "\"seq\":00"), lines.replace("\"seq\":0", "\"seq\": 0"), "{}".into()] {
            assert!(Line::parse(other.trim_end()).is_none_or(|line| !line.is_intact()), "{other}");
        }
    }
}
