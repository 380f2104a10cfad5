//! Terms compared with what a project declares.

use std::collections::BTreeSet;

use jiff::{ToSpan, civil::Date};
use serde::Serialize;

use super::{DataUse, Declared, OntologyCode, Purpose, ResearchKind};

/// What else the comparison needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatchContext {
    /// The day of the comparison.
    pub today: Date,
    /// The day on which the data were released to projects, if it is known.
    pub released: Option<Date>,
}

/// Whether a use keeps to a term.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// It does.
    Met,
    /// It does not.
    NotMet,
    /// That cannot be told from what the project declares.
    Abstain,
    /// It does as long as the project does this.
    Duty(String),
}

/// What comes of one term.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TermVerdict {
    /// The term as it is written.
    pub term: String,
    /// What comes of it.
    pub verdict: Use,
    /// Why.
    pub reason: String,
}

/// Compares each of a dataset's terms with a project's purpose. [`Use::NotMet`] and [`Use::Abstain`] refuse the use;
/// nothing here grants one, which only a data access committee's approval does.
///
/// Each term has to be met, with two exceptions. Of several diseases (DS) any will do for each disease that the project
/// studies. And clinical care (CC) gives nothing for research: alone it refuses, beside another permission it says
/// nothing.
pub fn match_use(terms: &[DataUse], purpose: &Purpose, context: MatchContext) -> Vec<TermVerdict> {
    let matching = Matching { terms, purpose, context };
    let verdicts = terms.iter().map(|term| {
        let (verdict, reason) = matching.verdict(term);
        TermVerdict { term: term.to_string(), verdict, reason }
    });
    verdicts.collect()
}

type Found = (Use, String);

fn met(reason: impl Into<String>) -> Found {
    (Use::Met, reason.into())
}

fn not_met(reason: impl Into<String>) -> Found {
    (Use::NotMet, reason.into())
}

fn abstain(reason: impl Into<String>) -> Found {
    (Use::Abstain, reason.into())
}

struct Matching<'a> {
    terms: &'a [DataUse],
    purpose: &'a Purpose,
    context: MatchContext,
}

