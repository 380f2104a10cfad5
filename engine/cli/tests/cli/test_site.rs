//! A site in a temporary folder, and the command that works on it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;
use sluis_executor_sandbox::images::Images;

/// The folder of the shipped workflows.
pub fn workflows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows")
}

/// The folder of the sandbox's images that tests share: each image is unpacked once.
pub fn images_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("images")
}

/// Sees to it that the tool image is there for whatever runs tools in containers on this machine.
pub fn provide_tool_image() {
    if sluis_containers::ensure("genomics").is_err() {
        provide_sandbox_image();
    }
}

/// The same for the sandbox.
pub fn provide_sandbox_image() {
    let images = Images::new(images_folder());
    let reference = sluis_containers::reference("genomics").unwrap();
    if images.find(&reference.name).unwrap() != reference.id {
        images.load(&sluis_containers::archive("genomics", &|_| ()).unwrap()).unwrap();
    }
}

pub struct TestSite {
    folder: tempfile::TempDir,
}

/// What a command printed and how it ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as JSON, of a command that must have succeeded.
    #[track_caller]
    pub fn json(&self) -> Json {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Checks how a command failed: its exit code, and what its message says.
    #[track_caller]
    pub fn failed(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        for text in says {
            assert!(self.err.contains(text), "expected `{text}` in: {}", self.err);
        }
    }
}

impl TestSite {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let site = Self { folder };
        assert_eq!(site.run(["init", "--country", "NL", "--allow-unencrypted-swap"]).code, Some(0));
        site
    }

    pub fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the site and gives its path as text.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluis"));
        command
            .args(arguments)
            .env("SLUIS_SITE", self.site())
            .env("TMPDIR", self.path("tmp"))
            .env("SLUIS_IMAGES", images_folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Runs a workflow given as text, without inputs.
    pub fn run_text(&self, workflow: &str) -> Ran {
        let path = self.write("workflow.cwl", workflow);
        self.run(["run", &path])
    }

    /// Changes a text in a file of the registry.
    pub fn edit_registry(&self, file: &str, from: &str, to: &str) {
        let path = self.site().join("registry").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// The file that holds the object's sealed body: the first line of its record names it.
    pub fn body(&self, address: &str) -> PathBuf {
        let hex = address.strip_prefix("b3:").unwrap();
        let store = self.site().join("store");
        let record = fs::read_to_string(store.join("objects").join(&hex[..2]).join(&hex[2..]).join("record")).unwrap();
        let body = record.lines().next().unwrap().strip_prefix("body ").unwrap();
        store.join("bodies").join(&body[..2]).join(&body[2..])
    }
}

/// Every address in an output object.
pub fn addresses(json: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect_addresses(json, &mut found);
    found
}

fn collect_addresses(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Object(fields) => {
            if let Some(location) = fields.get("location").and_then(Json::as_str) {
                found.push(location.to_owned());
            }
            fields.values().for_each(|field| collect_addresses(field, found));
        }
        Json::Array(items) => items.iter().for_each(|item| collect_addresses(item, found)),
        _ => {}
    }
}
