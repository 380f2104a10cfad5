//! Packages from a Debian mirror, through apt with a state of its own: needs no root, touches nothing of the machine's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{ContainersError, program};

const SUITE: &str = "bookworm";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// apt with its own folder for lists and downloads, reading suite bookworm, component main, from the machine's mirror.
pub(crate) struct Apt {
    folder: tempfile::TempDir,
}

impl Apt {
    /// Prepares apt below `parent` and reads the mirror's lists; packages named in `assumed` count as installed.
    pub fn open(parent: &Path, assumed: &[String]) -> Result<Self, ContainersError> {
        let folder = tempfile::tempdir_in(parent).map_err(ContainersError::io("make a folder in", parent))?;
        let apt = Self { folder };
        apt.make_folders()?;
        apt.write("status", &assumed.iter().map(|name| installed(name)).collect::<String>())?;
        apt.write("apt.conf", &apt.configuration(&acquire_settings()?))?;
        let mut last = ContainersError::NoMirror;
        for mirror in mirrors()? {
            let keyring = if Path::new(KEYRING).is_file() { format!(" [signed-by={KEYRING}]") } else { String::new() };
            apt.write("sources.list", &format!("deb{keyring} {mirror} {SUITE} main\n"))?;
            match apt.run(&["update", "--error-on=any"]) {
                Ok(_) => return Ok(apt),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Downloads `name=version` each into a folder and gives that folder; what the mirror lacks is returned by name.
    pub fn download(&self, packages: &[String]) -> Result<(PathBuf, Vec<String>), ContainersError> {
        let into = self.path("downloads");
        let lacking = |error: &ContainersError| match error {
            ContainersError::Program { said, .. } => missing(said, packages),
            _ => Vec::new(),
        };
        let mut arguments = vec!["download"];
        arguments.extend(packages.iter().map(String::as_str));
        match self.run(&arguments) {
            Ok(_) => Ok((into, Vec::new())),
            Err(error) => match lacking(&error) {
                names if names.is_empty() => Err(error),
                names => Ok((into, names)),
            },
        }
    }

    /// `name=version` of the given packages and of all that they depend on, recommendations left out.
    pub fn resolve(&self, wanted: &[String]) -> Result<Vec<String>, ContainersError> {
        let mut arguments = vec!["install", "--simulate", "--no-install-recommends"];
        arguments.extend(wanted.iter().map(String::as_str));
        let said = String::from_utf8_lossy(&self.run(&arguments)?).into_owned();
        Ok(said.lines().filter_map(resolved).collect())
    }

    fn make_folders(&self) -> Result<(), ContainersError> {
        ["state/lists/partial", "cache/archives/partial", "downloads"].iter().try_for_each(|name| {
            fs::create_dir_all(self.path(name)).map_err(ContainersError::io("make the folder", self.path(name)))
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, ContainersError> {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", self.path("apt.conf")).current_dir(self.path("downloads")).arg("-q").args(arguments);
        program::run("apt-get", &mut command)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), ContainersError> {
        fs::write(self.path(name), text).map_err(ContainersError::io("write", self.path(name)))
    }

    /// The whole configuration: the machine's way to the network (proxies), and otherwise nothing of the machine's,
    /// above all not its hooks, which expect root and a system to maintain.
    fn configuration(&self, acquire: &str) -> String {
        let folder = self.folder.path().display();
        format!(
            "{acquire}Dir::State \"{folder}/state\";\nDir::State::status \"{folder}/status\";\n\
             Dir::Cache \"{folder}/cache\";\nDir::Etc::SourceList \"{folder}/sources.list\";\n\
             Dir::Etc::SourceParts \"/dev/null\";\nDir::Etc::Parts \"/dev/null\";\nDir::Etc::Main \"/dev/null\";\n\
             Dir::Etc::Preferences \"/dev/null\";\nDir::Etc::PreferencesParts \"/dev/null\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n"
        )
    }
}

/// How this machine's apt reaches its mirrors, in apt's own configuration syntax.
fn acquire_settings() -> Result<String, ContainersError> {
    let dump = program::run("apt-config", Command::new("apt-config").arg("dump"))?;
    let kept = ["Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::Check-", "Acquire::ForceIP"];
    let dump = String::from_utf8_lossy(&dump);
    Ok(dump
        .lines()
        .filter(|line| kept.iter().any(|prefix| line.starts_with(prefix)))
        .map(|l| format!("{l}\n"))
        .collect())
}

/// The mirrors that this machine's apt reads, the likeliest first.
fn mirrors() -> Result<Vec<String>, ContainersError> {
    // Without `--no-release-info` a machine that never ran `apt-get update` would name none.
    let arguments = ["indextargets", "--no-release-info", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"];
    let said = program::run("apt-get", Command::new("apt-get").args(arguments))?;
    Ok(rank_mirrors(&String::from_utf8_lossy(&said)))
}

/// Keeps those with component main of an ordinary suite; those that name our suite come before those that name another.
fn rank_mirrors(targets: &str) -> Vec<String> {
    let mut ranked: Vec<(bool, String)> = Vec::new();
    for line in targets.lines() {
        let [uri, release, "main"] = line.split('|').collect::<Vec<_>>()[..] else { continue };
        let is_known = ranked.iter().any(|(_, known)| known == uri);
        if !is_known && !release.contains(['-', '/']) && !uri.starts_with("cdrom:") {
            ranked.push((release != SUITE, uri.to_owned()));
        }
    }
    ranked.sort_by_key(|(is_other, _)| *is_other);
    ranked.into_iter().map(|(_, uri)| uri).collect()
}

/// The stanza that tells apt that a package is there.
fn installed(name: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nVersion: 9999:1\nArchitecture: amd64\nMulti-Arch: allowed\n\
         Maintainer: none\nDescription: assumed\n\n"
    )
}

/// `name=version` out of a simulated installation's line `Inst name (version …)`.
fn resolved(line: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
    Some(format!("{name}={}", rest.split(' ').next()?))
}

/// The packages that apt's messages say it does not have.
fn missing(said: &str, packages: &[String]) -> Vec<String> {
    let is_missing = |package: &&String| {
        let (name, version) = package.split_once('=').unwrap_or((package, ""));
        said.contains(&format!("Version '{version}' for '{name}' was not found"))
            || said.contains(&format!("Unable to locate package {name};"))
            || said.ends_with(&format!("Unable to locate package {name}"))
    };
    packages.iter().filter(is_missing).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_of_the_suite_come_first_and_others_stay_out() {
        let targets = "http://a/debian/|trixie|main\nhttp://s/security/|bookworm-security|main\n\
                       cdrom:[Debian]/|bookworm|main\nhttp://b/debian/|bookworm|main\nhttp://b/debian/|bookworm|main\n\
                       http://c/|nodistro|extra\n";
        assert_eq!(rank_mirrors(targets), ["http://b/debian/", "http://a/debian/"]);
    }

    #[test]
    fn a_simulated_installation_gives_names_and_versions() {
        assert_eq!(resolved("Inst zlib1g (1:1.2.13 Debian:12 [amd64])").as_deref(), Some("zlib1g=1:1.2.13"));
        assert_eq!(resolved("Conf zlib1g (1:1.2.13 Debian:12 [amd64])"), None);
    }

    #[test]
    fn packages_that_the_mirror_lacks_are_named() {
        let wanted = ["bash=9".to_owned(), "nosuch=1".to_owned(), "sed=1".to_owned()];
        let said = "E: Version '9' for 'bash' was not found; E: Unable to locate package nosuch";
        assert_eq!(missing(said, &wanted), ["bash=9", "nosuch=1"]);
    }
}
