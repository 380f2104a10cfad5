//! Where the canonical roots of a task are on this machine.

use std::{
    borrow::Cow,
    path::{Component, Path, PathBuf},
};

use sluis_model::{INPUTS_ROOT, TEMPORARY_ROOT, WORK_ROOT};

/// The folders of one task on this machine; the first three exist before the launch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folders {
    /// What the command sees as `WORK_ROOT`: its working folder, where its outputs appear.
    pub work: PathBuf,
    /// What the command sees as `TEMPORARY_ROOT`.
    pub temporary: PathBuf,
    /// What the command sees as `INPUTS_ROOT`.
    pub inputs: PathBuf,
    /// What holds the files that the command finds outside of the roots, by their paths there.
    pub elsewhere: PathBuf,
}

impl Folders {
    /// The three folders with the roots they stand for.
    pub fn roots(&self) -> [(&'static str, &Path); 3] {
        [(WORK_ROOT, &self.work), (TEMPORARY_ROOT, &self.temporary), (INPUTS_ROOT, &self.inputs)]
    }

    /// Where the command's absolute path is on this machine; `None` if it is relative or goes back by `..`.
    pub fn host_path(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        let below_a_root =
            self.roots().into_iter().find_map(|(root, folder)| Some((path.strip_prefix(root).ok()?, folder)));
        let (rest, folder) = match below_a_root {
            Some(found) => found,
            None => (path.strip_prefix("/").ok()?, self.elsewhere.as_path()),
        };
        stays_inside(rest).then(|| folder.join(rest))
    }

    /// The text with every canonical root replaced by the real folder, for commands that run without a container.
    ///
    /// A root is replaced only where it stands as a path of its own, or behind an option as in `-I/sluis/in/0`:
    /// `/data/sluis/work` and `/sluis/worker` stay.
    pub fn localize<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains("/sluis/") {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find("/sluis/") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let found = self
                .roots()
                .into_iter()
                .find(|(root, _)| from.strip_prefix(root).is_some_and(|after| !after.starts_with(is_name_character)));
            match found {
                Some((root, folder)) if may_precede_a_path(&out) => {
                    out.push_str(&folder.to_string_lossy());
                    rest = &from[root.len()..];
                }
                _ => {
                    out.push('/');
                    rest = &from[1..];
                }
            }
        }
        out.push_str(rest);
        Cow::Owned(out)
    }
}

/// Whether a relative path stays below the folder it is relative to, and names something in it.
pub(crate) fn stays_inside(relative: &Path) -> bool {
    relative.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a path may begin behind this text: no name ends it, or an option such as `-I`.
fn may_precede_a_path(text: &str) -> bool {
    let before = text.trim_end_matches(is_name_character);
    let name = &text[before.len()..];
    name.is_empty() || (name.starts_with('-') && !before.ends_with('/'))
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> Folders {
        Folders { work: "/s/w".into(), temporary: "/s/t".into(), inputs: "/s/i".into(), elsewhere: "/s/e".into() }
    }

    #[test]
    fn roots_are_replaced_where_they_stand_as_paths() {
        for (text, expected) in [
            ("/sluis/work", "/s/w"),
            ("--out=/sluis/work/a.bam", "--out=/s/w/a.bam"),
            ("cat /sluis/in/0/a '/sluis/tmp'/b > x", "cat /s/i/0/a '/s/t'/b > x"),
            ("/sluis/in/0/a:/sluis/in/1/b", "/s/i/0/a:/s/i/1/b"),
            ("-I/sluis/in/0 --include/sluis/in/1", "-I/s/i/0 --include/s/i/1"),
            ("/data/sluis/work", "/data/sluis/work"),
            ("/-a/sluis/work ../sluis/work", "/-a/sluis/work ../sluis/work"),
            ("/sluis/worker /sluis/in.txt /sluis/", "/sluis/worker /sluis/in.txt /sluis/"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(folders().localize(text), expected);
        }
    }

    #[test]
    fn a_canonical_path_cannot_leave_its_root() {
        assert_eq!(folders().host_path("/sluis/in/0/a"), Some("/s/i/0/a".into()));
        assert_eq!(folders().host_path("/sluis/work"), Some("/s/w".into()));
        assert_eq!(folders().host_path("/etc/passwd"), Some("/s/e/etc/passwd".into()));
        for wrong in ["/sluis/in/../work", "/etc/../sluis/work", "sluis/in/a", "../x", ""] {
            assert_eq!(folders().host_path(wrong), None, "{wrong}");
        }
    }
}
