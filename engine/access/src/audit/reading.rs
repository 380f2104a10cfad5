//! Reading the log as a person does: that is decided, and written into it first.

use sluis_policy::Action;

use crate::{AccessError, Site, decide::Found};

use super::{AuditFilter, AuditProof, AuditRecord, Claim, Entry};

/// What a person reads the log for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditReading {
    /// To see all of it.
    List,
    /// To find some of it.
    Search,
    /// To hand it to another system.
    Export,
}

impl AuditReading {
    const fn action(self) -> &'static str {
        match self {
            Self::List => "list-audit",
            Self::Search => "search-audit",
            Self::Export => "export-audit",
        }
    }
}

impl Site {
    /// Decides whether the caller may read the audit log, and gives the records that the filter finds, up to the one of
    /// this decision.
    ///
    /// # Errors
    /// The refusal, or what kept the decision from being made or written down, or the log from being opened; a damaged
    /// record is an error of the iterator.
    pub fn read_audit(
        &self,
        reading: AuditReading,
        filter: AuditFilter,
    ) -> Result<impl Iterator<Item = Result<AuditRecord, AccessError>> + use<>, AccessError> {
        let mut entry = Entry::new(reading.action());
        entry.filter = filter.told();
        let last = self.decide_on_audit(entry)?;
        let records =
            self.audit().records()?.take_while(move |record| !matches!(record, Ok(one) if one.sequence() > last));
        let wanted = records.filter(move |record| !matches!(record, Ok(one) if !filter.finds(one)));
        Ok(wanted.map(|record| record.map_err(AccessError::from)))
    }

    /// Decides whether the caller may have a proof from the audit log, and makes it.
    ///
    /// # Errors
    /// As [`Site::read_audit`], and if there is no such record, or the log is damaged.
    pub fn prove_audit(&self, claim: Claim) -> Result<AuditProof, AccessError> {
        self.decide_on_audit(Entry::new("prove-audit"))?;
        Ok(self.audit().prove(claim)?)
    }

    fn decide_on_audit(&self, entry: Entry) -> Result<u64, AccessError> {
        let asked = self.asked(Action::Audit, self.as_resource(), None);
        let action = format!("{} of the site", entry.action);
        Ok(self.decide(&asked, action, entry, |_, _| Ok(Found::default()))?.position)
    }
}
