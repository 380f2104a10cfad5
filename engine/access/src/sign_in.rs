//! Logins in the audit log.

use std::fmt::Display;

use crate::{AccessError, Caller, Site, Verdict, audit::Entry};

impl Site {
    /// Writes down that somebody logged in, and which of their visas count.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub fn note_login(&self, caller: &Caller) -> Result<(), AccessError> {
        let mut entry = Entry::new("login");
        entry.decision = Some(Verdict::Allow);
        entry.caller =
            self.registry().map_or_else(|_| caller.name_without_registry(), |registry| caller.name(&registry));
        entry.facts.insert("multi-factor".to_owned(), caller.is_multi_factor().to_string());
        entry.facts.extend(caller.visas().into_iter().flat_map(|visas| visas.told(entry.at)));
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
