//! CommandLineTool, ExpressionTool and Operation.

use sluis_yaml::{Content, Diagnostic, Fields, Node};

use super::{
    Loader,
    fields::{about, check_fields, codes, expression, placed, texts},
    parameters::Places,
    requirements::Scope,
};
use crate::{Argument, CommandLineTool, ExpressionTool, InputParameter, Operation, Type, expression::is_expression};

/// Fields of every process.
pub(super) const PROCESS: &[&str] =
    &["class", "id", "name", "label", "doc", "intent", "cwlVersion", "inputs", "outputs", "requirements", "hints"];

impl Loader<'_> {
    pub(super) fn command_line_tool(&mut self, name: String, fields: Fields<'_>, scope: &Scope) -> CommandLineTool {
        let known = ["baseCommand", "arguments", "stdin", "stdout", "stderr"];
        let more = ["successCodes", "temporaryFailCodes", "permanentFailCodes"];
        check_fields(fields, &[PROCESS, &known, &more], &mut self.problems);
        let (inputs, places) = self.inputs(fields, scope, true);
        self.check_stdin(fields, &inputs, &places);
        let outputs = self.outputs(fields, scope, true);
        let base_command = texts(fields, "baseCommand", &mut self.problems);
        let tool = CommandLineTool {
            name,
            about: about(fields, &mut self.problems),
            inputs,
            outputs,
            requirements: scope.effective(&self.namespaces, &mut self.problems),
            base_command: base_command.into_iter().filter_map(Node::as_str).map(str::to_owned).collect(),
            arguments: self.arguments(fields),
            stdin: expression(fields, "stdin", &mut self.problems),
            stdout: expression(fields, "stdout", &mut self.problems),
            stderr: expression(fields, "stderr", &mut self.problems),
            success_codes: codes(fields, "successCodes", &mut self.problems),
            temporary_fail_codes: codes(fields, "temporaryFailCodes", &mut self.problems),
            permanent_fail_codes: codes(fields, "permanentFailCodes", &mut self.problems),
        };
        let binds = |input: &crate::InputParameter| input.input_binding.is_some() || input.ty.has_binding();
        let says_some = ["baseCommand", "arguments"].iter().any(|name| fields.get(name).is_some());
        let is_empty = tool.base_command.is_empty() && tool.arguments.is_empty() && !tool.inputs.iter().any(binds);
        if is_empty && !says_some && tool.requirements.docker.is_none() {
            let message = "the tool says no command: it has neither `baseCommand` nor `arguments` nor an image";
            self.problems.push(Diagnostic::warning(fields.span(), message));
        }
        tool
    }

    /// Checks that one thing at most becomes the standard input (CWL v1.2, CommandLineTool, `stdin`).
    fn check_stdin(&mut self, fields: Fields<'_>, inputs: &[InputParameter], places: &Places) {
        let field = fields.get("stdin").filter(|node| !node.is_null());
        let shortcuts = inputs.iter().zip(places).filter(|(input, _)| input.ty == Type::Stdin);
        let mut all = field.map(|node| &node.span).into_iter().chain(shortcuts.map(|(_, at)| at));
        if let (Some(first), Some(second)) = (all.next(), all.next()) {
            let problem = Diagnostic::error(second, "the tool has one standard input, which is given already");
            self.problems.push(problem.label(first, "given here").help("make the type of this input File"));
        }
    }

    fn arguments(&mut self, fields: Fields<'_>) -> Vec<Argument> {
        let mut found = Vec::new();
        for node in fields.list("arguments", &mut self.problems) {
            match &node.value {
                Content::String(text) => found.push(Argument::Text(placed(text.clone(), node))),
                Content::Mapping(_) => {
                    if let Some(binding) = self.binding(node) {
                        if node.get("valueFrom").is_none() {
                            let message = "an argument without `valueFrom` adds nothing to the command";
                            let help = "write a prefix that stands alone as `valueFrom`, or as a plain text";
                            self.problems.push(Diagnostic::warning(&node.span, message).help(help));
                        }
                        found.push(Argument::Binding(binding));
                    }
                }
                _ => {
                    let message = format!("an argument must be a text or a binding, but is {}", node.kind());
                    self.problems.error(&node.span, message);
                }
            }
        }
        found
    }

    pub(super) fn expression_tool(&mut self, name: String, fields: Fields<'_>, scope: &Scope) -> ExpressionTool {
        check_fields(fields, &[PROCESS, &["expression"]], &mut self.problems);
        let (inputs, _) = self.inputs(fields, scope, false);
        let outputs = self.outputs(fields, scope, false);
        if let Some(node) = fields.require("expression", &mut self.problems)
            && node.as_str().is_some_and(|text| !is_expression(text))
        {
            let problem = Diagnostic::warning(&node.span, "`expression` computes nothing, but is a plain text");
            self.problems.push(problem.help("write `$(…)`, or `${…}` with a `return`, around it"));
        }
        ExpressionTool {
            name,
            about: about(fields, &mut self.problems),
            inputs,
            outputs,
            requirements: scope.effective(&self.namespaces, &mut self.problems),
            expression: expression(fields, "expression", &mut self.problems).unwrap_or_default(),
        }
    }

    pub(super) fn operation(&mut self, name: String, fields: Fields<'_>, scope: &Scope) -> Operation {
        check_fields(fields, &[PROCESS], &mut self.problems);
        let (inputs, _) = self.inputs(fields, scope, false);
        Operation {
            name,
            about: about(fields, &mut self.problems),
            inputs,
            outputs: self.outputs(fields, scope, false),
        }
    }
}
