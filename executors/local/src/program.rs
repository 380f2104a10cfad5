//! Finding a command's program.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where a program is: a name with a slash is a path from the work folder, any other is looked up on the path.
///
/// Looked up here and not by the spawning, which would look on the engine's path and not on the command's.
pub(crate) fn find(program: &str, path: Option<&str>, work: &Path) -> io::Result<PathBuf> {
    if program.contains('/') {
        return Ok(work.join(program));
    }
    let path = path.map(OsString::from).or_else(|| env::var_os("PATH")).unwrap_or_default();
    let mut found_unusable = false;
    for folder in env::split_paths(&path) {
        let candidate = work.join(folder).join(program);
        if let Ok(facts) = candidate.metadata()
            && facts.is_file()
        {
            if facts.permissions().mode() & 0o111 != 0 {
                return Ok(candidate);
            }
            found_unusable = true;
        }
    }
    let kind = if found_unusable { io::ErrorKind::PermissionDenied } else { io::ErrorKind::NotFound };
    Err(kind.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_up_on_the_commands_path() {
        let work = Path::new("/work");
        assert_eq!(find("./run", None, work).unwrap(), Path::new("/work/./run"));
        assert_eq!(find("/bin/x", None, work).unwrap(), Path::new("/bin/x"));
        assert_eq!(find("sh", Some("/nowhere:/bin"), work).unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("sh", Some("/nowhere"), work).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(find("passwd", Some("/etc"), work).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
