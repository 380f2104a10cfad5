//! The report that `cwltest` writes, in the XML of JUnit.

use roxmltree::{Document, Node};

/// How one test went.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The test's id.
    pub id: String,
    /// What it tests.
    pub about: String,
    /// What was wrong; none if it passed.
    pub failure: Option<String>,
}

/// Reads all tests out of a report. A test that was left out as unsupported counts as failed.
pub fn outcomes(report: &str) -> Vec<Outcome> {
    let document = Document::parse(report).unwrap_or_else(|error| panic!("the report is not XML: {error}"));
    document.descendants().filter(|node| node.has_tag_name("testcase")).map(outcome).collect()
}

fn outcome(case: Node<'_, '_>) -> Outcome {
    let attribute = |name| case.attribute(name).unwrap_or_default().to_owned();
    let is_bad = |node: &Node<'_, '_>| ["failure", "error", "skipped"].iter().any(|name| node.has_tag_name(*name));
    let failure = case.children().find(is_bad).map(|bad| {
        let said = bad.text().or(bad.attribute("message")).unwrap_or_default();
        let printed = case.children().find(|node| node.has_tag_name("system-err")).and_then(|node| node.text());
        format!("{said}\n{}", printed.unwrap_or_default()).trim().to_owned()
    });
    Outcome { id: attribute("file"), about: attribute("name"), failure }
}

#[test]
fn passed_failed_and_unsupported_tests_are_told_apart() {
    let report = r#"<?xml version="1.0" ?>
<testsuites><testsuite name="conformance_tests">
  <testcase name="All is well" file="good" class="required"><system-err>noted</system-err></testcase>
  <testcase name="Nothing is" file="bad"><failure type="failure">exit 1</failure><system-err>why</system-err></testcase>
  <testcase name="Left out" file="skipped"><skipped type="skipped" message="Unsupported"/></testcase>
</testsuite></testsuites>"#;
    let found: Vec<_> = outcomes(report).into_iter().map(|outcome| (outcome.id, outcome.failure)).collect();
    let told = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            ("good".to_owned(), None),
            ("bad".to_owned(), told("exit 1\nwhy")),
            ("skipped".to_owned(), told("Unsupported"))
        ]
    );
}
