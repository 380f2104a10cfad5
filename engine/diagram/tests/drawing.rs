//! Drawings of workflows, read back as XML.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fs;

use roxmltree::{Document, Node};
use sluis_cwl::load;

const WORKFLOW: &str = "\
cwlVersion: v1.2
class: Workflow
label: reads < 3 & \"more\"
requirements: {ScatterFeatureRequirement: {}, SubworkflowFeatureRequirement: {}}
inputs: {reads: 'File[]', wanted: boolean}
outputs: {out: {type: 'File?', outputSource: last/out}}
steps:
  each: {run: &tool {class: Operation, inputs: {x: File}, outputs: {out: File}}, scatter: x, in: {x: reads}, out: [out]}
  nested:
    run:
      class: Workflow
      inputs: {x: 'File[]'}
      outputs: {out: {type: File, outputSource: inner/out}}
      steps:
        inner: {run: {class: Operation, inputs: {x: 'File[]'}, outputs: {out: File}}, in: {x: x}, out: [out]}
    in: {x: each/out}
    out: [out]
  last: {run: *tool, when: $(inputs.wanted), in: {x: nested/out, wanted: wanted}, out: [out]}
";

fn drawing(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.cwl");
    fs::write(&path, text).unwrap();
    let loaded = load(path.to_str().unwrap()).unwrap_or_else(|problems| panic!("{problems}"));
    sluis_diagram::svg(&loaded.process)
}

fn boxes<'a, 'd>(root: Node<'a, 'd>) -> Vec<(String, String)> {
    let groups = root
        .descendants()
        .filter(|node| node.attribute("class").is_some() && node.has_tag_name(("http://www.w3.org/2000/svg", "g")));
    groups
        .map(|group| {
            let name = group.children().find(|node| node.tag_name().name() == "text").and_then(|text| text.text());
            (name.unwrap().to_owned(), group.attribute("class").unwrap().to_owned())
        })
        .collect()
}

#[test]
fn every_part_of_a_workflow_is_drawn_as_what_it_is() {
    let svg = drawing(WORKFLOW);
    let document = Document::parse(&svg).unwrap();
    let root = document.root_element();
    let found = boxes(root);
    for (name, class) in [
        ("reads", "input"),
        ("wanted", "input"),
        ("each", "operation scattered"),
        ("nested", "workflow"),
        ("inner", "operation"),
        ("last", "operation conditional"),
        ("out", "output"),
    ] {
        assert!(found.contains(&(name.to_owned(), class.to_owned())), "{name}: {found:?}");
    }
    let edges = root.descendants().filter(|node| node.attribute("class") == Some("edge")).count();
    assert_eq!(edges, 5 + 2);
    let nested = root.descendants().find(|node| node.attribute("class") == Some("workflow")).unwrap();
    assert_eq!(boxes(nested).len(), 1 + 3);
    let title = root.descendants().find(|node| node.tag_name().name() == "title").unwrap();
    assert_eq!(title.text(), Some("reads < 3 & \"more\""));
}

#[test]
fn a_tool_is_drawn_with_its_inputs_and_outputs() {
    let svg =
        drawing("{cwlVersion: v1.2, class: CommandLineTool, baseCommand: a, inputs: {x: File}, outputs: {y: stdout}}");
    let found = boxes(Document::parse(&svg).unwrap().root_element());
    let classes: Vec<_> = found.iter().map(|(_, class)| class.as_str()).collect();
    assert_eq!(classes, ["tool", "input", "output"]);
}

#[test]
fn a_chain_of_a_thousand_steps_is_drawn() {
    let mut text = "cwlVersion: v1.2\nclass: Workflow\ninputs: {x: Any}\noutputs: []\nsteps:\n".to_owned();
    for step in 0..1000 {
        let source = if step == 0 { "x".to_owned() } else { format!("s{}/y", step - 1) };
        text.push_str(&format!(
            "  s{step}: {{run: {{class: Operation, inputs: {{a: Any, b: Any}}, outputs: {{y: Any}}}}, in: {{a: {source}, b: x}}, \
             out: [y]}}\n"
        ));
    }
    let svg = drawing(&text);
    assert_eq!(boxes(Document::parse(&svg).unwrap().root_element()).len(), 1001);
}
