//! Expressions: whether they can be read, and whether what they name exists.

use std::collections::HashMap;

use sluis_yaml::{Diagnostic, Diagnostics, Span};

use super::suggest;
use crate::{
    Expression, Process,
    document::Surroundings,
    expression::{Piece, Reference, Syntax, is_expression, scan},
};

/// Warns of every expression that cannot be evaluated whatever the inputs are. These are warnings, since an expression
/// that is never reached does no harm.
pub(crate) fn check(processes: &[Process], problems: &mut Diagnostics) {
    let mut check = Check { syntax: Syntax::default(), known: HashMap::new() };
    for process in processes {
        process.for_each_expression(&mut |expression, around| {
            if let Some(at) = expression.at.as_ref().filter(|_| is_expression(&expression.text)) {
                check.expression(expression, at, around, problems);
            }
        });
    }
}

struct Check<'p> {
    syntax: Syntax,
    /// What is wrong with code that was looked at already.
    known: HashMap<Piece<'p>, Option<String>>,
}

impl<'p> Check<'p> {
    fn expression(&mut self, code: &'p Expression, at: &Span, around: Surroundings<'p>, problems: &mut Diagnostics) {
        let pieces = match scan(&code.text) {
            Ok(pieces) => pieces,
            Err(unclosed) => {
                let begin = code.text[unclosed.0..].lines().next().unwrap_or_default();
                let begin: String = begin.chars().take(40).collect();
                let plain = if begin.starts_with("$(") { "\\$(" } else { "\\${" };
                let problem = Diagnostic::warning(at, format!("the expression `{begin}` is never closed"));
                let help = format!("look for a missing bracket or quote, or write `{plain}` for a plain text");
                problems.push(problem.help(help));
                return;
            }
        };
        for piece in pieces {
            if let Piece::Reference(text) = piece
                && let Some(reference) = Reference::parse(text)
            {
                if let Some(message) = reference.names_nothing() {
                    if around.requirements.javascript.is_none() {
                        problems.push(Diagnostic::warning(at, message));
                    }
                    continue;
                }
                let unknown = reference.input().filter(|name| !around.inputs.iter().any(|known| known == *name));
                if let Some(name) = unknown {
                    let problem =
                        Diagnostic::warning(at, format!("the expression names `inputs.{name}`, which is no input"));
                    problems.push(suggest(problem, name, around.inputs.iter()));
                }
            } else if !matches!(piece, Piece::Text(_)) {
                self.javascript(piece, at, around, problems);
            }
        }
    }

    fn javascript(&mut self, piece: Piece<'p>, at: &Span, around: Surroundings<'p>, problems: &mut Diagnostics) {
        if around.requirements.javascript.is_none() {
            let problem = Diagnostic::warning(at, "this is JavaScript, which the document does not ask for");
            problems.push(problem.help("add `InlineJavascriptRequirement: {}` to `requirements`"));
            return;
        }
        let syntax = &mut self.syntax;
        if let Some(why) = self.known.entry(piece).or_insert_with_key(|piece| syntax.problem(piece)) {
            problems.push(Diagnostic::warning(at, format!("this JavaScript cannot be read: {why}")));
        }
    }
}
