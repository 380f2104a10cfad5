//! Policy texts to policies: parsed, validated strictly against the schema, their annotations read.

mod nesting;

use cedar_policy::{Policy as CedarPolicy, PolicySet as CedarSet, ValidationMode, Validator};
use miette::Diagnostic;

use crate::{Effect, PolicyId, PolicyProblem, PolicySummary, error::position, policy::Policy, template::Template};

/// Longer texts are not read: no set of rules that people can oversee is as long.
const LONGEST: usize = 256 * 1024;

/// A file of policies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) shipped: bool,
}

/// Everything of a file, or what is wrong in it. Without a validator it is only parsed: what ships is validated by a test,
/// so that no start waits for it.
pub(crate) fn load(
    source: Source<'_>,
    validator: Option<&Validator>,
) -> Result<Vec<(CedarPolicy, Policy)>, Vec<PolicyProblem>> {
    if source.text.len() > LONGEST {
        return Err(vec![source.problem(0, format!("the text is longer than {LONGEST} bytes"), None)]);
    }
    if let Some(byte) = nesting::too_deep(source.text) {
        let message = "a policy has too many parts from here on, or a text does not end".to_owned();
        return Err(vec![source.problem(byte, message, Some("make several policies of it".to_owned()))]);
    }
    let set: CedarSet = source.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        errors.iter().map(|error| source.diagnostic(error)).collect::<Vec<_>>()
    })?;
    let mut problems = validator.map_or_else(Vec::new, |validator| source.validate(&set, validator));
    if set.num_of_templates() > 0 {
        problems.push(source.problem(
            0,
            "a policy has a slot (`?principal` or `?resource`)".to_owned(),
            Some("name whom or what it is about".to_owned()),
        ));
    }
    let mut policies: Vec<(CedarPolicy, Policy)> = Vec::new();
    for (place, policy) in source.in_order(&set) {
        match source.read(place, &policy) {
            Ok(read) if policies.iter().any(|(_, known)| known.summary.id == read.summary.id) => {
                let message = format!("there are two policies with the id `{}`", read.summary.id);
                problems.push(source.problem(place, message, Some("give each its own".to_owned())));
            }
            Ok(read) => policies.push((policy.new_id(cedar_policy::PolicyId::new(read.summary.id.as_str())), read)),
            Err(found) => problems.push(found),
        }
    }
    if problems.is_empty() { Ok(policies) } else { Err(problems) }
}

impl Source<'_> {
    fn validate(&self, set: &CedarSet, validator: &Validator) -> Vec<PolicyProblem> {
        let found = validator.validate(set, ValidationMode::Strict);
        let errors = found.validation_errors().map(|error| self.diagnostic(error));
        // A policy that can never apply, or a text that looks like another, is a mistake or worse.
        errors.chain(found.validation_warnings().map(|error| self.diagnostic(error))).collect()
    }

    fn problem(&self, byte: usize, message: String, help: Option<String>) -> PolicyProblem {
        let (line, column) = position(self.text, byte);
        PolicyProblem { file: self.name.to_owned(), line, column, message, help }
    }

    /// What Cedar says is wrong, at the place that it names first.
    fn diagnostic(&self, error: &dyn Diagnostic) -> PolicyProblem {
        let label = error.labels().and_then(|mut labels| labels.next());
        let byte = label.as_ref().map_or(0, |label| label.offset());
        let mut message = error.to_string();
        if let Some(more) = label.as_ref().and_then(|label| label.label()) {
            message = format!("{message}: {more}");
        }
        self.problem(byte, one_line(&message), error.help().map(|help| one_line(&help.to_string())))
    }

    /// The policies in the order of the text, each with the byte at which it begins.
    fn in_order(&self, set: &CedarSet) -> Vec<(usize, CedarPolicy)> {
        // Cedar names the policies of a text by their number: policy0, policy1 …
        let number = |policy: &CedarPolicy| policy.id().to_string().trim_start_matches("policy").parse::<usize>();
        let mut policies: Vec<_> = set.policies().cloned().collect();
        policies.sort_by_key(|policy| number(policy).unwrap_or(usize::MAX));
        let mut from = 0;
        let places = policies.into_iter().map(|policy| {
            // Cedar gives back the text that it read.
            let written = policy.to_cedar().unwrap_or_default();
            let place = self.text.get(from..).and_then(|rest| rest.find(&written)).map_or(from, |found| from + found);
            from = place + written.len();
            (place, policy)
        });
        places.collect()
    }

    fn read(&self, place: usize, policy: &CedarPolicy) -> Result<Policy, PolicyProblem> {
        let problem = |message| self.problem(place, message, None);
        let id = self.id(place, policy.annotation("id").unwrap_or_default()).map_err(problem)?;
        let reason = format!("the policy {id} forbids it");
        let reason = policy.annotation("reason").unwrap_or(&reason);
        let remedy = policy.annotation("remedy").unwrap_or("ask those who keep the policies of this site");
        let template = |of, text| Template::parse(text).map_err(|wrong| problem(format!("in @{of}: {wrong}")));
        let (reason, remedy) = (template("reason", reason)?, template("remedy", remedy)?);
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid => Effect::Forbid,
        };
        let promise = policy.annotation("promise").unwrap_or_default().to_owned();
        Ok(Policy { summary: PolicySummary { id, effect, shipped: self.shipped, promise }, reason, remedy })
    }

    /// A site's policies are named after their files, so that none can pass for one that ships.
    fn id(&self, place: usize, named: &str) -> Result<PolicyId, String> {
        let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        if !named.chars().all(plain) {
            return Err("an @id has letters, digits, `-`, `_` and `.`".to_owned());
        }
        let name = match (self.shipped, named) {
            (true, "") => return Err("a policy that ships has an @id".to_owned()),
            (true, named) => named.to_owned(),
            (false, "") => {
                let (line, column) = position(self.text, place);
                format!("{}:{line}:{column}", self.name)
            }
            (false, named) => format!("{}/{named}", self.name),
        };
        Ok(PolicyId::new(name))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
