//! Starting a command by hand, as an executor starts it.

use std::path::PathBuf;

/// What somebody types into a POSIX shell to start a command in the same surroundings as an executor. The command's
/// standard streams are the shell's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ByHand {
    /// What is done before, a line each.
    pub before: Vec<String>,
    /// What starts the command; streams may be redirected behind it.
    pub start: String,
    /// Empty folders that `before` makes and that are to be removed when the command has ended.
    pub folders: Vec<PathBuf>,
}

/// What has to be typed before words that end in a line feed: the variable that stands for it in them.
pub const LINE_FEED: &str = r#"lf="$(printf '\nx')"; lf="${lf%x}""#;

/// A word for a POSIX shell, on one line and without any control character, for a terminal acts upon these before a shell
/// sees a quote around them. A NUL, which no word can hold, is left out. See [`needs_line_feed`].
pub fn shell_word(word: &str) -> String {
    let word = word.replace('\0', "");
    if !word.contains(char::is_control) {
        return shlex::try_quote(&word).map(|quoted| quoted.into_owned()).unwrap_or_default();
    }
    // What a substitution ends with in line feeds is cut off.
    let begin = word.trim_end_matches('\n');
    let ending = "\"$lf\"".repeat(word.len() - begin.len());
    if begin.is_empty() { ending } else { format!("\"$({})\"{ending}", shell_print(begin)) }
}

/// Words for a shell, with a space between them.
pub fn shell_words<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| shell_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// Whether a command has words that need [`LINE_FEED`].
pub fn needs_line_feed(command: &str) -> bool {
    command.contains("\"$lf\"")
}

/// A command for a POSIX shell that prints exactly this text, but for a NUL; on one line and without any control character.
pub fn shell_print(text: &str) -> String {
    let text = text.replace('\0', "");
    if !text.contains(char::is_control) {
        return format!("printf %s {}", shell_word(&text));
    }
    let mut format = String::new();
    for (place, character) in text.char_indices() {
        match character {
            '\n' => format.push_str("\\n"),
            '\t' => format.push_str("\\t"),
            '\\' => format.push_str("\\\\"),
            '%' => format.push_str("%%"),
            '\'' => format.push_str("'\\''"),
            // A shell that is typed into may take it for a command of its history, in double quotes.
            '!' => format.push_str("\\041"),
            // At the beginning it would be an option.
            '-' if place == 0 => format.push_str("\\055"),
            control if control.is_control() => {
                let mut bytes = [0; 4];
                control.encode_utf8(&mut bytes).bytes().for_each(|byte| format.push_str(&format!("\\{byte:03o}")));
            }
            other => format.push(other),
        }
    }
    format!("printf '{format}'")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const HOSTILE: [&str; 12] = [
        "",
        "plain",
        "two\nlines",
        "at the end\n",
        "\n\n",
        "\x1b]0;title\x07\x1b[201~; touch broken",
        "a\r\x03\x04\x7f\u{9b}ü",
        "-n\n",
        "-\x1b",
        "100%s \\033 \\n\t'\"$(f)`g`!\n",
        "'\n'; touch broken #",
        "\x1b077",
    ];

    #[track_caller]
    fn printed(script: &str) -> String {
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn words_are_one_each_whatever_is_in_them() {
        assert_eq!(shell_words(["a", "b c", "d'e", "$(f)\0", ""]), "a 'b c' \"d'e\" '$(f)' ''");
    }

    #[test]
    fn a_shell_reads_back_what_no_terminal_acts_upon() {
        for text in HOSTILE {
            let (word, print) = (shell_word(text), shell_print(text));
            assert!(!word.contains(char::is_control) && !print.contains(char::is_control), "{word}\n{print}");
            assert_eq!(needs_line_feed(&word), text.ends_with('\n'), "{word}");
            assert_eq!(printed(&format!("{LINE_FEED}; printf '%s|' {word}")), format!("{text}|"), "{word}");
            assert_eq!(printed(&print), text, "{print}");
        }
        let all = shell_words(HOSTILE);
        let lines: String = HOSTILE.iter().map(|text| format!("{text}|")).collect();
        assert_eq!(printed(&format!("{LINE_FEED}; printf '%s|' {all}")), lines, "{all}");
    }
}
