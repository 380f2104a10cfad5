//! The policies that can apply to an action and a kind of principal at all, also all of what forbids in one.
//!
//! Cedar evaluates every policy of a set for every request. Most name in their head the actions and principals that they
//! are about, so that the others need not be asked. And most requests are allowed: of what forbids it is enough to know
//! then that nothing of it applies, which one policy tells that has all of their conditions, joined by `||`.

use std::sync::OnceLock;

use cedar_policy::{
    ActionConstraint, Effect, Entities, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet as CedarSet,
    PrincipalConstraint, ResourceConstraint,
};
use serde_json::{Value, json};

use crate::{Action, Principal, request::Types};

/// The policies for an action and a kind of principal.
#[derive(Debug)]
pub(super) struct Sets {
    /// Each by itself.
    pub(super) every: CedarSet,
    /// The same, with what forbids joined; made when it is first asked for, since a process asks for few of them.
    joined: OnceLock<Option<CedarSet>>,
}

/// For each action, in the order of [`Action::ALL`], the policies for a person and for a service.
#[derive(Debug)]
pub(super) struct Concerned(Vec<[Sets; 2]>);

impl Concerned {
    /// Sorts policies by what their heads say. What is in doubt stays in.
    ///
    /// # Errors
    /// If two have the same name.
    pub(super) fn new(policies: &[Policy], types: &Types, actions: &Entities) -> Result<Self, String> {
        let for_action = |action: Action| {
            let action = types.action(action);
            let sets = |kind: &EntityTypeName| {
                let concerned = policies.iter().filter(|policy| about_action(policy, &action, actions));
                let every = CedarSet::from_policies(concerned.filter(|policy| about_principal(policy, kind)).cloned());
                Ok::<_, String>(Sets { every: every.map_err(|error| error.to_string())?, joined: OnceLock::new() })
            };
            Ok([sets(&types.person)?, sets(&types.service)?])
        };
        Action::ALL.into_iter().map(for_action).collect::<Result<_, String>>().map(Self)
    }

    /// The policies for an action and a principal.
    pub(super) fn by(&self, action: Action, principal: &Principal) -> &Sets {
        let [person, service] = &self.0[action as usize];
        match principal {
            Principal::Person(..) => person,
            Principal::Service { .. } => service,
        }
    }
}

impl Sets {
    /// One set that allows without an error if and only if each policy by itself does; `None` if they cannot be joined,
    /// and then each has to be asked.
    pub(super) fn joined(&self) -> Option<&CedarSet> {
        self.joined.get_or_init(|| join(&self.every).ok()).as_ref()
    }
}

fn join(every: &CedarSet) -> Result<CedarSet, String> {
    let (forbids, mut joined): (Vec<_>, Vec<_>) = every.policies().cloned().partition(is_by_conditions_alone);
    let conditions = forbids.iter().map(condition).collect::<Result<Vec<_>, _>>()?;
    if let Some(all) = any_of(&conditions) {
        joined.push(forbid_when(&all)?);
    }
    CedarSet::from_policies(joined).map_err(|error| error.to_string())
}

/// Whether a policy forbids, and whom and what it is about is settled by what its action and kind of principal are.
fn is_by_conditions_alone(policy: &Policy) -> bool {
    let principal = matches!(policy.principal_constraint(), PrincipalConstraint::Any | PrincipalConstraint::Is(_));
    let resource = matches!(policy.resource_constraint(), ResourceConstraint::Any);
    policy.effect() == Effect::Forbid && principal && resource
}

/// What holds if the policy applies: every `when`, and no `unless`, in their order.
fn condition(policy: &Policy) -> Result<Value, String> {
    let policy = policy.to_json().map_err(|error| error.to_string())?;
    let conditions = policy.get("conditions").and_then(Value::as_array).ok_or("a policy has no conditions")?;
    let mut all: Option<Value> = None;
    for condition in conditions {
        let body = condition.get("body").cloned().ok_or("a condition has no body")?;
        let holds = match condition.get("kind").and_then(Value::as_str) {
            Some("when") => body,
            Some("unless") => json!({ "!": { "arg": body } }),
            _ => return Err("a condition is neither `when` nor `unless`".to_owned()),
        };
        all = Some(match all {
            Some(before) => json!({ "&&": { "left": before, "right": holds } }),
            None => holds,
        });
    }
    Ok(all.unwrap_or_else(|| json!({ "Value": true })))
}

/// Whether any of these holds; halves of halves, so that it is not nested deeply.
fn any_of(conditions: &[Value]) -> Option<Value> {
    match conditions {
        [] => None,
        [only] => Some(only.clone()),
        several => {
            let (left, right) = several.split_at(several.len() / 2);
            Some(json!({ "||": { "left": any_of(left)?, "right": any_of(right)? } }))
        }
    }
}

fn forbid_when(condition: &Value) -> Result<Policy, String> {
    let policy = json!({
        "effect": "forbid", "principal": { "op": "All" }, "action": { "op": "All" }, "resource": { "op": "All" },
        "conditions": [{ "kind": "when", "body": condition }],
    });
    Policy::from_json(Some(PolicyId::new("everything that forbids")), policy).map_err(|error| error.to_string())
}

fn about_action(policy: &Policy, action: &EntityUid, actions: &Entities) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *action,
        ActionConstraint::In(groups) => {
            groups.iter().any(|group| actions.is_ancestor_of(group, action) || group == action)
        }
    }
}

fn about_principal(policy: &Policy, kind: &EntityTypeName) -> bool {
    match policy.principal_constraint() {
        PrincipalConstraint::Is(only) | PrincipalConstraint::IsIn(only, _) => only == *kind,
        PrincipalConstraint::Any | PrincipalConstraint::In(_) | PrincipalConstraint::Eq(_) => true,
    }
}
