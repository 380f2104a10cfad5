//! Logins in the audit log.

use std::fmt::Display;

use sluis_identity::VerifiedIdentity;

use crate::{AccessError, Caller, Site, Verdict, audit::Entry};

impl Site {
    /// Writes down that somebody logged in.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub fn note_login(&self, identity: &VerifiedIdentity) -> Result<(), AccessError> {
        let caller = Caller::verified(identity);
        let mut entry = Entry::new("login");
        entry.decision = Some(Verdict::Allow);
        entry.caller =
            self.registry().map_or_else(|_| caller.name_without_registry(), |registry| caller.name(&registry));
        entry.facts.insert("multi-factor".to_owned(), identity.mfa().to_string());
        self.audit().decide(&entry).map(drop)
    }

    /// Writes down that somebody showed tokens that are refused, and why. The tokens stay out of it.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub fn note_failed_login(&self, why: &dyn Display) -> Result<(), AccessError> {
        let mut entry = Entry::new("login");
        entry.decision = Some(Verdict::Deny);
        entry.caller = Caller::nobody().name_without_registry();
        entry.reasons = vec![why.to_string()];
        self.audit().decide(&entry).map(drop)
    }
}
