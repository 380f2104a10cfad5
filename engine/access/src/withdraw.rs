//! Withdrawals of consent: written down first, in force at the next decision, and a reason to stop what runs.

use jiff::Timestamp;
use sluis_model::{DatasetName, SubjectName};
use sluis_policy::Action;

use crate::{
    AccessError, Consent, Permit, Refusal, Site,
    audit::Entry,
    decide::Found,
    decision::{day_of, withdrawn_since},
    error::Reason,
};

impl Site {
    /// The datasets that list a subject, each with whether their consent holds in it.
    ///
    /// # Errors
    /// If there is no registry in force.
    pub fn listings_of(&self, subject: &SubjectName) -> Result<Vec<(DatasetName, bool)>, AccessError> {
        let registry = self.registry()?;
        let listed = registry.datasets_of(subject);
        Ok(listed.map(|(name, known)| (name.clone(), known.consent == Consent::Given)).collect())
    }

    /// Writes down that a subject's consent was withdrawn today, in every dataset that lists them. From the next
    /// decision on nothing of theirs is used; [`Site::erase_subject`] erases what was made of it.
    ///
    /// # Errors
    /// If the caller may not, no dataset lists the subject, or it cannot be written down.
    pub fn withdraw(&self, subject: &SubjectName) -> Result<(), AccessError> {
        let asked = self.asked(Action::Withdraw, self.as_resource(), None);
        let mut entry = Entry::new("withdraw-consent");
        entry.subjects = vec![subject.to_string()];
        self.decide(&asked, format!("withdraw the consent of {subject}"), entry, |basis, _| {
            let is_listed = basis.registry.datasets_of(subject).next().is_some();
            let unlisted = (!is_listed).then(|| Reason {
                text: format!("no dataset of the registry lists the subject {subject}"),
                remedy: "check the pseudonym".to_owned(),
                policy: "listed-subject".to_owned(),
            });
            Ok(Found { reasons: unlisted.into_iter().collect(), ..Found::default() })
        })?;
        self.registry_folder().withdraw(subject, day_of(Timestamp::now()))
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
