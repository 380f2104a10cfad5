//! What a project declares that it does with data.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::OntologyCode;

/// What a project said to a question. What it did not say is not known, and where that matters the answer is no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Declared {
    /// Yes.
    Yes,
    /// No.
    No,
    /// It said nothing.
    #[default]
    Nothing,
}

impl From<bool> for Declared {
    fn from(said: bool) -> Self {
        if said { Self::Yes } else { Self::No }
    }
}

/// What kind of research a project does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ResearchKind {
    /// Health, medical or biomedical research; on diseases, if it names them.
    Health,
    /// On the origins or ancestry of populations.
    Ancestry,
    /// Other research.
    Other,
    /// It said nothing.
    #[default]
    Undeclared,
}

/// A disease that is studied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disease {
    /// Its code.
    pub code: OntologyCode,
    /// The codes of all that it is a kind of, in the ontology that the caller uses.
    pub ancestors: BTreeSet<OntologyCode>,
}

/// What a project declares. By default nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Purpose {
    /// The project's name.
    pub project: String,
    /// The kind of its research.
    pub kind: ResearchKind,
    /// The diseases that it studies.
    pub diseases: Vec<Disease>,
    /// More on the kind of its research, in the words of the terms that it claims to meet (RS).
    pub research: BTreeSet<String>,
    /// Whether a commercial use is meant.
    pub commercial: Declared,
    /// Whether an organisation that takes part is for profit.
    pub for_profit: Declared,
    /// Whether methods are developed, as software or algorithms.
    pub methods_development: Declared,
    /// Whether ancestry or origins of populations are studied, be it beside other things.
    pub ancestry: Declared,
    /// Whether it is a genetic study.
    pub genetic: Declared,
    /// The last day of an ethics committee's approval, if there is one.
    pub ethics_approval_until: Option<Date>,
    /// With whom it collaborates.
    pub collaborates_with: BTreeSet<String>,
    /// Whether it publishes its results.
    pub publishes: Declared,
    /// Whether it gives derived data back.
    pub returns_data: Declared,
    /// The countries in which data are used, by their two-letter codes in capitals.
    pub countries: BTreeSet<String>,
    /// The institutions that take part.
    pub institutions: BTreeSet<String>,
    /// Who works on it.
    pub users: BTreeSet<String>,
}
