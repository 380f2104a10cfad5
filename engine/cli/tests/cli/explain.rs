//! What a run did, would do and why: `explain`, `plan`, `report` and the trace.
//!
//! Each file in `explain/` is what `sluis explain` printed for one cause, which a real run brought about; identifiers,
//! addresses, times and sizes of the machine are replaced by names. `SLUIS_GOLDEN=write` writes them anew.

mod by_hand;
mod failed;
mod golden;
mod plan;
mod ran;
mod report;
mod waiting;

use std::fs;

pub use golden::golden;

use crate::test_site::{Ran, TestSite};

/// A tool that runs a shell script without inputs; `rest` are more fields of the document.
fn script(script: &str, rest: &str) -> String {
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c]\narguments: [{}]\ninputs: []\n{rest}",
        serde_json::Value::from(script)
    )
}

impl TestSite {
    /// The identifier of the newest run.
    fn newest_run(&self) -> String {
        // Identifiers tell only the second.
        let changed =
            |run: &fs::DirEntry| fs::metadata(run.path().join("journal.jsonl")).and_then(|facts| facts.modified());
        let runs = fs::read_dir(self.site().join("runs")).unwrap().map(Result::unwrap);
        let newest = runs.filter_map(|run| Some((changed(&run).ok()?, run.file_name()))).max().unwrap();
        newest.1.into_string().unwrap()
    }

    fn explain(&self, step: &str) -> Ran {
        self.run(["explain", &self.newest_run(), step])
    }

    /// What is said of a step of the newest run is what stands in the file.
    #[track_caller]
    fn explains(&self, step: &str, file: &str) {
        let ran = self.explain(step);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        golden(file, &ran.out.replace(&self.path("").display().to_string(), "FOLDER/"));
    }

    /// Adds lines to the site's settings.
    fn set(&self, lines: &str) {
        let path = self.site().join("site.yaml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{lines}")).unwrap();
    }

    /// Runs a document with inputs given as text, and how that ended.
    fn run_with(&self, workflow: &str, inputs: &str) -> Ran {
        let workflow = self.write("workflow.cwl", workflow);
        let inputs = self.write("inputs.yml", inputs);
        self.run(["run", &workflow, &inputs])
    }

    /// The same, which must succeed.
    #[track_caller]
    fn done_with(&self, workflow: &str, inputs: &str) {
        let ran = self.run_with(workflow, inputs);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
}
