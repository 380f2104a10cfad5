//! Whether what is in memory could be written to a disk in plain.

use std::{fs, path::Path};

use crate::WorkError;

/// What to do on a machine that swaps to an unencrypted disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SwapRule {
    /// Refuse to work.
    Refuse,
    /// Work all the same: for data that are public anyway.
    Allow,
}

/// Refuses if the rule says so and a swap device is neither compressed memory nor encrypted.
pub(crate) fn check(rule: SwapRule) -> Result<(), WorkError> {
    if rule == SwapRule::Allow {
        return Ok(());
    }
    // A kernel without swap has no such file.
    let listed = fs::read_to_string("/proc/swaps").unwrap_or_default();
    match devices(&listed).find(|device| !is_safe(device)) {
        Some(device) => Err(WorkError::Swap { device: device.to_owned() }),
        None => Ok(()),
    }
}

/// The devices and files in a text like `/proc/swaps`, whose first line is a heading.
fn devices(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().skip(1).filter_map(|line| line.split_whitespace().next())
}

fn is_safe(device: &str) -> bool {
    let real = fs::canonicalize(device).unwrap_or_else(|_| device.into());
    // A file in a file system: what is below that is not looked for.
    real.parent() == Some(Path::new("/dev"))
        && real.file_name().is_some_and(|name| keeps_no_plaintext(&Path::new("/sys/class/block").join(name)))
}

/// Whether a block device is memory, encrypts, or has nothing below it but such.
fn keeps_no_plaintext(device: &Path) -> bool {
    let read = |name: &str| fs::read_to_string(device.join(name)).unwrap_or_default();
    if device.file_name().is_some_and(|name| name.to_string_lossy().starts_with("zram")) {
        // Compressed memory may be told to write some of it back to a disk.
        let backing = read("backing_dev");
        return matches!(backing.trim(), "" | "none");
    }
    if read("dm/uuid").starts_with("CRYPT-") {
        return true;
    }
    let below: Vec<_> = fs::read_dir(device.join("slaves")).into_iter().flatten().flatten().collect();
    !below.is_empty() && below.iter().all(|part| keeps_no_plaintext(&part.path()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn every_listed_device_is_looked_at() {
        let listed = "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/swapfile file 1 0 -2\n";
        assert_eq!(devices(listed).collect::<Vec<_>>(), ["/dev/zram0", "/swapfile"]);
        assert!(!is_safe("/swapfile") && !is_safe("/dev/no-such-disk") && !is_safe("/tmp/zram0"));
    }

    #[test]
    fn only_memory_and_what_encrypts_keeps_no_plaintext() {
        let folder = tempfile::tempdir().unwrap();
        let device = |name: &str, file: &str, content: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.join("dm")).unwrap();
            fs::write(path.join(file), content).unwrap();
            path
        };
        let crypt = device("dm-0", "dm/uuid", "CRYPT-LUKS2-aa-swap\n");
        let volume = device("dm-1", "dm/uuid", "LVM-bb\n");
        let plain = device("sda1", "size", "8\n");
        assert!(keeps_no_plaintext(&crypt));
        assert!(keeps_no_plaintext(&device("zram0", "backing_dev", "none\n")));
        assert!(!keeps_no_plaintext(&device("zram1", "backing_dev", "/dev/sda3\n")));
        assert!(!keeps_no_plaintext(&plain) && !keeps_no_plaintext(&volume));
        fs::create_dir(volume.join("slaves")).unwrap();
        std::os::unix::fs::symlink(&crypt, volume.join("slaves/dm-0")).unwrap();
        assert!(keeps_no_plaintext(&volume), "a volume on an encrypted disk");
        std::os::unix::fs::symlink(&plain, volume.join("slaves/sda1")).unwrap();
        assert!(!keeps_no_plaintext(&volume), "a volume that is partly on another");
    }
}
