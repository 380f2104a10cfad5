//! The task cache, authenticated.

use sluis_model::TaskKey;

use crate::{
    AccessError, Permit, Site, TaskRecord,
    audit::Entry,
    authenticated::{self, Kind},
    permit::Purpose,
};

impl Site {
    /// The key of a task: a hash, with a key of this site's, of what can change its result.
    pub fn task_key(&self, material: &[u8]) -> TaskKey {
        TaskKey::from_bytes(*blake3::keyed_hash(self.keys().task_key(), material).as_bytes())
    }

    /// Keeps a task's record in the task cache.
    ///
    /// # Errors
    /// If the permit is not for just this task, or the store or the audit log cannot be written.
    pub fn put_task(&self, permit: &Permit, record: &TaskRecord) -> Result<(), AccessError> {
        self.check_origin(permit)?;
        let Purpose::Task { run, task, execution, .. } = &permit.purpose else {
            return Err(AccessError::NotCovered(record.key.to_string()));
        };
        let is_same = (run, *task, &execution.executor, permit.region)
            == (&record.run, record.task, &record.executor, record.region)
            && record.inputs.iter().all(|input| permit.addresses.contains(input));
        if !is_same {
            return Err(AccessError::NotCovered(format!("{} of run {}", record.task, record.run)));
        }
        let line = authenticated::write(self.keys(), Kind::Task, &record.key.to_string(), record)
            .map_err(|error| AccessError::Plaintext(error.into()))?;
        let mut entry = Entry::new("keep-task");
        entry.permit = Some(permit.position);
        entry.run = Some(record.run.to_string());
        entry.task = Some(record.task.0);
        entry.task_key = Some(record.key.to_string());
        self.audit().record(&entry)?;
        Ok(self.store().put_task(&record.key, &line)?)
    }

    /// A task's record in the task cache.
    ///
    /// # Errors
    /// If it is damaged or cannot be read.
    pub fn task(&self, key: &TaskKey) -> Result<Option<TaskRecord>, AccessError> {
        let Some(entry) = self.store().task(key)? else { return Ok(None) };
        let record: Option<TaskRecord> = authenticated::read(self.keys(), Kind::Task, &key.to_string(), &entry);
        record
            .filter(|record| record.version == TaskRecord::VERSION)
            .map(Some)
            .ok_or(AccessError::DamagedTask { key: *key })
    }

    /// Every record in the task cache.
    ///
    /// # Errors
    /// If the store cannot be read; a damaged record is an error of the iterator.
    pub fn tasks(&self) -> Result<impl Iterator<Item = Result<TaskRecord, AccessError>>, AccessError> {
        let keys = self.store().task_keys()?;
        Ok(keys.filter_map(|key| match key {
            Ok(key) => self.task(&key).transpose(),
            Err(error) => Some(Err(error.into())),
        }))
    }
}
