//! The policies that can apply to an action and a kind of principal at all.
//!
//! Cedar evaluates every policy of a set for every request. Most name in their head the actions and principals that they
//! are about, so that the others need not be asked.

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PolicySet as CedarSet, PrincipalConstraint,
};

use crate::{Action, Principal, request::Types};

/// For each action, in the order of [`Action::ALL`], the policies for a person and for a service.
#[derive(Debug)]
pub(super) struct Concerned(Vec<[CedarSet; 2]>);

impl Concerned {
    /// Sorts policies by what their heads say. What is in doubt stays in.
    ///
    /// # Errors
    /// If two have the same name.
    pub(super) fn new(policies: &[Policy], types: &Types, actions: &Entities) -> Result<Self, String> {
        let for_action = |action: Action| {
            let action = types.action(action);
            let set = |kind: &EntityTypeName| {
                let concerned = policies.iter().filter(|policy| about_action(policy, &action, actions));
                let concerned = concerned.filter(|policy| about_principal(policy, kind));
                CedarSet::from_policies(concerned.cloned()).map_err(|error| error.to_string())
            };
            Ok([set(&types.person)?, set(&types.service)?])
        };
        Action::ALL.into_iter().map(for_action).collect::<Result<_, String>>().map(Self)
    }

    /// The policies for an action and a principal.
    pub(super) fn by(&self, action: Action, principal: &Principal) -> &CedarSet {
        let [person, service] = &self.0[action as usize];
        match principal {
            Principal::Person(..) => person,
            Principal::Service { .. } => service,
        }
    }
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
