//! Formats of files (CWL v1.2, CommandInputParameter, `format`).

use sluis_model::Value;

use super::{InputProblem, visit::visit};
use crate::{InputParameter, Ontologies, expression::is_expression};

/// Files whose format is known and is none of those that the input takes. A file without a format is taken as it is.
/// Formats that expressions name are checked when the tool is bound.
pub(super) fn wrong_formats(input: &InputParameter, value: &mut Value) -> Vec<InputProblem> {
    let mut problems = Vec::new();
    visit(input, value, &mut |file, wishes| {
        let Some(found) = &mut file.format else { return };
        if wishes.format.is_empty() || wishes.format.iter().any(|wanted| is_expression(&wanted.text)) {
            return;
        }
        if let Some(wanted) = wishes.format.iter().find(|wanted| names_same(&wanted.text, found)) {
            found.clone_from(&wanted.text);
            return;
        }
        if wishes.format.iter().any(|wanted| input.ontologies.is_kind_of(found, &wanted.text)) {
            return;
        }
        let wanted: Vec<_> = wishes.format.iter().map(|wanted| wanted.text.as_str()).collect();
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

/// Whether a format is the wanted one or a kind of it.
pub(crate) fn fits(found: &str, wanted: &str, ontologies: &Ontologies) -> bool {
    names_same(wanted, found) || ontologies.is_kind_of(found, wanted)
}

/// Whether a format is the wanted one. A job file may use a prefix that only the document explains.
fn names_same(wanted: &str, found: &str) -> bool {
    let short = found.split_once(':').filter(|(_, rest)| !rest.is_empty() && !rest.starts_with("//"));
    let is_short = |(_, rest): (&str, &str)| wanted.strip_suffix(rest).is_some_and(|base| base.ends_with(['/', '#']));
    wanted == found || short.is_some_and(is_short)
}
