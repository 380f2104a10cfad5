//! The policies that ship, each changed in one place: a case notices it.

use serde_json::{Value, json};

use super::{
    super::{
        base::{allowed, allowed_service},
        cases::{ALLOWED, DENIED},
        *,
    },
    facts_for, outside,
};
use crate::Action;

/// The actions of the two groups of the schema.
const GROUPS: [(&str, &[Action]); 2] = [
    ("use_data", &[Action::Submit, Action::Read, Action::Export, Action::ViewProvenance, Action::Reanalyse]),
    ("govern", &[Action::Approve, Action::Refuse, Action::Withdraw, Action::Administer, Action::Audit]),
];

/// What every case asks for, what those of one policy ask for with every action, and what is allowed.
fn requests(policy: &PolicyId) -> Vec<Facts> {
    let own = DENIED.iter().filter(|case| case.policy == policy.as_str());
    let own = own.flat_map(|case| Action::ALL.map(|action| facts_for(case, action)));
    let denied = DENIED.iter().map(|case| facts_for(case, case.action)).chain(own);
    let edge = ALLOWED.iter().map(|(_, action, flip)| {
        let mut facts = allowed(*action);
        flip(&mut facts);
        facts
    });
    let plain = Action::ALL.into_iter().flat_map(|action| [allowed(action), allowed_service(action), outside(action)]);
    denied.chain(edge).chain(plain).collect()
}

/// The set with one policy put in place of another, or left out.
pub(super) fn mutated(set: &PolicySet, id: &PolicyId, mutate: impl Fn(Value) -> Option<Value>) -> PolicySet {
    let policies = set.policies.iter().filter_map(|(name, policy)| {
        let cedar = set.all.policy(&cedar_policy::PolicyId::new(name.as_str())).unwrap();
        let cedar = if name == id {
            CedarPolicy::from_json(Some(cedar.id().clone()), mutate(cedar.to_json().unwrap())?).unwrap()
        } else {
            cedar.clone()
        };
        Some((cedar, policy.clone()))
    });
    PolicySet::assemble(set.schema.clone(), policies.collect(), set.digest).unwrap()
}

fn json_of(set: &PolicySet, id: &PolicyId) -> Value {
    set.all.policy(&cedar_policy::PolicyId::new(id.as_str())).unwrap().to_json().unwrap()
}

/// The actions that a policy's head names, one by one.
fn scope(policy: &Value) -> Vec<Action> {
    let scope = &policy["action"];
    if scope["op"] == "All" {
        return Action::ALL.to_vec();
    }
    let several = scope["entities"].as_array().into_iter().flatten();
    let named = several.chain(scope.get("entity")).map(|entity| entity["id"].as_str().unwrap());
    let actions = named.flat_map(|name| {
        let group = GROUPS.iter().find(|(group, _)| *group == name).map(|(_, actions)| actions.to_vec());
        group.unwrap_or_else(|| Action::ALL.into_iter().filter(|action| action.name() == name).collect())
    });
    actions.collect()
}

/// The policy for these actions alone.
fn for_actions(mut policy: Value, actions: impl Iterator<Item = Action>) -> Value {
    let entities: Vec<_> = actions.map(|action| json!({ "type": "Action", "id": action.name() })).collect();
    policy["action"] = json!({ "op": "in", "entities": entities });
    policy
}

/// Every expression that comes of one when one operand of an `&&` or an `||` in it is dropped.
fn with_one_operand_less(expression: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    for operator in ["&&", "||"] {
        let operands = ["left", "right"].map(|side| expression.get(operator).and_then(|both| both.get(side)));
        found.extend(operands.into_iter().flatten().cloned());
    }
    let parts: Vec<(String, &Value)> = match expression {
        Value::Object(fields) => fields.iter().map(|(name, part)| (format!("/{}", escaped(name)), part)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, part)| (format!("/{index}"), part)).collect(),
        _ => Vec::new(),
    };
    for (place, part) in parts {
        found.extend(with_one_operand_less(part).into_iter().map(|less| {
            let mut whole = expression.clone();
            *whole.pointer_mut(&place).unwrap() = less;
            whole
        }));
    }
    found
}

/// A name as a step of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What the policy could be if one thing of it were different, and what that is.
fn mutants(policy: &Value) -> Vec<(String, Option<Value>)> {
    let mut found = vec![("left out".to_owned(), None)];
    let mut changed = |what: String, change: &dyn Fn(&mut Value)| {
        let mut other = policy.clone();
        change(&mut other);
        found.push((what, Some(other)));
    };
    let scope = scope(policy);
    for one in &scope {
        let others = || scope.iter().copied().filter(|other| other != one);
        changed(format!("not for {one}"), &|policy| *policy = for_actions(policy.take(), others()));
    }
    for (group, actions) in GROUPS.iter().filter(|(_, actions)| actions.len() < scope.len()) {
        changed(format!("for {group} only"), &|policy| *policy = for_actions(policy.take(), actions.iter().copied()));
    }
    let conditions = policy["conditions"].as_array().unwrap();
    if !conditions.is_empty() {
        changed("without its conditions".to_owned(), &|policy| policy["conditions"] = json!([]));
    }
    for (index, condition) in conditions.iter().enumerate() {
        changed(format!("turned round in {index}"), &|policy| {
            let kind = &mut policy["conditions"][index]["kind"];
            *kind = if *kind == "when" { json!("unless") } else { json!("when") };
        });
        changed(format!("without condition {index}"), &|policy| {
            policy["conditions"].as_array_mut().unwrap().remove(index);
        });
        for less in with_one_operand_less(&condition["body"]) {
            changed(format!("{less} in {index}"), &|policy| policy["conditions"][index]["body"] = less.clone());
        }
    }
    found
}

#[test]
fn no_policy_can_be_left_out_or_changed_unnoticed() {
    let set = PolicySet::shipped().unwrap();
    let (mut count, mut unnoticed) = (0, Vec::new());
    for policy in set.policies() {
        let requests = requests(&policy.id);
        let expected: Vec<_> = requests.iter().map(|facts| set.decide(facts)).collect();
        for (what, mutant) in mutants(&json_of(&set, &policy.id)) {
            let other = mutated(&set, &policy.id, |_| mutant.clone());
            count += 1;
            if requests.iter().zip(&expected).all(|(facts, expected)| other.decide(facts) == *expected) {
                unnoticed.push(format!("{} {what}", policy.id));
            }
        }
    }
    // A project that is not declared begins on the day 0, which is never to come: whether it is declared says no more.
    let [begun] = &unnoticed[..] else { panic!("nothing notices: {unnoticed:#?}") };
    assert!(begun.starts_with("project-has-begun {\"<\":") && begun.ends_with("\"from\"}}}} in 0"), "{begun}");
    assert!(count > 300, "{count}");
}

#[test]
fn each_operand_can_be_dropped() {
    let both = |left: Value, right: Value| json!({ "&&": { "left": left, "right": right } });
    let either = json!({ "||": { "left": 1, "right": 2 } });
    let found = with_one_operand_less(&json!({ "!": { "arg": both(either.clone(), json!(3)) } }));
    let whole = |arg: Value| json!({ "!": { "arg": arg } });
    let expected = [either, json!(3), both(json!(1), json!(3)), both(json!(2), json!(3))].map(whole);
    assert_eq!(found, expected);
}
