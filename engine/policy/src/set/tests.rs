//! The policies that ship, each against the fact that it is about.

use std::collections::BTreeSet;

use super::{
    base::{allowed, allowed_service},
    cases::{ALLOWED, Case, DENIED, SCOPES},
    *,
};
use crate::{Action, Place, TermVerdict, Use};

mod mutants;

fn facts_of(case: &Case) -> Facts {
    facts_for(case, case.action)
}

/// The facts of a case when another action is asked for.
fn facts_for(case: &Case, action: Action) -> Facts {
    let mut facts = (case.base)(action);
    (case.flip)(&mut facts);
    facts
}

fn names(verdict: &Verdict) -> Vec<&str> {
    verdict.deciding.iter().map(PolicyId::as_str).collect()
}

#[test]
fn everything_that_can_be_asked_for_is_allowed_when_everything_speaks_for_it() {
    let set = PolicySet::shipped().unwrap();
    for action in Action::ALL {
        let verdict = set.decide(&allowed(action));
        assert!(verdict.allowed, "{action}: {:?}", verdict.reasons);
        assert_eq!(verdict.deciding.len(), 1, "{action}: {:?}", verdict.deciding);
        assert_eq!(verdict.what_would_help(), Vec::<&str>::new());
    }
}

#[test]
fn one_fact_refuses_with_the_policy_that_it_concerns_and_no_other() {
    let set = PolicySet::shipped().unwrap();
    for case in DENIED {
        let base = (case.base)(case.action);
        assert!(set.decide(&base).allowed, "{}: the case before the change is refused", case.policy);
        let facts = facts_of(case);
        let verdict = set.decide(&facts);
        assert!(!verdict.allowed, "{} does not refuse", case.policy);
        assert_eq!(names(&verdict), [case.policy], "{:?}", verdict.reasons);
        let reason = &verdict.reasons[0];
        assert!(reason.text.contains(case.says), "{}: {}", case.policy, reason.text);
        assert!(!reason.promise.is_empty() && !reason.remedy.is_empty(), "{reason:?}");
        let explained = set.explain(&facts);
        assert_eq!(explained.verdict, verdict);
        let applied = explained.policies.iter().filter(|policy| policy.applied).map(|policy| policy.policy.effect);
        assert_eq!(applied.filter(|effect| *effect == Effect::Forbid).count(), 1, "{}", case.policy);
    }
}

#[test]
fn each_policy_that_ships_has_a_case() {
    let cases: BTreeSet<_> = DENIED.iter().map(|case| case.policy).collect();
    let set = PolicySet::shipped().unwrap();
    let forbids: BTreeSet<_> =
        set.policies().filter(|policy| policy.effect == Effect::Forbid).map(|policy| policy.id.as_str()).collect();
    let place = BTreeSet::from(["place-in-the-eu"]);
    assert_eq!(forbids.difference(&cases).copied().collect::<BTreeSet<_>>(), place);
    assert!(set.policies().all(|policy| policy.shipped && !policy.promise.is_empty()));
}

#[test]
fn what_is_at_the_edge_is_allowed() {
    let set = PolicySet::shipped().unwrap();
    for (name, action, flip) in ALLOWED {
        let mut facts = allowed(*action);
        flip(&mut facts);
        let verdict = set.decide(&facts);
        assert!(verdict.allowed, "{name}: {:?}", verdict.reasons);
    }
}

#[test]
fn duties_come_with_what_is_allowed_and_with_nothing_else() {
    let set = PolicySet::shipped().unwrap();
    let mut facts = allowed(Action::Submit);
    let reason = "the project publishes its results".to_owned();
    let verdict = Use::Duty("publish the results".to_owned());
    facts.datasets[0].terms = vec![TermVerdict { term: "PUB".to_owned(), verdict, reason }];
    let told: Vec<_> = set.decide(&facts).duties.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["publish the results (PUB of the dataset trial-7)"]);
    assert_eq!(set.explain(&facts).verdict.duties.len(), 1);
    facts.datasets[0].granted = false;
    assert_eq!(set.decide(&facts).duties, []);
    facts.datasets[0].public = true;
    assert_eq!(set.decide(&facts).duties, [], "public data have no terms");
}

