//! Walking through all objects and task entries.

use sluis_model::{Address, TaskKey};

use crate::{Store, StoreError, layout};

impl Store {
    /// The addresses of all objects, in order.
    ///
    /// # Errors
    /// If they cannot be listed; what goes wrong on the way is an error of the iterator.
    pub fn addresses(&self) -> Result<impl Iterator<Item = Result<Address, StoreError>> + '_, StoreError> {
        self.addresses_below(layout::OBJECTS)
    }

    /// The keys of all task entries, in order.
    ///
    /// # Errors
    /// As [`Store::addresses`].
    pub fn task_keys(&self) -> Result<impl Iterator<Item = Result<TaskKey, StoreError>> + '_, StoreError> {
        let listed = self.backend.list(layout::TASKS)?;
        Ok(listed.filter_map(|listed| listed.map(|listed| layout::key_of_task(&listed.name)).transpose()))
    }

    /// The one object whose address begins with `prefix`, which begins with `b3:`.
    ///
    /// # Errors
    /// If there is none or more than one.
    pub fn resolve(&self, prefix: &str) -> Result<Address, StoreError> {
        let unknown = || StoreError::Unknown(prefix.to_owned());
        let digits = prefix.strip_prefix(Address::PREFIX).filter(|digits| !digits.is_empty()).ok_or_else(unknown)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let below = match digits.split_at_checked(2) {
            Some((first, rest)) => format!("{}{first}/{rest}", layout::OBJECTS),
            None => format!("{}{digits}", layout::OBJECTS),
        };
        let mut found = None;
        for address in self.addresses_below(&below)? {
            if found.replace(address?).is_some() {
                return Err(StoreError::Ambiguous(prefix.to_owned()));
            }
        }
        found.ok_or_else(unknown)
    }

    fn addresses_below(
        &self,
        prefix: &str,
    ) -> Result<impl Iterator<Item = Result<Address, StoreError>> + '_, StoreError> {
        let listed = self.backend.list(prefix)?;
        Ok(listed.filter_map(|listed| listed.map(|listed| layout::address_of_record(&listed.name)).transpose()))
    }
}
