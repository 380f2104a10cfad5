//! The program `bwrap`: finding it, what it is asked for, and what it says when it cannot.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use sluis_executor::ExecutorError;

pub(crate) const BUBBLEWRAP: &str = "bubblewrap";

/// Where `bwrap` is on this process's path.
pub(crate) fn find() -> Result<PathBuf, ExecutorError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let candidates = env::split_paths(&path).map(|folder| folder.join("bwrap"));
    candidates.into_iter().find(|candidate| candidate.is_file()).ok_or_else(|| ExecutorError::Unavailable {
        what: BUBBLEWRAP,
        remedy: "install it (Debian's package is `bubblewrap`) so that `bwrap` is on the path, then start again",
        source: io::Error::from(io::ErrorKind::NotFound).into(),
    })
}

/// The descriptors that `bwrap` finds open besides the standard streams.
pub(crate) mod descriptor {
    /// Its arguments, so that the command's environment is not on show in the machine's list of processes.
    pub const ARGUMENTS: i32 = 3;
    /// Where it writes which process the command's first is, and how the command ended.
    pub const STATUS: i32 = 4;
    /// The lock on the image, held as long as the command runs.
    pub const LOCK: i32 = 5;
    /// The filters of system calls.
    pub const FILTERS: [i32; 2] = [6, 7];
    /// What it waits for before it starts the command, if it is told to wait.
    pub const BLOCK: i32 = 8;
}

/// Arguments as `bwrap --args` reads them: each ended by a zero byte.
#[derive(Default)]
pub(crate) struct Arguments(Vec<u8>);

impl Arguments {
    /// Adds one option with its values.
    pub fn add<const N: usize>(&mut self, words: [&str; N]) {
        for word in words {
            self.0.extend_from_slice(word.as_bytes());
            self.0.push(0);
        }
    }

    /// Mounts a file or folder of this machine.
    pub fn bind(&mut self, source: &Path, target: &str, writable: bool) {
        self.add([if writable { "--bind" } else { "--ro-bind" }]);
        self.path(source);
        self.add([target]);
    }

    /// Lets the command use a device of this machine, under the same name; one that need not be there, if it is.
    pub fn device(&mut self, device: &Path, must_be: bool) {
        let Some(name) = device.file_name() else { return };
        self.add([if must_be { "--dev-bind" } else { "--dev-bind-try" }]);
        // It follows no link from where it stands.
        self.path(&fs::canonicalize(device).unwrap_or_else(|_| device.to_owned()));
        self.path(&Path::new("/dev").join(name));
    }

    /// Mounts an empty file system in memory that everybody may write to, as `/tmp` is.
    pub fn memory(&mut self, target: &str) {
        self.add(["--perms", "1777", "--tmpfs", target]);
    }

    /// Adds a value that is a path of this machine.
    pub fn path(&mut self, path: &Path) {
        use std::os::unix::ffi::OsStrExt;
        self.0.extend_from_slice(path.as_os_str().as_bytes());
        self.0.push(0);
    }

    /// The same for a command line.
    pub fn into_words(self) -> Vec<String> {
        let words = self.0.strip_suffix(&[0]).unwrap_or_default().split(|byte| *byte == 0);
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// What `bwrap` reads.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The error behind what `bwrap` said when it did not come to starting the command.
pub(crate) fn fault(said: &str, program: &str, doing: String) -> ExecutorError {
    let said = said.trim();
    if let Some(text) = said.lines().find_map(|line| line.strip_prefix("bwrap: execvp ")) {
        let kind = match text.rsplit_once(": ").map_or(text, |(_, reason)| reason) {
            "No such file or directory" => io::ErrorKind::NotFound,
            "Permission denied" => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        return ExecutorError::Program { program: program.to_owned(), source: io::Error::new(kind, said.to_owned()) };
    }
    let source = if said.is_empty() { "it said nothing" } else { said }.into();
    let is_about_namespaces =
        ["namespace", "uid map", "gid map", "Operation not permitted"].iter().any(|sign| said.contains(sign));
    if is_about_namespaces {
        return ExecutorError::Unavailable {
            what: BUBBLEWRAP,
            remedy: "let programs of this user make user namespaces (`sysctl -w kernel.unprivileged_userns_clone=1` or \
                     `kernel.apparmor_restrict_unprivileged_userns=0`, and `user.max_user_namespaces` above 0; in a \
                     container it must be allowed from outside), then start again",
            source,
        };
    }
    ExecutorError::Service { what: BUBBLEWRAP, doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bubblewrap_says_is_told_by_whose_fault_it_is() {
        let fault = |said: &str| fault(said, "tool", "start it".to_owned());
        let kind = |said: &str| match fault(said) {
            ExecutorError::Program { program, source } if program == "tool" => source.kind(),
            other => unreachable!("{other:?}"),
        };
        assert_eq!(kind("bwrap: execvp tool: No such file or directory\n"), io::ErrorKind::NotFound);
        assert_eq!(kind("bwrap: execvp a: b: Permission denied"), io::ErrorKind::PermissionDenied);
        assert_eq!(kind("bwrap: execvp tool: Exec format error"), io::ErrorKind::Other);
        let namespaces = fault("bwrap: No permissions to create new namespace, likely because …");
        assert!(matches!(namespaces, ExecutorError::Unavailable { .. }), "{namespaces:?}");
        assert!(matches!(fault("bwrap: Can't find source path /x"), ExecutorError::Service { .. }));
    }

    #[test]
    fn arguments_are_ended_by_zeros() {
        let mut arguments = Arguments::default();
        arguments.bind(Path::new("/a"), "/b", false);
        arguments.add(["--setenv", "A", ""]);
        assert_eq!(arguments.into_bytes(), b"--ro-bind\0/a\0/b\0--setenv\0A\0\0");
    }
}
