//! The page about a run, and its trace.

use std::fs;

use super::{TestSite, script};

#[test]
fn the_page_needs_nothing_else_and_holds_no_values() {
    let site = TestSite::new();
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nlabel: x\nbaseCommand: [sh, -c, 'echo secret-output; exit 3', x]\n\
                inputs: {word: {type: string, inputBinding: {}}}\noutputs: []\n";
    site.run_with(tool, "word: secret-input\n").failed(1, &[]);
    let (page, trace) = (site.path("page.html"), site.path("trace.tsv"));
    let run = site.newest_run();
    let arguments = ["report", &run, "--to", page.to_str().unwrap(), "--trace", trace.to_str().unwrap()];
    assert_eq!(site.run(arguments).code, Some(0));
    let text = fs::read_to_string(&page).unwrap();
    for expected in ["<!doctype html>", "exit code 3", &run, "sluis explain", "<svg"] {
        assert!(text.contains(expected), "{expected} is missing");
    }
    for absent in ["secret", "http://", "https://", "<script", "src=", "@import", "url("] {
        assert!(!text.contains(absent), "{absent} is in the page");
    }
    let trace = fs::read_to_string(&trace).unwrap();
    let mut lines = trace.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let (head, line) = (lines.next().unwrap(), lines.next().unwrap());
    let cell = |name: &str| line[head.iter().position(|column| *column == name).unwrap()];
    assert_eq!((cell("status"), cell("exit"), cell("attempt"), cell("error")), ("FAILED", "3", "1", "exit code 3"));
    assert!(cell("realtime").parse::<u64>().is_ok() && cell("rchar").parse::<u64>().is_ok(), "{trace}");
    assert_eq!(lines.next(), None);
    // Beside the current folder if no place is given.
    let output = site.command(["report", &run]).current_dir(site.path("tmp")).output().unwrap();
    assert!(output.status.success());
    assert!(site.path("tmp").join(format!("{run}.html")).exists());
}

#[test]
fn names_in_the_page_are_escaped() {
    let site = TestSite::new();
    let path = site.write("<b>&'\".cwl", &script("true", "outputs: []\n"));
    assert_eq!(site.run(["run", &path]).code, Some(0));
    let page = site.path("page.html");
    assert_eq!(site.run(["report", &site.newest_run(), "--to", page.to_str().unwrap()]).code, Some(0));
    let text = fs::read_to_string(page).unwrap();
    assert!(!text.contains("<b>") && text.contains("&#60;b&#62;&#38;&#39;&#34;.cwl"), "{text}");
}

#[test]
fn a_trace_that_is_written_during_the_run_is_that_of_the_report() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", &script("echo a", "outputs: {out: stdout}\n"));
    let (during, after) = (site.path("during.tsv"), site.path("after.tsv"));
    assert_eq!(site.run(["run", "--trace", during.to_str().unwrap(), &path]).code, Some(0));
    assert_eq!(site.run(["report", &site.newest_run(), "--trace", after.to_str().unwrap()]).code, Some(0));
    let text = fs::read_to_string(&during).unwrap();
    assert_eq!(text, fs::read_to_string(&after).unwrap());
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("COMPLETED")), "{text}");
    site.run(["run", "--trace", "/nowhere/trace.tsv", &path]).failed(6, &["/nowhere/trace.tsv cannot be written"]);
}
