//! The airlock: how results leave the site. Somebody asks and says which of the outputs that their project may take out
//! it is; somebody else with the right role looks at each object and decides; and then the objects leave within some
//! days, sealed for the key that the registry has of who asked.
//!
//! A request is a file of the site, `airlock/ID`, that only the site can have written (`authenticated`).

mod aggregate;
mod look;

use std::{fs, io, io::Read, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sluis_crypt4gh::PublicKey;
use sluis_model::{Address, ProjectName};
use sluis_policy::{Action, Resource};

use crate::{
    AccessError, ReadAction, Site,
    audit::Entry,
    authenticated::Kind,
    decide::Found,
    decision::Asked,
    error::Reason,
    notes::{Notes, new_id},
    permit::Purpose,
};

pub use look::ExportLook;

const FOLDER: &str = "airlock";

/// How many days an approval may hold at most.
const LONGEST: u16 = 30;

/// A request to let objects leave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExportRequest {
    /// Its identifier.
    pub id: String,
    /// Who asked, by their name in the registry. They alone receive the objects.
    pub asked_by: String,
    /// When.
    pub at: Timestamp,
    /// On behalf of which project.
    pub project: ProjectName,
    /// What is to leave.
    pub objects: Vec<Address>,
    /// Which of the outputs that the project's approval allows they are.
    pub output: String,
    /// Why, for who decides.
    pub reason: String,
    /// Who has looked at what of it.
    pub looks: Vec<Look>,
    /// What became of it.
    pub state: ExportState,
}

