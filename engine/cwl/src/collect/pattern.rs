//! File name patterns (CWL v1.2, CommandOutputBinding, `glob`; POSIX glob(3)).

use glob::{MatchOptions, Pattern};
use sluis_model::WORK_ROOT;

use super::places::{Place, PlaceError, Places, is_within};

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The canonical paths in the working directory that match, sorted. Symbolic links are named, not followed, except
/// those in front of the last part of the pattern.
pub(super) fn matches(places: &Places<'_>, pattern: &str) -> Result<Vec<String>, PlaceError> {
    let pattern = places.canonical(pattern);
    let refused = || PlaceError::Outside(pattern.clone());
    if !is_within(&pattern, WORK_ROOT) {
        return Err(refused());
    }
    let relative = &pattern[WORK_ROOT.len()..];
    let mut found = vec![WORK_ROOT.to_owned()];
    let mut was_pattern = false;
    for part in relative.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            found = parents(places, &found, was_pattern)?.ok_or_else(refused)?;
            continue;
        }
        let matcher = Part::new(part);
        let mut next = Vec::new();
        for folder in found {
            match matcher.add_matches(places, &folder, &mut next) {
                // A link that leads elsewhere matched a pattern by chance: only what is named is refused.
                Err(PlaceError::Outside(_) | PlaceError::Links(_)) if was_pattern => {}
                result => result?,
            }
        }
        was_pattern |= matches!(matcher, Part::Pattern(_));
        found = next;
    }
    // A slash at the end asks for folders alone.
    if relative.ends_with('/') {
        found.retain(|path| matches!(folder_at(places, path), Ok(Some(_)) | Err(_)));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The folders that hold these; `None` if that would be outside. What is no folder is left out, and so are links that
/// lead elsewhere and matched a pattern by chance.
fn parents(places: &Places<'_>, folders: &[String], was_pattern: bool) -> Result<Option<Vec<String>>, PlaceError> {
    let mut found = Vec::with_capacity(folders.len());
    for folder in folders {
        let at = match folder_at(places, folder) {
            Err(PlaceError::Outside(_) | PlaceError::Links(_)) if was_pattern => None,
            at => at?,
        };
        let Some(parent) = at.as_deref().map(|at| at.rsplit_once('/').map_or("", |(parent, _)| parent)) else {
            continue;
        };
        if !is_within(parent, WORK_ROOT) {
            return Ok(None);
        }
        found.push(parent.to_owned());
    }
    Ok(Some(found))
}

/// One part of a pattern, between slashes.
enum Part {
    Literal(String),
    Pattern(Pattern),
}

impl Part {
    fn new(text: &str) -> Self {
        // POSIX escapes with a backslash, the matcher with brackets; and it reads `**` as many folders.
        let mut out = String::new();
        let mut is_literal = true;
        let mut characters = text.chars().peekable();
        let mut literal = String::new();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek().is_some() => {
                    let escaped = characters.next().unwrap_or_default();
                    out.push_str(&Pattern::escape(&escaped.to_string()));
                    literal.push(escaped);
                }
                '*' if out.ends_with('*') => {}
                _ => {
                    is_literal &= !matches!(character, '*' | '?' | '[');
                    out.push(character);
                    literal.push(character);
                }
            }
        }
        match Pattern::new(&out) {
            Ok(pattern) if !is_literal => Self::Pattern(pattern),
            // A bracket that is never closed stands for itself.
            _ => Self::Literal(literal),
        }
    }

    fn add_matches(&self, places: &Places<'_>, folder: &str, out: &mut Vec<String>) -> Result<(), PlaceError> {
        let Some(place) = folder_at(places, folder)? else { return Ok(()) };
        match self {
            Self::Literal(name) => {
                if std::fs::symlink_metadata(places.on_host(&place).join(name)).is_ok() {
                    out.push(format!("{folder}/{name}"));
                }
            }
            Self::Pattern(pattern) => {
                let names = places.names(&place)?;
                let matching = names.into_iter().filter(|name| pattern.matches_with(name, OPTIONS));
                out.extend(matching.map(|name| format!("{folder}/{name}")));
            }
        }
        Ok(())
    }
}

/// The folder of the working directory that a path leads to; `None` if it leads to something else.
fn folder_at(places: &Places<'_>, path: &str) -> Result<Option<String>, PlaceError> {
    match places.resolve(path) {
        Ok(Place::Work(at)) if places.on_host(&at).is_dir() => Ok(Some(at)),
        Ok(_) | Err(PlaceError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use proptest::prelude::{any, proptest};

    use super::{Part, PlaceError, Places, matches};

    #[test]
    fn patterns_match_names_and_never_leave_the_working_directory() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        fs::create_dir_all(work.join("d/e")).unwrap();
        for name in ["a.txt", "b.txt", ".hidden.txt", "x[1", "d/c.txt", "d/e/f.txt", "st*r"] {
            fs::write(work.join(name), "").unwrap();
        }
        symlink("d", work.join("inner")).unwrap();
        symlink("/etc", work.join("outer")).unwrap();
        let places = Places::new(&work, None, &[]);
        let host = format!("{}/a.txt", work.display());
        for (pattern, expected) in [
            ("*.txt", &["a.txt", "b.txt"][..]),
            ("[!a].txt", &["b.txt"]),
            ("?.txt", &["a.txt", "b.txt"]),
            (".*.txt", &[".hidden.txt"]),
            ("x[1", &["x[1"]),
            ("st\\*r", &["st*r"]),
            ("d/*", &["d/c.txt", "d/e"]),
            ("d/*/", &["d/e"]),
            ("d/", &["d"]),
            ("a.txt/", &[]),
            ("**/*.txt", &["d/c.txt", "inner/c.txt"]),
            ("inner/c.*", &["inner/c.txt"]),
            ("./d/./c.txt", &["d/c.txt"]),
            ("d/e/../c.*", &["d/c.txt"]),
            ("d/../?.txt", &["a.txt", "b.txt"]),
            ("inner/e/../../a.txt", &["a.txt"]),
            ("*/../a.txt", &["a.txt"]),
            ("a.txt/../b.txt", &[]),
            ("/sluis/work/a.txt", &["a.txt"]),
            (&host, &["a.txt"]),
            ("none", &[]),
            ("a.txt/x", &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|name| format!("/sluis/work/{name}")).collect();
            assert_eq!(matches(&places, pattern).unwrap(), expected, "{pattern}");
        }
        assert_eq!(matches(&places, ".").unwrap(), ["/sluis/work"]);
        for pattern in ["../*", "/etc/passwd", "d/../../x", "inner/../..", "/sluis/workshop/*", "outer/passwd"] {
            assert!(matches!(matches(&places, pattern), Err(PlaceError::Outside(_))), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_makes_the_matcher_panic(text in any::<String>(), telling in r"[\[\]!*?\\a-]{0,12}") {
            let _ = (Part::new(&text), Part::new(&telling));
        }
    }
}
