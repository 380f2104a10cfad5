//! Withdrawals of consent: written down first, and in force at the next decision.

use jiff::Timestamp;
use sluis_model::{DatasetName, SubjectName};
use sluis_policy::Action;

use crate::{
    AccessError, Consent, Erasure, Site, SubjectConsent, audit::Entry, decide::Found, decision::day_of, error::Reason,
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
}
