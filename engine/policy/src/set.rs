//! The set of policies: made once, asked often.

mod concerned;

use std::collections::BTreeMap;

use cedar_policy::{
    Authorizer, Decision, Entities, Policy as CedarPolicy, PolicySet as CedarSet, Request, Response, Schema, Validator,
};

use crate::{
    Applied, Duty, Effect, Explanation, Facts, PolicyDigest, PolicyError, PolicyId, PolicyProblem, PolicySummary,
    Reason, Verdict,
    fact_text::{self, FactText},
    load::{Source, load},
    policy::Policy,
    request::Types,
    set::concerned::Concerned,
    template::Named,
};

/// The schema: what policies can speak of.
const SCHEMA: &str = include_str!("../schema.cedarschema");

/// The policies that ship, by the names of their files.
const SHIPPED: [(&str, &str); 7] = [
    ("permits.cedar", include_str!("../policies/permits.cedar")),
    ("identity.cedar", include_str!("../policies/identity.cedar")),
    ("service.cedar", include_str!("../policies/service.cedar")),
    ("project.cedar", include_str!("../policies/project.cedar")),
    ("data.cedar", include_str!("../policies/data.cedar")),
    ("place.cedar", include_str!("../policies/place.cedar")),
    ("government.cedar", include_str!("../policies/government.cedar")),
];

/// Policies that are ready to decide. Threads share it.
#[derive(Debug)]
pub struct PolicySet {
    schema: Schema,
    types: Types,
    actions: Entities,
    authorizer: Authorizer,
    /// Every policy, for the tests that change one.
    #[cfg(test)]
    all: CedarSet,
    /// What decides, for each action and kind of principal.
    concerned: Concerned,
    /// The permits alone: beside a forbid, Cedar does not tell which of them applied.
    permits: CedarSet,
    policies: BTreeMap<PolicyId, Policy>,
    digest: PolicyDigest,
}

