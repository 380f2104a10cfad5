//! What is against taking data in, beside the policies: what nobody could find again, or that would leave too freely.

use sluis_model::{DatasetName, Labels};

use crate::{
    Registry,
    decision::{Asked, Basis},
    error::Reason,
};

/// What is missing in the labels of what is to come in.
pub(crate) fn against(registry: &Registry, labels: &Labels) -> Vec<Reason> {
    let of_nobody = labels.datasets.iter().filter(|name| lacks_subject(registry, name, labels));
    let mut reasons: Vec<_> = of_nobody.map(of_no_subject).collect();
    if labels.datasets.is_empty() {
        reasons.push(of_no_dataset());
    }
    reasons
}

/// Public data lie without a seal and leave without an approval, so who keeps the site says what is public. The one person
/// of a personal site keeps it.
pub(crate) fn against_public(basis: &Basis<'_>, keeping: &Asked<'_>, labels: &Labels) -> Vec<Reason> {
    let verdict = basis.verdict(keeping, &Labels::default(), Vec::new());
    if verdict.allowed {
        return Vec::new();
    }
    let public = labels.datasets.iter().map(|name| Reason {
        text: format!(
            "the dataset {name} is public: what is in it lies without a seal, and leaves without an approval"
        ),
        remedy: "have an administrator take it in, or name the dataset that it is of".to_owned(),
        policy: "administrator-keeps-the-site".to_owned(),
    });
    public.chain(verdict.reasons.into_iter().map(Reason::from)).collect()
}

/// Otherwise nobody could say what consent covers them.
fn of_no_dataset() -> Reason {
    Reason {
        text: "it is said of no dataset that the data are part of it".to_owned(),
        remedy: "name their dataset: --dataset NAME".to_owned(),
        policy: "labelled-data".to_owned(),
    }
}

/// Whether a dataset lists subjects, and none of those who are named.
fn lacks_subject(registry: &Registry, name: &DatasetName, labels: &Labels) -> bool {
    registry.datasets.get(name).is_some_and(|dataset| {
        let is_listed = |subject| dataset.subjects.contains_key(subject);
        !dataset.subjects.is_empty() && !labels.subjects.iter().any(is_listed)
    })
}

/// Otherwise a withdrawal would not find them.
fn of_no_subject(name: &DatasetName) -> Reason {
    Reason {
        text: format!("the dataset {name} lists subjects, and none of them is named whose data these are"),
        remedy: "name every subject whose data they are: --subject PSEUDONYM".to_owned(),
        policy: "listed-subject".to_owned(),
    }
}
