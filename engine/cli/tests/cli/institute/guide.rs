//! The files in the guide for institutes are such as a site takes.

use std::fs;

use crate::test_site::TestSite;

const GUIDE: &str = include_str!("../../../../../docs/institute.md");

/// The YAML of the guide, each with the file that its first line names.
fn files() -> Vec<(&'static str, &'static str)> {
    let blocks = GUIDE.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| (block.lines().next().unwrap().trim_start_matches("# "), block)).collect()
}

#[test]
fn the_guides_files_make_a_site_that_is_valid() {
    let site = TestSite::new();
    let files = files();
    assert_eq!(files.len(), 5, "site.yaml and four of the registry");
    for (name, text) in files {
        let path = site.site().join(name);
        let before = if name == "site.yaml" { fs::read_to_string(&path).unwrap() } else { String::new() };
        fs::write(&path, format!("{before}{text}")).unwrap();
    }
    let checked = site.run(["registry", "check"]);
    assert!(checked.err.contains("1 institution(s), 5 people, 1 project(s), 2 dataset(s)"), "{}", checked.err);
    let who = site.command(["whoami"]).env("XDG_STATE_HOME", site.path("state")).output().unwrap();
    assert!(String::from_utf8_lossy(&who.stderr).contains("nobody is logged in"));
}

/// Every command line of the guide is one that the command takes: its help is printed.
#[test]
fn the_guides_commands_are_commands() {
    let site = TestSite::new();
    let blocks = GUIDE.split("```\n").filter(|block| block.starts_with("sluis "));
    let mut commands = 0;
    for line in blocks.flat_map(str::lines) {
        let words =
            line.split_whitespace().skip(1).skip_while(|word| word.starts_with("--site") || word.starts_with('/'));
        let command: Vec<_> =
            words.take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')).collect();
        let groups = ["airlock", "access", "audit", "crypt", "registry"];
        let depth = if groups.contains(&command[0]) { 2 } else { 1 };
        let help = site.run([&command[..depth], &["--help"]].concat());
        assert_eq!(help.code, Some(0), "{line}: {}", help.err);
        for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(help.out.contains(option), "`{option}` of `{line}` is not in the help");
        }
        commands += 1;
    }
    assert!(commands > 15, "{commands}");
}
