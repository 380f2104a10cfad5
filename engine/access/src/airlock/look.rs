//! Looks at what is to leave. A look counts once the content was given to its end: who stopped before has not seen it.

use std::io::{self, Read};

use jiff::Timestamp;
use sluis_model::Address;
use sluis_policy::Action;

use super::{AirlockError, Look, against_export};
use crate::{AccessError, ObjectReader, ReadAction, Site, audit::Entry, permit::Purpose};

/// A look that is under way: to be read to its end, and then given to [`Site::looked_at_export`].
#[derive(Debug)]
pub struct ExportLook {
    reader: ObjectReader,
    id: String,
    object: Address,
    /// The number of the decision's record.
    permit: u64,
    at_end: bool,
}

impl Read for ExportLook {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.at_end |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Site {
    /// Opens an object that is to leave, for whoever may approve it.
    ///
    /// # Errors
    /// If the caller may not, the request was decided already or is about other objects, or as [`Site::unseal`].
    pub fn look_at_export(&self, id: &str, address: &Address) -> Result<ExportLook, AccessError> {
        let request = self.undecided(id)?;
        let others = || against_export(format!("the request {id} is about other objects"), "sluis airlock list");
        let against = (!request.objects.contains(address)).then(others).into_iter().collect();
        let asked = self.asked_to_decide(Action::Approve, &request, address);
        let purpose = Purpose::Read(ReadAction::Review);
        let action = format!("look at {address}, which is to leave by the request {id}");
        let entry = Entry::new(ReadAction::Review.name()).about_request(id);
        let permit = self.permit_as(purpose, action, asked, &[*address], entry, against)?;
        let reader = self.unseal(&permit, address)?;
        Ok(ExportLook { reader, id: id.to_owned(), object: *address, permit: permit.audit_record(), at_end: false })
    }

    /// Notes that the caller has seen an object that is to leave.
    ///
    /// # Errors
    /// If it was not read to its end, the request was decided meanwhile, or it cannot be written down.
    pub fn looked_at_export(&self, look: ExportLook) -> Result<(), AccessError> {
        let ExportLook { id, object, permit, at_end, .. } = look;
        if !at_end {
            return Err(AirlockError::NotSeen(object).into());
        }
        let _alone = self.lock_airlock()?;
        let mut request = self.undecided(&id)?;
        let mut entry = Entry::new("looked-at-export").about_request(&id);
        entry.caller = self.caller_name();
        entry.project = request.project.to_string();
        entry.objects = vec![object.to_string()];
        entry.permit = Some(permit);
        self.audit().record(&entry)?;
        request.looks.push(Look { by: entry.caller, object, at: Timestamp::now() });
        self.requests().write(&request.id, &request)
    }
}