impl PolicySet {
    /// The policies that ship.
    ///
    /// # Errors
    /// [`PolicyError::Shipped`] if they are not right, which the tests of this crate rule out.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::with_extensions(&[])
    }

    /// The policies that ship, and those that a site adds: pairs of a file's name and its text. The site's may narrow,
    /// and may permit what nothing forbids; the policies that ship stay as they are.
    ///
    /// # Errors
    /// Everything that is wrong in the texts, with file, line and column. Then none of it is used.
    pub fn with_extensions(extensions: &[(&str, &str)]) -> Result<Self, PolicyError> {
        Self::of(&SHIPPED, extensions)
    }

    /// The texts by which is decided unless a site adds others, by the names of their files: first the schema, then the
    /// policies.
    pub fn shipped_texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        [("schema.cedarschema", SCHEMA)].into_iter().chain(SHIPPED)
    }

    fn of(shipped: &[(&str, &str)], extensions: &[(&str, &str)]) -> Result<Self, PolicyError> {
        let fault = |error: String| PolicyError::Shipped(error);
        let schema = Schema::from_cedarschema_str(SCHEMA).map_err(|error| fault(report(&error)))?.0;
        let mut found = Vec::new();
        for (name, text) in shipped.iter().copied() {
            let source = Source { name, text, shipped: true };
            found.extend(load(source, None).map_err(|wrong| fault(PolicyError::Invalid(wrong).to_string()))?);
        }
        let mut extensions = extensions.to_vec();
        extensions.sort_unstable();
        let validator = (!extensions.is_empty()).then(|| Validator::new(schema.clone()));
        let mut problems = wrong_names(&extensions);
        for (name, text) in extensions.iter().copied() {
            match load(Source { name, text, shipped: false }, validator.as_ref()) {
                Ok(more) => found.extend(more),
                Err(more) => problems.extend(more),
            }
        }
        if !problems.is_empty() {
            return Err(PolicyError::Invalid(problems));
        }
        let texts = [("schema.cedarschema", SCHEMA)].into_iter().chain(shipped.iter().copied()).chain(extensions);
        let digest = PolicyDigest::of(texts);
        Self::assemble(schema, found, digest).map_err(fault)
    }

    fn assemble(schema: Schema, found: Vec<(CedarPolicy, Policy)>, digest: PolicyDigest) -> Result<Self, String> {
        let set = |policies: Vec<CedarPolicy>| CedarSet::from_policies(policies).map_err(|error| error.to_string());
        let permits = found.iter().filter(|(_, policy)| policy.summary.effect == Effect::Permit);
        let permits = set(permits.map(|(cedar, _)| cedar.clone()).collect())?;
        let actions = schema.action_entities().map_err(|error| error.to_string())?;
        let (types, authorizer) = (Types::new()?, Authorizer::new());
        let every: Vec<_> = found.iter().map(|(cedar, _)| cedar.clone()).collect();
        let concerned = Concerned::new(&every, &types, &actions)?;
        let policies = found.into_iter().map(|(_, policy)| (policy.summary.id.clone(), policy)).collect();
        #[cfg(test)]
        let all = set(every)?;
        Ok(Self {
            schema,
            types,
            actions,
            authorizer,
            #[cfg(test)]
            all,
            concerned,
            permits,
            policies,
            digest,
        })
    }

    /// Which policies these are, for the audit log.
    pub const fn digest(&self) -> PolicyDigest {
        self.digest
    }

    /// What there is to know of each policy, in the order of their names.
    pub fn policies(&self) -> impl Iterator<Item = &PolicySummary> {
        self.policies.values().map(|policy| &policy.summary)
    }

    /// Decides. What is not permitted is refused, and so is what cannot be decided.
    pub fn decide(&self, facts: &Facts) -> Verdict {
        match self.types.request(facts, &self.schema, &self.actions) {
            Ok((request, entities)) => {
                let concerned = self.concerned.by(facts.action, &facts.principal);
                if let Some(joined) = concerned.joined().map(|set| self.ask(set, &request, &entities))
                    && joined.decision() == Decision::Allow
                    && joined.diagnostics().errors().next().is_none()
                {
                    return self.verdict(facts, &joined);
                }
                // Each by itself, to say what is against it.
                self.verdict(facts, &self.ask(&concerned.every, &request, &entities))
            }
            Err(mismatch) => refused(place_outside(facts).into_iter().chain([undecided(None, &mismatch)]).collect()),
        }
    }

    /// Decides, and says of each policy whether its condition held.
    pub fn explain(&self, facts: &Facts) -> Explanation {
        let verdict = self.decide(facts);
        let mut applied: Vec<PolicyId> = verdict.deciding.clone();
        if let Ok((request, entities)) = self.types.request(facts, &self.schema, &self.actions) {
            applied.extend(reasons_of(&self.ask(&self.permits, &request, &entities)));
        }
        let policies =
            self.policies().map(|policy| Applied { policy: policy.clone(), applied: applied.contains(&policy.id) });
        Explanation { policies: policies.collect(), verdict }
    }

    fn ask(&self, set: &CedarSet, request: &Request, entities: &Entities) -> Response {
        self.authorizer.is_authorized(request, set, entities)
    }

    /// Cedar's answer with its reasons. It leaves out a policy that it cannot evaluate, also a forbid; here that refuses.
    fn verdict(&self, facts: &Facts, response: &Response) -> Verdict {
        let mut reasons: Vec<Reason> = place_outside(facts).into_iter().collect();
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            reasons.push(undecided(Some(error.policy_id().as_ref()), &error.to_string()));
        }
        let mut deciding: Vec<_> = reasons_of(response).collect();
        deciding.sort();
        if response.decision() == Decision::Deny {
            let forbidding = deciding.iter().filter_map(|id| self.policies.get(id));
            reasons.extend(forbidding.flat_map(|policy| reasons_from(policy, facts)));
            if deciding.is_empty() {
                reasons.push(not_permitted(facts));
            }
        } else if reasons.is_empty() {
            return Verdict { allowed: true, deciding, reasons, duties: Duty::of(facts) };
        }
        refused(reasons)
    }
}