impl Matching<'_> {
    fn verdict(&self, term: &DataUse) -> Found {
        let purpose = self.purpose;
        match term {
            DataUse::NoRestriction => met("any use is allowed"),
            DataUse::GeneralResearch => self.general(),
            DataUse::HealthResearch => self.health(),
            DataUse::DiseaseResearch(_) => self.disease(),
            DataUse::AncestryResearch => self.ancestry_only(),
            DataUse::ClinicalCare => self.clinical_care(),
            DataUse::ResearchOf(kind) => self.research_of(kind),
            DataUse::NoMethodsDevelopment => {
                never(purpose.methods_development, "develops methods", "develops no methods")
            }
            DataUse::GeneticStudiesOnly => always(purpose.genetic, "is a genetic study", "is not a genetic study"),
            DataUse::NotForProfitNonCommercial => both(not_for_profit(purpose), non_commercial(purpose)),
            DataUse::NotForProfit => not_for_profit(purpose),
            DataUse::NonCommercial => non_commercial(purpose),
            DataUse::NoAncestryResearch => self.no_ancestry(),
            DataUse::Publication => {
                duty(purpose.publishes, "publishes its results", "publishes no results", "publish the results")
            }
            DataUse::ReturnOfData => duty(
                purpose.returns_data,
                "gives derived data back",
                "gives no derived data back",
                "give derived data back",
            ),
            DataUse::Moratorium(months) => self.moratorium(*months),
            DataUse::Collaboration(with) => self.collaboration(with),
            DataUse::EthicsApproval => self.ethics(),
            DataUse::Until(day) => self.until(*day),
            DataUse::Countries(allowed) => within(&purpose.countries, allowed, "countries"),
            DataUse::Users(allowed) => within(&purpose.users, allowed, "users"),
            DataUse::Institutions(allowed) => within(&purpose.institutions, allowed, "institutions"),
            DataUse::Project(only) if *only == purpose.project => met(format!("it is the project {only}")),
            DataUse::Project(only) => {
                not_met(format!("only the project {only} may use the data, this is {}", purpose.project))
            }
        }
    }

    fn general(&self) -> Found {
        match self.purpose.kind {
            ResearchKind::Undeclared => undeclared_kind(),
            _ => met("any research is allowed"),
        }
    }

    fn health(&self) -> Found {
        match self.purpose.kind {
            ResearchKind::Health => {
                let found = self.no_ancestry();
                if found.0 == Use::Met { met("the project does health research") } else { found }
            }
            ResearchKind::Ancestry | ResearchKind::Other => not_met("the project does not do health research"),
            ResearchKind::Undeclared => undeclared_kind(),
        }
    }

    /// Each disease that is studied has to be one of those allowed, or a kind of one.
    fn disease(&self) -> Found {
        let purpose = self.purpose;
        let allowed: BTreeSet<&OntologyCode> = self
            .terms
            .iter()
            .filter_map(|term| match term {
                DataUse::DiseaseResearch(code) => Some(code),
                _ => None,
            })
            .collect();
        match purpose.kind {
            ResearchKind::Undeclared => return undeclared_kind(),
            ResearchKind::Ancestry | ResearchKind::Other => {
                return not_met("the project does not do research on a disease");
            }
            ResearchKind::Health if purpose.diseases.is_empty() => {
                return abstain("the project does not declare which diseases it studies");
            }
            ResearchKind::Health => {}
        }
        let is_allowed = |code: &OntologyCode| allowed.contains(code);
        let outside = purpose
            .diseases
            .iter()
            .find(|disease| !is_allowed(&disease.code) && !disease.ancestors.iter().any(is_allowed));
        let names = allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match outside {
            Some(disease) => not_met(format!("the project studies {}, which is no kind of {names}", disease.code)),
            None => met(format!("all diseases that the project studies are kinds of {names}")),
        }
    }

    fn ancestry_only(&self) -> Found {
        match self.purpose.kind {
            ResearchKind::Ancestry => met("the project studies ancestry"),
            ResearchKind::Health | ResearchKind::Other => not_met("the project studies something else than ancestry"),
            ResearchKind::Undeclared => undeclared_kind(),
        }
    }

    fn no_ancestry(&self) -> Found {
        if self.purpose.kind == ResearchKind::Ancestry {
            return not_met("the project studies ancestry");
        }
        never(self.purpose.ancestry, "studies ancestry", "does not study ancestry")
    }

    fn clinical_care(&self) -> Found {
        let permits = |term: &DataUse| {
            matches!(
                term,
                DataUse::NoRestriction
                    | DataUse::GeneralResearch
                    | DataUse::HealthResearch
                    | DataUse::DiseaseResearch(_)
                    | DataUse::AncestryResearch
            )
        };
        if self.terms.iter().any(permits) {
            return met("clinical care says nothing of research; the dataset's other terms do");
        }
        not_met("the data may be used for clinical care only, and projects do research")
    }

    fn research_of(&self, kind: &str) -> Found {
        if self.purpose.research.contains(kind) {
            return met(format!("the project declares the research `{kind}`"));
        }
        abstain(format!("the project does not declare the research `{kind}`"))
    }

    fn collaboration(&self, with: &str) -> Found {
        if self.purpose.collaborates_with.contains(with) {
            return met(format!("the project collaborates with {with}"));
        }
        not_met(format!("the project does not collaborate with {with}"))
    }

    fn ethics(&self) -> Found {
        match self.purpose.ethics_approval_until {
            Some(day) if day >= self.context.today => met(format!("an ethics committee's approval holds until {day}")),
            Some(day) => not_met(format!("the ethics committee's approval ended on {day}")),
            None => not_met("the project has no approval of an ethics committee"),
        }
    }

    fn until(&self, day: Date) -> Found {
        if self.context.today <= day {
            return met(format!("the data may be used until {day}"));
        }
        not_met(format!("the data could be used until {day}, today is {}", self.context.today))
    }

    fn moratorium(&self, months: u32) -> Found {
        let Some(released) = self.context.released else {
            let what = format!("publish no results until {months} months after the release of the data");
            return (Use::Duty(what), "it is not known when the data were released".to_owned());
        };
        // The number of months is bounded where it is read; a day beyond the calendar is never reached.
        match released.checked_add(i64::from(months).months()) {
            Ok(end) if end <= self.context.today => met(format!("the moratorium ended on {end}")),
            Ok(end) => {
                (Use::Duty(format!("publish no results before {end}")), format!("the data were released on {released}"))
            }
            Err(_) => (Use::Duty("publish no results".to_owned()), format!("the data were released on {released}")),
        }
    }
}

fn undeclared_kind() -> Found {
    abstain("the project does not declare what kind of research it does")
}

fn never(said: Declared, what: &str, instead: &str) -> Found {
    match said {
        Declared::Yes => not_met(format!("the project {what}")),
        Declared::No => met(format!("the project {instead}")),
        Declared::Nothing => abstain(format!("the project does not declare whether it {what}")),
    }
}

fn always(said: Declared, what: &str, instead: &str) -> Found {
    match said {
        Declared::Yes => met(format!("the project {what}")),
        Declared::No => not_met(format!("the project {instead}")),
        Declared::Nothing => abstain(format!("the project does not declare whether it {what}")),
    }
}

fn duty(said: Declared, what: &str, instead: &str, to_do: &str) -> Found {
    match always(said, what, instead) {
        (Use::Met, reason) => (Use::Duty(to_do.to_owned()), reason),
        other => other,
    }
}

fn not_for_profit(purpose: &Purpose) -> Found {
    never(purpose.for_profit, "has an organisation for profit in it", "has no organisation for profit in it")
}

fn non_commercial(purpose: &Purpose) -> Found {
    never(purpose.commercial, "means a commercial use", "means no commercial use")
}

/// The worse of two.
fn both(one: Found, other: Found) -> Found {
    match (&one.0, &other.0) {
        (Use::NotMet, _) => one,
        (_, Use::NotMet | Use::Abstain) => other,
        _ => one,
    }
}

/// Whether all that is declared is allowed, and something is.
fn within(declared: &BTreeSet<String>, allowed: &[String], what: &str) -> Found {
    if declared.is_empty() {
        return abstain(format!("the project does not declare its {what}"));
    }
    let outside: Vec<_> = declared.iter().filter(|one| !allowed.contains(one)).map(String::as_str).collect();
    if outside.is_empty() {
        return met(format!("all {what} of the project are among {}", allowed.join(", ")));
    }
    not_met(format!("of the project's {what}, {} is not among {}", outside.join(", "), allowed.join(", ")))
}
