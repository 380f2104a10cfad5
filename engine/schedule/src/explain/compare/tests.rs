//! Every part of a key, changed by itself.

use super::*;

fn material() -> Material {
    Material {
        tool: "sort.cwl".to_owned(),
        arguments: ["sort", "-k", "2", "/sluis/in/0/a.txt"].map(str::to_owned).into(),
        environment: BTreeMap::from([("HOME".to_owned(), "/sluis/work".to_owned())]),
        stdin: None,
        stdout: Some("out.txt".to_owned()),
        stderr: None,
        success_codes: vec![0],
        image_name: Some("tools:1".to_owned()),
        image: Some("sha256:aa".to_owned()),
        work_directory: None,
        network: false,
        staged: vec![staged("/sluis/in/0/a.txt", 1), text("/sluis/work/run.sh", "one\ntwo\nthree\n")],
        collection: r#"{"version":2,"outputs":[{"name":"out","binding":{"glob":["out.txt"]}}]}"#.to_owned(),
        reuse: true,
    }
}

fn staged(target: &str, content: u8) -> Staged {
    let object = Some(sluis_model::Address::from_bytes([content; 32]));
    Staged { target: target.to_owned(), object, text: None, writable: false }
}

fn text(target: &str, text: &str) -> Staged {
    Staged { target: target.to_owned(), object: None, text: Some(text.to_owned()), writable: false }
}

/// The changes after a change of the material, as `part: old -> new`.
fn changes(change: impl FnOnce(&mut Material)) -> Vec<String> {
    let mut new = material();
    change(&mut new);
    let show = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
    let told = |change: Change| format!("{}: {} -> {}", change.part, show(change.old), show(change.new));
    compare(&material(), &new).changes.into_iter().map(told).collect()
}

#[test]
fn the_same_is_the_same() {
    assert_eq!(compare(&material(), &material()), Comparison { changes: Vec::new(), same: 12 });
}

#[test]
fn what_is_not_in_the_key_is_no_change() {
    let nothing = changes(|new| {
        new.tool = "other.cwl".to_owned();
        new.image_name = Some("tools:latest".to_owned());
        new.reuse = false;
    });
    assert_eq!(nothing, [""; 0]);
}

#[test]
fn each_part_is_told_by_itself() {
    assert_eq!(changes(|new| new.arguments[2] = "3".to_owned()), ["argument 2: 2 -> 3"]);
    assert_eq!(changes(|new| new.arguments[0] = "gsort".to_owned()), ["the program: sort -> gsort"]);
    let set = |new: &mut Material| drop(new.environment.insert("LC_ALL".to_owned(), "C".to_owned()));
    assert_eq!(changes(set), ["the environment variable LC_ALL: nothing -> C"]);
    assert_eq!(changes(|new| new.image = Some("sha256:bb".to_owned())), ["the image: sha256:aa -> sha256:bb"]);
    assert_eq!(changes(|new| new.image = None), ["the image: sha256:aa -> nothing"]);
    assert_eq!(changes(|new| new.stdout = None), ["where standard output goes: out.txt -> nothing"]);
    assert_eq!(changes(|new| new.success_codes.push(3)), ["the exit codes that mean success: 0 -> 0, 3"]);
    assert_eq!(changes(|new| new.network = true), ["the network: not reachable -> reachable"]);
    let other = changes(|new| new.staged[0] = staged("/sluis/in/0/a.txt", 2));
    assert_eq!(other, [format!("the input /sluis/in/0/a.txt: b3:{} -> b3:{}", "01".repeat(32), "02".repeat(32))]);
    let writable = changes(|new| new.staged[0].writable = true);
    assert!(writable[0].ends_with("which the command may change"), "{writable:?}");
}

#[test]
fn an_argument_put_in_leaves_the_others_as_they_were() {
    let more = changes(|new| new.arguments.insert(1, "-u".to_owned()));
    assert_eq!(more, ["argument 1: nothing -> -u"]);
    assert_eq!(changes(|new| drop(new.arguments.remove(1))), ["argument 1: -k -> nothing"]);
}

#[test]
fn of_longer_texts_the_lines_that_differ_are_told() {
    let lines = changes(|new| new.staged[1] = text("/sluis/work/run.sh", "one\n2\nthree\n"));
    assert_eq!(lines, ["the input /sluis/work/run.sh: two -> 2"]);
}

#[test]
fn parts_of_the_output_section_are_told_by_name() {
    let outputs = |text: &str| {
        let collection = text.to_owned();
        changes(|new| new.collection = collection)
    };
    let glob = outputs(r#"{"version":2,"outputs":[{"name":"out","binding":{"glob":["*.txt"]}}]}"#);
    assert_eq!(glob, ["the output section of out:       \"out.txt\" ->       \"*.txt\""]);
    let more = outputs(
        r#"{"version":2,"outputs":[{"name":"out","binding":{"glob":["out.txt"]}}],"inputs":{"n":3},
            "runtime":{"cores":2},"expressionLib":["function f() {}"]}"#,
    );
    let parts: Vec<_> = more.iter().filter_map(|change| change.split(':').next()).collect();
    let expected = [
        "runtime.cores, as output expressions see it",
        "the expression library",
        "the input n, as output expressions see it",
    ];
    assert_eq!(parts, expected);
    assert_eq!(outputs("not JSON")[0].split(':').next(), Some("how outputs are collected"));
}
