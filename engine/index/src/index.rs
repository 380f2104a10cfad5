//! Asking: of the file, of the file built anew, of an index in memory.

use sluis_access::{AccessError, Permit, ReadAction, Site};
use sluis_model::{Address, DatasetName};
use sluis_schedule::RunSummary;

use crate::{
    Behind, Derived, IndexError, UsingRun, database::Database, error::Trouble, file::FILE, questions, runs, tasks, uses,
};

/// How often a question is asked anew when records change while it is answered.
const ATTEMPTS: usize = 3;

/// The index of a site.
#[derive(Debug)]
pub struct Index<'a> {
    site: &'a Site,
    note: Option<String>,
}

/// What a question needs to be up to date.
#[derive(Clone, Copy, Debug)]
enum Needs {
    Tasks,
    TasksAndRuns,
    All,
}

impl<'a> Index<'a> {
    /// The index of this site. Nothing is read before the first question.
    pub const fn new(site: &'a Site) -> Self {
        Self { site, note: None }
    }

    /// What the user should know of how the last question was answered, if it was not in the usual way.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Every object that was made from `origin` or from what was made from it, by any task, in order of the tasks'
    /// ends.
    ///
    /// # Errors
    /// If the permit is not one to see the object's provenance, or a task record is damaged.
    pub fn derived(&mut self, permit: &Permit, origin: &Address) -> Result<Vec<Derived>, IndexError> {
        check_cover(permit, origin)?;
        self.ask(Needs::Tasks, |database, site| questions::derived(&database.connection, site, origin))
    }

    /// The tasks behind an object, back to what was taken in.
    ///
    /// # Errors
    /// As [`Index::derived`].
    pub fn behind(&mut self, permit: &Permit, object: &Address) -> Result<Behind, IndexError> {
        check_cover(permit, object)?;
        self.ask(Needs::Tasks, |database, site| questions::behind(&database.connection, site, object))
    }

    /// The runs that were permitted to use a dataset, oldest first.
    ///
    /// # Errors
    /// If a task record, a run's journal or the audit log is damaged.
    pub fn runs_using(&mut self, dataset: &DatasetName) -> Result<Vec<UsingRun>, IndexError> {
        self.ask(Needs::All, |database, site| questions::runs_using(&database.connection, site, dataset))
    }

    /// The run that completed last among those of a workflow, by its name, that were given `input`: as their input
    /// object, or as something that one of their tasks read and none had made.
    ///
    /// # Errors
    /// If the permit is not one to see the input's provenance, or a task record or a run's journal is damaged.
    pub fn newest(
        &mut self,
        permit: &Permit,
        workflow: &str,
        input: &Address,
    ) -> Result<Option<RunSummary>, IndexError> {
        check_cover(permit, input)?;
        self.ask(Needs::TasksAndRuns, |database, site| questions::newest(&database.connection, site, workflow, input))
    }

    fn ask<T>(
        &mut self,
        needs: Needs,
        question: impl Fn(&Database, &Site) -> Result<T, Trouble>,
    ) -> Result<T, IndexError> {
        self.note = None;
        let reason = match self.ask_file(needs, &question) {
            Ok(answer) => return Ok(answer),
            Err(Trouble::Truth(error)) => return Err(error),
            Err(Trouble::Damaged(reason) | Trouble::Untrue(reason) | Trouble::Unusable(reason)) => reason,
        };
        let path = self.site.dir().join(FILE);
        self.note = Some(format!(
            "The index {} cannot be used ({reason}): the answer was worked out from the records themselves, which takes \
             longer.",
            path.display()
        ));
        let answer = Database::in_memory().and_then(|mut memory| self.ask_database(&mut memory, needs, &question));
        answer.map_err(|trouble| match trouble {
            Trouble::Truth(error) => error,
            Trouble::Damaged(reason) | Trouble::Untrue(reason) | Trouble::Unusable(reason) => {
                IndexError::Memory(reason)
            }
        })
    }

    /// Asks the file, and builds it anew if it is damaged.
    fn ask_file<T>(
        &mut self,
        needs: Needs,
        question: &impl Fn(&Database, &Site) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let folder = self.site.dir();
        let answer = Database::open(folder).and_then(|database| self.ask_and_close(database, needs, question));
        let keep_if_sound = match &answer {
            Err(Trouble::Damaged(_)) => true,
            Err(Trouble::Untrue(_)) => false,
            _ => return answer,
        };
        let rebuilt = Database::rebuild(folder, keep_if_sound)?;
        self.ask_and_close(rebuilt, needs, question)
    }

    fn ask_and_close<T>(
        &self,
        mut database: Database,
        needs: Needs,
        question: &impl Fn(&Database, &Site) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let answer = self.ask_database(&mut database, needs, question)?;
        database.close();
        Ok(answer)
    }

    /// Takes in what is new and asks; again if what the index says is not borne out, since a record may have changed
    /// in between.
    fn ask_database<T>(
        &self,
        database: &mut Database,
        needs: Needs,
        question: &impl Fn(&Database, &Site) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut attempt = 1;
        loop {
            tasks::catch_up(database, self.site)?;
            if matches!(needs, Needs::TasksAndRuns | Needs::All) {
                runs::catch_up(database, self.site)?;
            }
            if matches!(needs, Needs::All) {
                uses::catch_up(database, self.site)?;
            }
            match question(database, self.site) {
                Err(Trouble::Untrue(_)) if attempt < ATTEMPTS => attempt += 1,
                answer => return answer,
            }
        }
    }
}

fn check_cover(permit: &Permit, address: &Address) -> Result<(), AccessError> {
    if permit.action() == ReadAction::Provenance.name() && permit.addresses().contains(address) {
        return Ok(());
    }
    Err(AccessError::NotCovered(address.to_string()))
}
