//! An institute: a site that trusts a real OpenID provider, and the people who use it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use jiff::{Timestamp, ToSpan, tz::Offset};
use serde_json::{Value as Json, json};
use sluis_identity::REFEDS_MFA;

use super::provider_process::ProviderProcess;
use crate::{
    test_site::{Ran, TestSite},
    wire::{Answer, Request, ask, header},
};

const INSTITUTIONS: &str = "\
institutions:
  maxima:
    description: The institute.
    trust: trusted
    networks: {campus: [0.0.0.0/0, '::/0']}
";

const PROJECTS: &str = "\
projects:
  neuroblastoma:
    purpose: research
    members: [anna, fred]
    datasets: [trial-7, genomes]
    from: '2020-01-01'
    until: '2090-01-01'
    approval: DAC-2026-014
    allowed-outputs: [figures, aggregate tables]
    data-use: {kind: health, ancestry: false}
";

const DATASETS: &str = "\
datasets:
  trial-7:
    description: Tumours of trial 7.
    consent: given
    consent-date: '2020-01-01'
    data-use: [HMB]
    subjects:
      P012: {consent: given, consent-date: '2020-01-01'}
      P013: {consent: given, consent-date: '2020-01-01'}
  genomes:
    description: Reference genomes.
    class: public
";

/// Anna's and Bob's training, as the registry has it: of ten days ago.
pub fn training() -> String {
    let completed = Offset::UTC.to_datetime(Timestamp::now()).date() - 10.days();
    let until = completed + 1.year() - 1.day();
    format!("training: [{{course: 'https://example.org/protection/1', completed: {completed}, until: {until}}}]")
}

/// What everybody is, beside a person of the institute whom the provider vouches for.
const PEOPLE: [(&str, &str); 6] = [
    ("anna", "TRAINING"),
    ("bob", "roles: [committee]\n    TRAINING"),
    ("carla", "roles: [steward]"),
    ("dave", "roles: [auditor]"),
    ("erin", "roles: [administrator]"),
    ("fred", "training: [{course: 'https://example.org/protection/1', completed: '2020-01-01', until: '2020-12-31'}]"),
];

/// The tool of most runs: the last line of what it reads.
pub const LAST_LINE: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [tail, -n, "1"]
inputs:
  reads: {type: File, inputBinding: {position: 1}}
  note: {type: string, default: none}
outputs:
  out: {type: stdout}
stdout: last.txt
"#;

/// The content of the subject's file. Nothing of it may be anywhere but in memory.
pub const READS: &str = ">read of P012\nGATTACAGATTACACATTAG\n";

/// The content of a public file.
pub const GENOME: &str = ">chr1\nACGT\n";

pub struct Institute {
    pub site: TestSite,
    pub provider: ProviderProcess,
}

fn has_network() -> bool {
    if_addrs::get_if_addrs().unwrap().iter().any(|interface| !interface.is_loopback())
}

impl Institute {
    pub fn new() -> Self {
        let institute = Self { site: TestSite::new(), provider: ProviderProcess::start() };
        institute.write_identity(60);
        let registry = institute.site.site().join("registry");
        let key = institute.recipient_key();
        let mut people = "people:\n".to_owned();
        for (name, more) in PEOPLE {
            let more = more.replace("TRAINING", &training());
            people.push_str(&format!(
                "  {name}:\n    issuer: '{}'\n    subject: '{}'\n    institution: maxima\n    {more}\n",
                institute.provider.address,
                subject(name)
            ));
        }
        people = people.replacen("training:", &format!("recipient: {key}\n    training:"), 1);
        for (file, text) in [
            ("institutions.yaml", INSTITUTIONS),
            ("people.yaml", &people),
            ("projects.yaml", PROJECTS),
            ("datasets.yaml", DATASETS),
        ] {
            fs::write(registry.join(file), text).unwrap();
        }
        institute
    }

    /// The same, with people who are logged in.
    pub fn with(names: &[&str]) -> Self {
        let institute = Self::new();
        names.iter().for_each(|name| institute.login(name));
        institute
    }

    /// The same, for tests in which data are used. A machine without an address but its own is in none of the institute's
    /// networks, where it is right to refuse all use of data: there these tests cannot show anything, and fail.
    pub fn with_network(names: &[&str]) -> Self {
        assert!(has_network(), "this test needs a network interface beside the loopback; an unused one will do");
        Self::with(names)
    }

    /// Trusts the provider, with clocks that may differ by so many seconds.
    pub fn write_identity(&self, skew: u32) {
        let path = self.site.site().join("site.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let kept = text.split("local-executor:").next().unwrap();
        let identity = format!(
            "local-executor: allow\nidentity:\n  http-on-loopback: true\n  clock-skew-seconds: {skew}\n  issuers:\n    \
             - {{issuer: '{}', client: sluis}}\n",
            self.provider.address
        );
        fs::write(&path, format!("{kept}{identity}")).unwrap();
    }

    /// Makes Anna's key pair outside of the site, and gives its public half as the registry has it.
    fn recipient_key(&self) -> String {
        let [sk, pk] = ["anna.sec", "anna.pub"].map(|name| self.site.path(name).display().to_string());
        assert_eq!(self.site.run(["crypt", "keygen", "--no-passphrase", "--sk", &sk, "--pk", &pk]).code, Some(0));
        fs::read_to_string(pk).unwrap().lines().nth(1).unwrap().to_owned()
    }

    /// The folder in which a person's programs keep their state.
    fn state(&self, name: &str) -> PathBuf {
        self.site.path(&format!("state-of-{name}"))
    }

    pub fn command_of(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.site.command(arguments);
        command.env("XDG_STATE_HOME", self.state(name));
        command
    }

    /// What a person runs.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.command_of(name, arguments).output().unwrap())
    }

