//! Where the control groups of this process are.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The hierarchies that are mounted, and where this process is in them.
pub(super) struct Mounts {
    mounted: Vec<Hierarchy>,
    /// The lines of `/proc/self/cgroup`: controllers and path (cgroups(7)).
    own: Vec<(Vec<String>, PathBuf)>,
}

struct Hierarchy {
    /// The group that is seen at the mount point.
    root: PathBuf,
    place: PathBuf,
    /// None for version 2.
    controllers: Vec<String>,
}

impl Mounts {
    /// As this process sees them; `None` where the machine tells nothing.
    pub fn of_this_process() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        Some(Self::of_texts(&mounts, &own))
    }

    fn of_texts(mounts: &str, own: &str) -> Self {
        let own = own.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controllers = parts.next()?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some((controllers, PathBuf::from(parts.next()?)))
        });
        Self { mounted: mounts.lines().filter_map(hierarchy).collect(), own: own.collect() }
    }

    /// This process's group in the version 1 hierarchy of a controller.
    pub fn controller(&self, name: &str) -> Option<PathBuf> {
        let mounted = self.mounted.iter().find(|one| one.controllers.iter().any(|controller| controller == name))?;
        let (_, own) =
            self.own.iter().find(|(controllers, _)| controllers.iter().any(|controller| controller == name))?;
        mounted.folder_of(own)
    }

    /// This process's group in the hierarchy of version 2.
    pub fn unified(&self) -> Option<PathBuf> {
        let mounted = self.mounted.iter().find(|one| one.controllers.is_empty())?;
        let (_, own) = self.own.iter().find(|(controllers, _)| controllers.is_empty())?;
        mounted.folder_of(own)
    }
}

impl Hierarchy {
    fn folder_of(&self, group: &Path) -> Option<PathBuf> {
        Some(self.place.join(group.strip_prefix(&self.root).ok()?))
    }
}

/// A line of `/proc/self/mountinfo` (proc(5)), if it is one of a control group hierarchy.
fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, place) = (mount.next()?.into(), mount.next()?.into());
    let mut kind = kind.split(' ');
    let controllers = match kind.next()? {
        "cgroup2" => Vec::new(),
        "cgroup" => kind.nth(1)?.split(',').filter(|option| *option != "rw").map(str::to_owned).collect(),
        _ => return None,
    };
    Some(Hierarchy { root, place, controllers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_each_controller_is_found() {
        let mounts = "22 27 0:21 / /proc rw - proc proc rw\n\
                      35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                      36 31 0:33 /box /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let mounts = Mounts::of_texts(mounts, "4:memory:/a/b\n2:cpu,cpuacct:/box/c\n0::/user.slice\n");
        assert_eq!(mounts.controller("memory"), Some("/sys/fs/cgroup/memory/a/b".into()));
        assert_eq!(mounts.controller("cpu"), Some("/sys/fs/cgroup/cpu/c".into()));
        assert_eq!(mounts.controller("pids"), None);
        assert_eq!(mounts.unified(), Some("/sys/fs/cgroup/unified/user.slice".into()));
    }
}
