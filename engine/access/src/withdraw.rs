//! Withdrawals of consent: written down first, in force at the next decision, and a reason to stop what runs.

use jiff::Timestamp;
use sluis_model::{DatasetName, SubjectName};
use sluis_policy::Action;

use crate::{
    AccessError, Consent, Erasure, Permit, Refusal, Site, SubjectConsent,
    audit::Entry,
    decide::Found,
    decision::{day_of, withdrawn_since},
    error::Reason,
};

/// A dataset that lists a subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubjectListing {
    /// Which.
    pub dataset: DatasetName,
    /// Whether the subject's consent holds in it.
    pub consent_holds: bool,
}

impl Site {
    /// What a withdrawal would do: the datasets that list the subject, and what would be erased. Nothing is changed.
    ///
    /// # Errors
    /// If the caller may not withdraw, no dataset lists the subject, or the store cannot be read.
    pub fn plan_withdrawal(&self, subject: &SubjectName) -> Result<(Vec<SubjectListing>, Erasure), AccessError> {
        let listings = self.decide_withdrawal("plan-withdrawal", subject)?;
        Ok((listings, self.made_of(subject)?))
    }

    /// Writes down that a subject's consent was withdrawn today, in every dataset that lists them; gives these as they
    /// were before. From the next decision on nothing of theirs is used; [`Site::erase_subject`] erases what was made of
    /// it.
    ///
    /// # Errors
    /// If the caller may not, no dataset lists the subject, or it cannot be written down.
    pub fn withdraw(&self, subject: &SubjectName) -> Result<Vec<SubjectListing>, AccessError> {
        let listings = self.decide_withdrawal("withdraw-consent", subject)?;
        self.registry_folder().withdraw(subject, day_of(Timestamp::now()))?;
        Ok(listings)
    }

    fn decide_withdrawal(&self, name: &'static str, subject: &SubjectName) -> Result<Vec<SubjectListing>, AccessError> {
        let asked = self.asked(Action::Withdraw, self.as_resource(), None);
        let mut entry = Entry::new(name);
        entry.subjects = vec![subject.to_string()];
        let mut listings = Vec::new();
        self.decide(&asked, format!("withdraw the consent of {subject}"), entry, |basis, _| {
            let listed = basis.registry.datasets_of(subject);
            let listing = |(dataset, known): (&DatasetName, &SubjectConsent)| SubjectListing {
                dataset: dataset.clone(),
                consent_holds: known.consent == Consent::Given,
            };
            listings.extend(listed.map(listing));
            let unlisted = listings.is_empty().then(|| Reason {
                text: format!("no dataset of the registry lists the subject {subject}"),
                remedy: "check the pseudonym".to_owned(),
                policy: "listed-subject".to_owned(),
            });
            Ok(Found { reasons: unlisted.into_iter().collect(), ..Found::default() })
        })?;
        Ok(listings)
    }

    /// Whether what was permitted is still: no consent that it needs was taken back since. A refusal is written down.
    ///
    /// # Errors
    /// The refusal, or what kept it from being found out.
    pub fn still_permits(&self, permit: &Permit) -> Result<(), AccessError> {
        let registry = self.registry()?;
        let labels = permit.labels();
        let mut reasons: Vec<_> =
            labels.subjects.iter().filter_map(|subject| withdrawn_since(&registry, subject)).collect();
        for name in &labels.datasets {
            if registry.datasets.get(name).is_none_or(|dataset| dataset.consent != Consent::Given) {
                reasons.push(Reason {
                    text: format!("the consent for the dataset {name} was withdrawn"),
                    remedy: "the data may not be used any more".to_owned(),
                    policy: "consent-not-withdrawn".to_owned(),
                });
            }
        }
        if reasons.is_empty() {
            return Ok(());
        }
        let mut entry = Entry::new("end-permit");
        entry.permit = Some(permit.audit_record());
        entry.registry.clone_from(&registry.digest);
        entry.reasons = reasons.iter().map(|reason| reason.text.clone()).collect();
        self.audit().decide(&entry)?;
        Err(AccessError::Refused(Refusal { action: format!("go on under {permit}"), reasons }))
    }
}
