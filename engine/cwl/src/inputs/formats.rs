//! Formats of files (CWL v1.2, CommandInputParameter, `format`).

use sluis_model::Value;

use super::{InputProblem, visit::visit};
use crate::{InputParameter, expression::is_expression};

/// Files whose format is known and is none of those that the input takes. A file without a format is taken as it is.
pub(super) fn wrong_formats(input: &InputParameter, value: &mut Value) -> Vec<InputProblem> {
    let mut problems = Vec::new();
    visit(input, value, &mut |file, wishes| {
        let Some(found) = &mut file.format else { return };
        if wishes.format.is_empty() || wishes.format.iter().any(|wanted| is_expression(&wanted.0)) {
            return;
        }
        if let Some(wanted) = wishes.format.iter().find(|wanted| names_same(&wanted.0, found)) {
            found.clone_from(&wanted.0);
            return;
        }
        if wishes.format.iter().any(|wanted| input.ontologies.is_kind_of(found, &wanted.0)) {
            return;
        }
        let wanted: Vec<_> = wishes.format.iter().map(|wanted| wanted.0.as_str()).collect();
        let message = format!(
            "the input `{}` takes files of the format {}, but {} has {found}",
            input.name,
            wanted.join(" or "),
            file.basename
        );
        let help = Some(input.ontologies.unreadable().join("; ")).filter(|help| !help.is_empty());
        problems.push(InputProblem { name: input.name.clone(), message, help });
    });
    problems
}

/// Whether a format is the wanted one. A job file may use a prefix that only the document explains.
fn names_same(wanted: &str, found: &str) -> bool {
    let short = found.split_once(':').filter(|(_, rest)| !rest.is_empty() && !rest.starts_with("//"));
    let is_short = |(_, rest): (&str, &str)| wanted.strip_suffix(rest).is_some_and(|base| base.ends_with(['/', '#']));
    wanted == found || short.is_some_and(is_short)
}