/// The whole chain of causes in one line.
fn report(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn reasons_of(response: &Response) -> impl Iterator<Item = PolicyId> + '_ {
    response.diagnostics().reason().map(|id| PolicyId::new(id.to_string()))
}

fn wrong_names(extensions: &[(&str, &str)]) -> Vec<PolicyProblem> {
    let problem = |file: &str, message: &str| {
        let help = Some("name each file once, with letters, digits, `-`, `_` and `.`".to_owned());
        PolicyProblem { file: file.to_owned(), line: 1, column: 1, message: message.to_owned(), help }
    };
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let odd = extensions.iter().filter(|(name, _)| name.is_empty() || !name.chars().all(plain));
    let odd = odd.map(|(name, _)| problem(name, "no file of policies is called so"));
    let twice = extensions.windows(2).filter(|two| two[0].0 == two[1].0);
    odd.chain(twice.map(|two| problem(two[0].0, "there are two files of this name"))).collect()
}

/// A refusal with these reasons.
fn refused(reasons: Vec<Reason>) -> Verdict {
    let mut deciding: Vec<_> = reasons.iter().map(|reason| reason.policy.clone()).collect();
    deciding.sort();
    deciding.dedup();
    Verdict { allowed: false, deciding, reasons, duties: Vec::new() }
}

/// The reasons that a policy gives: one for each thing concerned.
fn reasons_from(policy: &Policy, facts: &Facts) -> Vec<Reason> {
    let several = policy.reason.facts().find_map(|fact| match fact_text::value(fact, facts) {
        FactText::Each(items) if !items.is_empty() => Some((fact, items)),
        FactText::Each(_) | FactText::One(_) => None,
    });
    let reason = |one_of: Option<(usize, &str)>| {
        let mut named = Named::new();
        let text = policy.reason.fill(facts, one_of, &mut named);
        let remedy = policy.remedy.fill(facts, one_of, &mut named);
        let PolicySummary { id, promise, .. } = policy.summary.clone();
        Reason { policy: id, promise, text, remedy, facts: named }
    };
    match several {
        Some((fact, items)) => items.iter().map(|item| reason(Some((fact, item)))).collect(),
        None => vec![reason(None)],
    }
}

/// The one rule that stands outside of all policies, so that no text can undo it.
fn place_outside(facts: &Facts) -> Option<Reason> {
    (!facts.place.is_in_eu()).then(|| Reason {
        policy: PolicyId::new("no-place-outside-the-eu"),
        promise: "The data never leave the European Union, whatever any policy says.".to_owned(),
        text: format!("{} is not a place in the European Union", facts.place.code()),
        remedy: "name a place in the European Union".to_owned(),
        facts: Named::from([("place", facts.place.code().to_owned())]),
    })
}

fn not_permitted(facts: &Facts) -> Reason {
    Reason {
        policy: PolicyId::new("nothing-permits-it"),
        promise: "What is not allowed is refused.".to_owned(),
        text: format!("no policy permits `{}`", facts.action),
        remedy: "ask those who keep the policies of this site".to_owned(),
        facts: Named::from([("action", facts.action.to_string())]),
    }
}

fn undecided(policy: Option<&str>, error: &str) -> Reason {
    Reason {
        policy: PolicyId::new("cannot-be-decided"),
        promise: "What cannot be decided is refused.".to_owned(),
        text: format!("it cannot be decided: {}", error.split_whitespace().collect::<Vec<_>>().join(" ")),
        remedy: policy.map_or_else(
            || "report it: this is a fault of sluis".to_owned(),
            |policy| format!("have the policy {policy} mended by those who keep the policies of this site"),
        ),
        facts: Named::new(),
    }
}

#[cfg(test)]
#[path = "../tests/base/facts.rs"]
mod base;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
