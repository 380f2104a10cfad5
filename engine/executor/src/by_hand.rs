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

/// A word for a shell. A NUL, which no word can hold, is left out.
pub fn shell_word(word: &str) -> String {
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map(|quoted| quoted.into_owned()).unwrap_or_default()
}

/// Words for a shell, with a space between them.
pub fn shell_words<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| shell_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_each_whatever_is_in_them() {
        assert_eq!(shell_words(["a", "b c", "d'e", "$(f)\0", ""]), "a 'b c' \"d'e\" '$(f)' ''");
    }
}
