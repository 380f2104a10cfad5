//! Patterns for secondary files (CWL v1.2, SecondaryFileSchema).

/// The name that a pattern gives for a primary file: each leading `^` takes off the last extension, the rest is
/// appended.
pub(crate) fn secondary_name(basename: &str, pattern: &str) -> String {
    let suffix = pattern.trim_start_matches('^');
    let mut stem = basename;
    for _ in 0..pattern.len() - suffix.len() {
        match stem.rfind('.') {
            Some(dot) if dot > 0 => stem = &stem[..dot],
            _ => break,
        }
    }
    format!("{stem}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::secondary_name;

    #[test]
    fn carets_take_extensions_off() {
        for (basename, pattern, expected) in [
            ("a.bam", ".bai", "a.bam.bai"),
            ("a.bam", "^.bai", "a.bai"),
            ("a.tar.gz", "^^.x", "a.x"),
            ("a", "^^.x", "a.x"),
            (".hidden", "^.x", ".hidden.x"),
        ] {
            assert_eq!(secondary_name(basename, pattern), expected, "{basename} {pattern}");
        }
    }
}
