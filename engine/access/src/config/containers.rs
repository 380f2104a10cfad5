//! `containers` of `site.yaml`: what runs tools in containers.

use std::{fmt, str::FromStr};

pub(super) const KEY: &str = "containers";

/// What runs tools in containers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Containers {
    /// The Docker daemon where it answers at once, the sandbox where it does not.
    #[default]
    Auto,
    /// The Docker daemon.
    Docker,
    /// Namespaces of this machine's own kernel, without any daemon.
    Sandbox,
}

impl Containers {
    const ALL: [(Self, &'static str); 3] = [(Self::Auto, "auto"), (Self::Docker, "docker"), (Self::Sandbox, "sandbox")];
}

impl fmt::Display for Containers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(choice, _)| choice == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Containers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(choice, _)| *choice).ok_or_else(|| format!("`{text}` is none of `auto`, `docker` and `sandbox`"))
    }
}

/// The field as text; nothing if it is as it is anyway.
pub(super) fn to_yaml(containers: Containers) -> String {
    if containers == Containers::default() {
        return String::new();
    }
    format!(
        "# What runs tools in containers: auto, docker or sandbox; see docs/executors.md.\n\
         {KEY}: {containers}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_read_as_it_is_written() {
        for (choice, name) in Containers::ALL {
            assert_eq!((name.parse(), choice.to_string().as_str()), (Ok(choice), name));
        }
        assert!("podman".parse::<Containers>().is_err());
        assert_eq!(
            (to_yaml(Containers::Auto).as_str(), to_yaml(Containers::Docker).lines().last()),
            ("", Some("containers: docker"))
        );
    }
}
