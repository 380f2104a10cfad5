//! The terms under which data were given: the Data Use Ontology of the GA4GH (DUO).

mod code;
mod matching;
mod purpose;

pub use code::{DataUse, DataUseError, OntologyCode, OntologyCodeError};
pub use matching::{MatchContext, TermVerdict, Use, match_use};
pub use purpose::{Declared, Disease, Purpose, ResearchKind};