    /// The same, which must succeed.
    #[track_caller]
    pub fn succeed(&self, name: &str, arguments: &[&str]) -> Ran {
        let ran = self.run(name, arguments);
        assert_eq!(ran.code, Some(0), "{name} {arguments:?}: {}", ran.err);
        ran
    }

    /// The one file of tokens of a person.
    pub fn token_file(&self, name: &str) -> PathBuf {
        let mut files = fs::read_dir(self.state(name).join("sluis/tokens")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "there is one issuer, and one file");
        file
    }

    /// Changes a field of a person's file of tokens.
    pub fn change_tokens(&self, name: &str, field: &str, value: &Json) {
        let path = self.token_file(name);
        let mut tokens: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        tokens[field] = value.clone();
        fs::write(&path, tokens.to_string()).unwrap();
    }

    /// Logs somebody in, as their browser does it.
    pub fn login(&self, name: &str) {
        self.set_claims(name, &json!({}));
        let ended = self.login_in_browser(name);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }

    /// What the provider says of a person who logs in now, with two factors, unless it is to say something else.
    pub fn set_claims(&self, name: &str, other: &Json) {
        let mut claims = json!({ "acr": REFEDS_MFA, "auth_time": Timestamp::now().as_second(), "name": "Anna Alba" });
        for (claim, value) in other.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        let path = format!("/users/{}", subject(name));
        self.browse("PUT", &format!("{}{path}", self.provider.address), "application/json", &claims.to_string());
    }

    /// Starts a login, opens the address that it prints, and goes where the provider leads to.
    pub fn login_in_browser(&self, name: &str) -> Ran {
        let mut login = Spoken::of(self.command_of(name, &["login"]));
        let address = login.line(|line| line.starts_with("http"));
        let form = format!("sub={}", subject(name));
        let answer = self.browse("POST", &address, "application/x-www-form-urlencoded", &form);
        let back = header(&answer.headers, "location").expect("the provider leads back").to_owned();
        assert_eq!(self.browse("GET", &back, "", "").status, 200);
        login.end()
    }

    /// Asks a server on this machine.
    pub fn browse(&self, method: &str, address: &str, kind: &str, body: &str) -> Answer {
        let rest = address.strip_prefix("http://").unwrap();
        let (server, path) = rest.split_once('/').unwrap();
        let mut request = Request::new(method, &format!("/{path}"), body.as_bytes());
        request.headers.push(("content-type".to_owned(), kind.to_owned()));
        let answer = ask(server.parse().unwrap(), &request).unwrap();
        assert!(answer.status < 400, "{method} {address}: {}", String::from_utf8_lossy(&answer.body));
        answer
    }

    /// Takes in a file of the subject's for the project, and gives its address.
    pub fn put(&self, name: &str, file: &str, text: &str, subject: &str) -> String {
        let path = self.site.write(file, text);
        let put = ["put", &path, "--dataset", "trial-7", "--subject", subject, "--project", "neuroblastoma"];
        self.succeed(name, &put).out.split_whitespace().next().unwrap().to_owned()
    }

    /// Takes a public file in, which is for who keeps the site; she becomes a trained member of the project for it.
    pub fn put_genome(&self) -> String {
        self.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [anna, fred, erin]");
        let trained = format!("roles: [administrator]\n    {}", training());
        self.site.edit_registry("people.yaml", "roles: [administrator]", &trained);
        let path = self.site.write("genome.fa", GENOME);
        let put = ["put", &path, "--dataset", "genomes", "--project", "neuroblastoma"];
        self.succeed("erin", &put).out.split_whitespace().next().unwrap().to_owned()
    }

    /// An input object for [`LAST_LINE`].
    pub fn job(&self, address: &str) -> String {
        let reads = json!({ "class": "File", "location": address });
        self.site.write("job.json", &json!({ "reads": reads, "note": "a value nobody else may know" }).to_string())
    }

    /// The records of the audit log with an action and a decision (`allow`, `deny`, or none for what was done).
    pub fn records(&self, action: &str, decision: Option<&str>) -> Vec<Json> {
        let text = fs::read_to_string(self.site.site().join("audit/log.jsonl")).unwrap();
        let bodies = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["body"].take());
        bodies.filter(|body| body["action"] == action && body["decision"].as_str() == decision).collect()
    }

    /// The newest of them.
    #[track_caller]
    pub fn last_record(&self, action: &str, decision: Option<&str>) -> Json {
        self.records(action, decision).pop().unwrap_or_else(|| panic!("there is no record {action} {decision:?}"))
    }
}

/// By what the provider knows a person.
pub fn subject(name: &str) -> String {
    format!("{name}-7f3a")
}

/// A command that is listened to while it runs.
pub struct Spoken {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Spoken {
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines, said: String::new() }
    }

    /// Waits until it says such a line.
    #[track_caller]
    pub fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended, and said: {}", self.said);
            self.said.push_str(&line);
            if wanted(line.trim_end()) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Waits until it ends, and gives all that it said.
    pub fn end(mut self) -> Ran {
        std::io::Read::read_to_string(&mut self.lines, &mut self.said).unwrap();
        let mut ran = Ran::of(&self.child.wait_with_output().unwrap());
        ran.err = self.said;
        ran
    }
}