#[test]
fn everything_that_is_against_a_request_is_said() {
    let set = PolicySet::shipped().unwrap();
    let base = allowed(Action::Submit);
    let mut facts = base.clone();
    let flips = DENIED.iter().filter(|case| case.action == Action::Submit && (case.base)(Action::Submit) == base);
    for case in flips.filter(|case| !["declared-project", "declared-dataset"].contains(&case.policy)) {
        (case.flip)(&mut facts);
    }
    let verdict = set.decide(&facts);
    assert!(names(&verdict).len() > 9, "{:?}", verdict.deciding);
    assert_eq!(verdict.what_would_help().len(), verdict.deciding.len(), "{:?}", verdict.what_would_help());
}

fn outside(action: Action) -> Facts {
    let mut facts = allowed(action);
    facts.place = Place::named("europe-west2");
    facts.allowed_places.push("europe-west2".to_owned());
    facts
}

#[test]
fn a_policy_speaks_for_each_of_its_actions_and_for_no_other() {
    let set = PolicySet::shipped().unwrap();
    for case in DENIED {
        let (.., actions) = SCOPES.iter().find(|(name, _)| *name == case.policy).unwrap();
        for action in Action::ALL {
            let verdict = set.decide(&facts_for(case, action));
            let speaks = names(&verdict).contains(&case.policy);
            assert_eq!(speaks, actions.contains(&action), "{} for {action}: {:?}", case.policy, verdict.reasons);
        }
    }
    let names: BTreeSet<_> = SCOPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, DENIED.iter().map(|case| case.policy).collect());
}

#[test]
fn a_place_outside_of_the_eu_is_refused_with_and_without_its_policy() {
    let set = PolicySet::shipped().unwrap();
    let without = mutants::mutated(&set, &PolicyId::new("place-in-the-eu"), |_| None);
    for action in Action::ALL {
        assert_eq!(names(&set.decide(&outside(action))), ["no-place-outside-the-eu", "place-in-the-eu"]);
        assert_eq!(names(&without.decide(&outside(action))), ["no-place-outside-the-eu"]);
    }
}

#[test]
fn without_permits_everything_is_refused() {
    let set = PolicySet::of(&SHIPPED[1..], &[]).unwrap();
    for action in Action::ALL {
        let verdict = set.decide(&allowed(action));
        assert_eq!(names(&verdict), ["nothing-permits-it"]);
        assert_eq!(verdict.reasons[0].text, format!("no policy permits `{action}`"));
    }
}

#[test]
fn what_ships_is_valid() {
    let schema = Schema::from_cedarschema_str(SCHEMA).unwrap().0;
    let validator = Validator::new(schema);
    for (name, text) in SHIPPED {
        let found = load(Source { name, text, shipped: true }, Some(&validator));
        assert!(found.as_ref().is_ok_and(|found| !found.is_empty()), "{found:?}");
    }
    let unknown = "@id(\"x\") forbid (principal, action, resource) when { context.unknown };";
    let found = load(Source { name: "x.cedar", text: unknown, shipped: true }, Some(&validator));
    assert!(found.is_err_and(|problems| !problems.is_empty()));
}

#[test]
fn an_action_has_the_place_that_its_policies_have() {
    assert!(Action::ALL.into_iter().enumerate().all(|(place, action)| action as usize == place));
}

#[test]
fn a_program_is_refused_what_is_for_people_and_nothing_else() {
    let set = PolicySet::shipped().unwrap();
    for action in Action::ALL {
        let verdict = set.decide(&allowed_service(action));
        assert_eq!(!verdict.allowed, action.is_for_people(), "{action}: {:?}", verdict.reasons);
        assert!(verdict.allowed || names(&verdict) == ["people-decide"], "{action}: {:?}", verdict.reasons);
    }
}

#[test]
fn leaving_out_what_cannot_apply_changes_nothing() {
    let extension = r#"
        forbid (principal is Service, action in [Action::"read", Action::"govern"], resource);
        forbid (principal in Person::"anna", action == Action::"audit", resource);
        forbid (principal == Person::"anna", action in Action::"submit", resource);
    "#;
    for set in [PolicySet::shipped().unwrap(), PolicySet::with_extensions(&[("a.cedar", extension)]).unwrap()] {
        let actions = Action::ALL.into_iter().flat_map(|action| [allowed(action), allowed_service(action)]);
        for facts in DENIED.iter().map(facts_of).chain([outside(Action::Submit)]).chain(actions) {
            let (request, entities) = set.types.request(&facts, &set.schema, &set.actions).unwrap();
            let all = set.verdict(&facts, &set.ask(&set.all, &request, &entities));
            assert_eq!(set.decide(&facts), all, "{:?}", facts.action);
        }
    }
}
