//! What every shipped tool must state: the image exactly as the lock has it, its resources, its formats.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The shipped CWL documents in one folder below `workflows`, with their text.
fn documents(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("workflows").join(folder);
    let paths = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let documents = paths.filter(|path| path.extension().is_some_and(|extension| extension == "cwl"));
    documents.map(|path| (path.clone(), fs::read_to_string(path).unwrap_or_default())).collect()
}

#[test]
fn every_tool_pins_the_locked_image_and_states_its_resources() {
    let reference = sluis_containers::reference("genomics").unwrap();
    let pin = format!(
        "  DockerRequirement:\n    dockerPull: {}\n    dockerImageId: {}\n",
        reference.name,
        reference.id.unwrap()
    );
    let tools = documents("tools");
    assert!(tools.len() >= 16, "only {} tools", tools.len());
    for (path, text) in tools {
        assert!(text.contains(&pin), "{path:?} does not pin the image as containers/genomics/image.lock has it");
        for key in ["coresMin:", "coresMax:", "ramMin:"] {
            assert!(text.contains(key), "{path:?} states no {key}");
        }
    }
}

#[test]
fn no_other_document_names_an_image() {
    for (path, text) in documents("").into_iter().chain(documents("examples")) {
        assert!(!text.contains("DockerRequirement"), "{path:?}");
    }
}

#[test]
fn every_file_has_a_format_out_of_edam() {
    for (path, text) in documents("").into_iter().chain(documents("tools")) {
        let lines: Vec<_> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let kind = line.trim().strip_prefix("type: ").unwrap_or_default();
            if ["File", "File?", "File[]", "stdout"].contains(&kind) {
                let next = lines.get(index + 1).copied().unwrap_or_default().trim();
                assert!(next.starts_with("format: edam:format_"), "{path:?}, line {}", index + 1);
            }
        }
    }
}
