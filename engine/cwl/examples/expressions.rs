//! Measures expressions: parameter references and JavaScript within one task, and one JavaScript engine a task.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "an example that measures prints what it found"
)]

use std::{fmt::Write, fs, sync::Arc, time::Instant};

use sluis_cwl::{Contents, Evaluator, Process, bind, load};
use sluis_model::{File, Value, Values};

/// How often each is done.
const ROUNDS: usize = 10_000;

struct NoText;

impl Contents for NoText {
    fn text(&self, file: &File) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{} is not read", file.basename).into())
    }
}

fn process(text: &str) -> Process {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document.cwl");
    fs::write(&path, text).unwrap();
    load(path.to_str().unwrap()).unwrap_or_else(|problems| panic!("{problems}")).process
}

/// A tool with as many arguments as there are rounds.
fn tool(expression: &str, library: &str) -> Process {
    let mut text = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements: {{InlineJavascriptRequirement: {{expressionLib: \
         [{library:?}]}}}}\nbaseCommand: a\ninputs: {{n: int, sample: {{type: {{type: record, fields: {{name: \
         string}}}}}}}}\noutputs: []\narguments:\n"
    );
    for _ in 0..ROUNDS {
        writeln!(text, "- {expression}").unwrap();
    }
    process(&text)
}

fn inputs() -> Values {
    let name = Value::Record([("name".to_owned(), Value::String("s1".to_owned()))].into_iter().collect());
    [("n".to_owned(), Value::Integer(3)), ("sample".to_owned(), name)].into_iter().collect()
}

fn report(what: &str, begun: Instant) {
    let whole = begun.elapsed();
    println!("{what}: {:.3} s, {:.2} µs each", whole.as_secs_f64(), whole.as_secs_f64() * 1e6 / ROUNDS as f64);
}

fn main() {
    let evaluator = Evaluator::default();
    let library = "function twice(n) { return 2 * n; }";
    for (what, expression) in [
        ("parameter references", "$(inputs.sample.name)"),
        ("JavaScript expressions", "$(inputs.n + 1)"),
        ("JavaScript functions of the library", "${ return twice(inputs.n); }"),
    ] {
        let Process::CommandLineTool(tool) = tool(expression, library) else { panic!() };
        let begun = Instant::now();
        let bound = bind(&tool, inputs(), &evaluator, &NoText).unwrap();
        report(&format!("{ROUNDS} {what} in one task"), begun);
        assert_eq!(bound.task.command.arguments.len(), ROUNDS + 1);
    }
    let tool = process(
        "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: {InlineJavascriptRequirement: {}}\ninputs: {n: int, sample: \
         Any}\noutputs: {m: int}\nexpression: \"$({m: inputs.n + 1})\"\n",
    );
    let Process::ExpressionTool(tool) = tool else { panic!() };
    let tool = Arc::clone(&tool);
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        tool.evaluate(inputs(), &evaluator, &NoText).unwrap();
    }
    report(&format!("{ROUNDS} tasks that are one JavaScript expression each"), begun);
}
