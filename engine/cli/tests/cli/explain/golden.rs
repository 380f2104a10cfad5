//! Comparing what was printed with what stands in a file.

use std::{env, fs, path::Path};

/// What differs from run to run, and what it is replaced by.
#[derive(Default)]
struct Masks {
    runs: Vec<String>,
    addresses: Vec<String>,
    images: Vec<String>,
}

/// Compares a text with the file; writes the file if asked to.
#[track_caller]
pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/explain").join(name);
    let masked = Masks::default().mask(text);
    if env::var_os("SLUIS_GOLDEN").is_some_and(|value| value == "write") {
        fs::write(&path, &masked).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}\n{masked}", path.display()));
    assert!(masked == expected, "{} says\n{expected}\nfound\n{masked}", path.display());
}

impl Masks {
    fn mask(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut word = String::new();
        for character in text.chars().chain(['\n']) {
            if character.is_ascii_alphanumeric() || matches!(character, '-' | ':' | '.') {
                word.push(character);
                continue;
            }
            out.push_str(&self.word(&word));
            word.clear();
            out.push(character);
        }
        out.pop();
        times(&out)
    }

    fn word(&mut self, word: &str) -> String {
        let is_hex = |text: &str| text.chars().all(|digit| digit.is_ascii_hexdigit());
        if let Some(digits) = word.strip_prefix("b3:").filter(|digits| digits.len() == 64 && is_hex(digits)) {
            return format!("b3:{}", number(&mut self.addresses, digits));
        }
        if let Some(digits) = word.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && is_hex(digits)) {
            return format!("sha256:{}", number(&mut self.images, digits));
        }
        if let [a, b, b':', c, d, b':', e, f] = word.as_bytes()
            && [a, b, c, d, e, f].iter().all(|digit| digit.is_ascii_digit())
        {
            return "TIME".to_owned();
        }
        // A run's identifier, also within the name of a file.
        let parts: Vec<&str> = word.split('-').collect();
        let at = parts.windows(3).position(|three| {
            three[0].len() == 8 && three[1].len() == 6 && three[2].len() == 6 && three.iter().all(|part| is_hex(part))
        });
        match at {
            Some(at) => {
                let run = format!("RUN{}", number(&mut self.runs, &parts[at..at + 3].join("-")));
                let all = parts[..at].iter().copied().chain([run.as_str()]).chain(parts[at + 3..].iter().copied());
                all.collect::<Vec<_>>().join("-")
            }
            None => word.to_owned(),
        }
    }
}

fn number(known: &mut Vec<String>, name: &str) -> usize {
    let at = known.iter().position(|other| other == name).unwrap_or_else(|| {
        known.push(name.to_owned());
        known.len() - 1
    });
    at + 1
}

/// Replaces how long something took.
fn times(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        match line.split_once(", after ").and_then(|(before, rest)| Some((before, rest.split_once(" s")?.1))) {
            Some((before, rest)) => out.push_str(&format!("{before}, after T s{rest}")),
            None => out.push_str(line),
        }
    }
    out
}