/// Somebody's look at an object that is to leave, from its beginning to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Look {
    /// Who.
    pub by: String,
    /// At what.
    pub object: Address,
    /// When they had seen it.
    pub at: Timestamp,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ExportState {
    /// Nobody decided yet.
    Asked,
    /// Somebody agreed.
    Approved {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// From when on the objects may not leave any more.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Somebody refused.
    Refused {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl ExportRequest {
    /// Who approved that an object leaves for somebody at a time, or nobody, if none is needed for an aggregate; else why
    /// it stays.
    fn approval(
        &self,
        person: &str,
        address: &Address,
        now: Timestamp,
        is_aggregate: bool,
    ) -> Result<Option<String>, Reason> {
        let Self { id, asked_by, .. } = self;
        let mut remedy = "ask anew: sluis airlock ask";
        let text = match &self.state {
            // A release to anybody else would be an export that nobody approved.
            _ if asked_by != person => format!("the request {id} is by {asked_by}, not by {person}"),
            _ if !self.objects.contains(address) => format!("the request {id} is about other objects"),
            ExportState::Approved { by, until, .. } if now < *until => return Ok(Some(by.clone())),
            ExportState::Approved { until, .. } => format!("the approval of the request {id} ended at {until:.0}"),
            ExportState::Refused { by, .. } => format!("{by} refused the request {id}"),
            ExportState::Asked if is_aggregate && self.is_recent(now) => return Ok(None),
            ExportState::Asked if is_aggregate => format!("the request {id} is older than {LONGEST} days"),
            ExportState::Asked => {
                remedy = "wait until the committee has decided";
                format!("nobody has decided about the request {id} yet")
            }
        };
        Err(against_export(text, remedy))
    }

    /// Why somebody cannot approve that an object leaves: they have not seen it.
    fn unseen(&self, person: &str, address: &Address) -> Option<Reason> {
        let has_looked = self.looks.iter().any(|look| look.by == person && look.object == *address);
        let text = || format!("{person} has not looked at {address}, which is to leave by the request {}", self.id);
        (!has_looked).then(|| against_export(text(), &format!("sluis airlock look {} {address}", self.id)))
    }
}

fn against_export(text: String, remedy: &str) -> Reason {
    Reason { text, remedy: remedy.to_owned(), policy: "approved-export".to_owned() }
}

/// Why the airlock stays shut.
#[derive(Debug, thiserror::Error)]
pub enum AirlockError {
    /// There is no such request.
    #[error("there is no request {0} to let objects leave; `sluis airlock list` shows them")]
    Unknown(String),
    /// The file of a request was not written by this site.
    #[error("{path} was not written by this site, or was changed: ask again", path = _0.display())]
    Changed(PathBuf),
    /// It was decided already.
    #[error("the request {0} was decided already")]
    Decided(String),
    /// The registry has no key for who asks.
    #[error("the registry has no `recipient` key for {0}, for whom the objects would be sealed")]
    NoRecipient(String),
    /// Nobody needs to approve that it leaves.
    #[error("the object {0} is public and leaves without an approval: `sluis export` writes it")]
    Public(Address),
    /// Who looks at an object sees all of it.
    #[error("the object {0} was not read to its end, so this look does not count: look at all of it")]
    NotSeen(Address),
    /// An approval cannot hold so long.
    #[error("an approval holds for 1 to {LONGEST} days")]
    Days,
    /// It names nothing.
    #[error("a request names at least one object, and who asks or decides gives a reason")]
    Empty,
}

impl Site {
    /// Asks for objects to leave. Who asks must be able to read them.
    ///
    /// # Errors
    /// If they may not be read, or the registry has no key for who asks.
    pub fn ask_to_export(
        &self,
        project: &ProjectName,
        objects: &[Address],
        output: &str,
        reason: &str,
    ) -> Result<ExportRequest, AccessError> {
        if objects.is_empty() || reason.trim().is_empty() {
            return Err(AirlockError::Empty.into());
        }
        for address in objects {
            let against = self.against_output(project, output)?.into_iter().collect();
            let asked = self.asked(Action::Read, Resource::Object(address.to_string()), Some(project));
            self.permit_airlock("ask-to-export", address, &asked, None, against)?;
            if self.record_of(&self.stored(address)?)?.seal.is_none() {
                return Err(AirlockError::Public(*address).into());
            }
        }
        let asked_by = self.caller_name();
        self.recipient_of(&asked_by)?;
        let request = ExportRequest {
            id: new_id()?,
            asked_by,
            at: Timestamp::now(),
            project: project.clone(),
            objects: objects.to_vec(),
            output: output.to_owned(),
            reason: reason.to_owned(),
            looks: Vec::new(),
            state: ExportState::Asked,
        };
        self.requests().write(&request.id, &request)?;
        Ok(request)
    }

    /// Every request, the oldest first.
    pub(crate) fn export_requests(&self) -> Result<Vec<ExportRequest>, AccessError> {
        let ids = self.requests().ids()?;
        let mut requests = ids.iter().map(|id| self.export_request(id)).collect::<Result<Vec<_>, _>>()?;
        requests.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(requests)
    }

    /// One request.
    ///
    /// # Errors
    /// If there is none of this name, or it was changed.
    pub fn export_request(&self, id: &str) -> Result<ExportRequest, AccessError> {
        let unknown = || AirlockError::Unknown(id.to_owned());
        let requests = self.requests();
        let path = requests.path(id).ok_or_else(unknown)?;
        match requests.read(&path, id) {
            Ok(request) => Ok(request.ok_or(AirlockError::Changed(path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unknown().into()),
            Err(error) => Err(AccessError::file(&path, "read")(error)),
        }
    }

    /// Approves a request for some days, after a look at all that it names. Nobody approves their own. That it is approved is
    /// in the audit log before the request says so.
    ///
    /// # Errors
    /// If the caller may not, has not looked at all of it, or it was decided already; or it cannot be written down.
    pub fn approve_export(&self, id: &str, days: u16, reason: &str) -> Result<ExportRequest, AccessError> {
        if !(1..=LONGEST).contains(&days) {
            return Err(AirlockError::Days.into());
        }
        let until = |at: Timestamp| at.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(at);
        let state = |by, at| ExportState::Approved { by, at, until: until(at), reason: reason.to_owned() };
        self.decide_export(Action::Approve, id, reason, state, |request, address| {
            let unseen = request.unseen(&self.caller_name(), address);
            Ok(unseen.into_iter().chain(self.against_output(&request.project, &request.output)?).collect())
        })
    }

    /// Refuses a request, whatever became of its project and its objects, without a look at them.
    ///
    /// # Errors
    /// If the caller may not, or it was decided already.
    pub fn refuse_export(&self, id: &str, reason: &str) -> Result<ExportRequest, AccessError> {
        let state = |by, at| ExportState::Refused { by, at, reason: reason.to_owned() };
        self.decide_export(Action::Refuse, id, reason, state, |_, _| Ok(Vec::new()))
    }

    /// One object of an approved request as a Crypt4GH file for who asked: its body as it is stored, behind a header
    /// for their key.
    ///
    /// # Errors
    /// If the request is not approved, not theirs or too old, or they may not have the data any more.
    pub fn release(&self, id: &str, address: &Address) -> Result<Box<dyn Read>, AccessError> {
        let request = self.export_request(id)?;
        let aggregate = self.aggregate_of(&request)?;
        let approval = request.approval(&self.caller_name(), address, Timestamp::now(), aggregate.is_some());
        let (approved_by, mut against) = match approval {
            Ok(by) => (by, Vec::new()),
            Err(reason) => (None, vec![reason]),
        };
        against.extend(self.against_output(&request.project, &request.output)?);
        let purpose = Purpose::Read(ReadAction::Export);
        let asked = Asked {
            // Somebody's approval is of more than numbers.
            aggregate: aggregate.filter(|_| approved_by.is_none()),
            approved_by,
            ..self.asked(Action::Export, Resource::Object(address.to_string()), Some(&request.project))
        };
        let action = format!("release {address} by the request {id}");
        let entry = Entry::new("release").about_request(id);
        let permit = self.permit_as(purpose, action, asked, &[*address], entry, against)?;
        let recipient = self.recipient_of(&request.asked_by)?;
        self.sealed_for(&permit, address, &recipient)
    }

    fn decide_export(
        &self,
        action: Action,
        id: &str,
        reason: &str,
        state: impl FnOnce(String, Timestamp) -> ExportState,
        against: impl Fn(&ExportRequest, &Address) -> Result<Vec<Reason>, AccessError>,
    ) -> Result<ExportRequest, AccessError> {
        if reason.trim().is_empty() {
            return Err(AirlockError::Empty.into());
        }
        // Alone, so that two who decide at once do not undo each other's decision.
        let _alone = self.lock_airlock()?;
        let mut request = self.undecided(id)?;
        for address in &request.objects {
            let asked = self.asked_to_decide(action, &request, address);
            let name = if action == Action::Refuse { "refuse-export" } else { "approve-export" };
            self.permit_airlock(name, address, &asked, Some(id), against(&request, address)?)?;
        }
        request.state = state(self.caller_name(), Timestamp::now());
        if let ExportState::Approved { until, .. } = &request.state {
            let mut entry = Entry::new("export-approved").about_request(id);
            entry.caller = self.caller_name();
            entry.project = request.project.to_string();
            entry.objects = request.objects.iter().map(ToString::to_string).collect();
            entry.facts.insert("approved-until".to_owned(), format!("{until:.0}"));
            self.audit().record(&entry)?;
        }
        self.requests().write(&request.id, &request)?;
        Ok(request)
    }

    fn undecided(&self, id: &str) -> Result<ExportRequest, AccessError> {
        let request = self.export_request(id)?;
        if request.state == ExportState::Asked {
            return Ok(request);
        }
        Err(AirlockError::Decided(id.to_owned()).into())
    }

    fn asked_to_decide<'a>(&self, action: Action, request: &'a ExportRequest, address: &Address) -> Asked<'a> {
        let resource = Resource::Object(address.to_string());
        let asked_by = Some(request.asked_by.clone());
        Asked { asked_by, ..self.asked(action, resource, Some(&request.project)) }
    }

    /// Why an output of this kind may not leave for a project; `None` if its approval allows it.
    fn against_output(&self, project: &ProjectName, output: &str) -> Result<Option<Reason>, AccessError> {
        let registry = self.registry()?;
        let allowed = registry.projects.get(project).map(|project| &*project.allowed_outputs).unwrap_or_default();
        if self.config().identity.is_none() || allowed.iter().any(|one| one.name == output) {
            return Ok(None);
        }
        let text = match allowed {
            [] => format!("no output of the project {project} is allowed to leave"),
            some => format!(
                "`{output}` is none of the outputs of {project} that may leave: {}",
                some.iter().map(|one| &*one.name).collect::<Vec<_>>().join(", ")
            ),
        };
        let remedy =
            "if the committee approved it, add it to `allowed-outputs` of the project in registry/projects.yaml";
        Ok(Some(Reason { text, remedy: remedy.to_owned(), policy: "allowed-output".to_owned() }))
    }

    /// Decides a step on the way of one object.
    fn permit_airlock(
        &self,
        name: &'static str,
        address: &Address,
        asked: &Asked<'_>,
        id: Option<&str>,
        reasons: Vec<Reason>,
    ) -> Result<(), AccessError> {
        let mut entry = id.into_iter().fold(Entry::new(name), Entry::about_request);
        entry.objects = vec![address.to_string()];
        let of = id.map_or_else(String::new, |id| format!(" by the request {id}"));
        let project = asked.project.map_or_else(String::new, ToString::to_string);
        let text = format!("{name} {address} for the project {project}{of}");
        self.decide(asked, text, entry, |basis, asked| {
            // A request may be refused whatever became of the data, and if they are not there any more.
            let found = if asked.action == Action::Refuse {
                Found::default()
            } else {
                self.labels_for(basis, asked, &[*address])?
            };
            Ok(Found { reasons, ..found })
        })
        .map(drop)
    }

    fn lock_airlock(&self) -> Result<fs::File, AccessError> {
        let folder = self.dir().join(FOLDER);
        let lock = fs::create_dir_all(&folder).and_then(|()| fs::File::open(&folder));
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock));
        lock.map_err(AccessError::file(&folder, "locked"))
    }

    fn recipient_of(&self, person: &str) -> Result<PublicKey, AccessError> {
        let registry = self.registry()?;
        let recipient = registry.people.get(person).and_then(|person| person.recipient);
        Ok(recipient.ok_or_else(|| AirlockError::NoRecipient(person.to_owned()))?)
    }

    fn requests(&self) -> Notes<'_> {
        self.notes(FOLDER, Kind::Export)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody waits for days in a test.
    #[test]
    fn an_approval_ends_with_its_last_moment() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (one, other) = (Address::from_bytes([1; 32]), Address::from_bytes([2; 32]));
        let request = ExportRequest {
            id: "abcdefabcdef".to_owned(),
            asked_by: "anna".to_owned(),
            at: at(0),
            project: "neuroblastoma".parse().unwrap(),
            objects: vec![one],
            output: "figures".to_owned(),
            reason: "Figure 2".to_owned(),
            looks: Vec::new(),
            state: ExportState::Approved {
                by: "bob".to_owned(),
                at: at(10),
                until: at(100),
                reason: "shows nobody".to_owned(),
            },
        };
        assert_eq!(request.approval("anna", &one, at(99), false), Ok(Some("bob".to_owned())));
        for (person, address, now, says) in [
            ("anna", one, 100, "ended at 1970-01-01T00:01:40Z"),
            ("bob", one, 99, "is by anna, not by bob"),
            ("anna", other, 99, "is about other objects"),
        ] {
            let reason = request.approval(person, &address, at(now), true).unwrap_err();
            assert!(reason.text.contains(says), "{}", reason.text);
        }
        let asked = ExportRequest { state: ExportState::Asked, ..request };
        let month = 30 * 24 * 3600;
        assert_eq!(asked.approval("anna", &one, at(month - 1), true), Ok(None));
        let late = asked.approval("anna", &one, at(month), true).unwrap_err();
        assert!(late.text.contains("is older than 30 days"), "{}", late.text);
        let unseen = asked.approval("anna", &one, at(1), false).unwrap_err();
        assert!(unseen.text.contains("nobody has decided"), "{}", unseen.text);
    }
}
