//! Problems of documents and input objects: for people, as JSON, and as SARIF for editors and code hosts.

use std::{
    env,
    io::{self, IsTerminal},
    ops::Range,
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value as Json, json};
use sluis_yaml::{Diagnostic, Diagnostics, Severity, Span};

use crate::output;

/// Prints every problem to standard error, for people with the lines concerned.
pub fn print(problems: &Diagnostics) {
    for problem in problems.iter() {
        output::note(&renderer().render(&groups(problems, problem)));
    }
}

/// Lines that are longer together, in bytes, are not shown.
const LONGEST_EXCERPT: usize = 20_000;

/// The lines of a text in which some places lie, and where in the text they begin.
struct Lines<'p> {
    text: &'p str,
    first: usize,
    offset: usize,
}

impl<'p> Lines<'p> {
    fn around<'s>(text: &'p str, spans: impl Iterator<Item = &'s Span> + Clone) -> Option<Self> {
        let start = spans.clone().map(|span| span.range().start).min()?;
        let end = spans.clone().map(|span| span.range().end).max()?;
        let offset = text.get(..start)?.rfind('\n').map_or(0, |before| before + 1);
        let end = text.get(end..)?.find('\n').map_or(text.len(), |after| end + after);
        if end - offset > LONGEST_EXCERPT {
            return None;
        }
        let first = spans.map(|span| span.line).min()? as usize;
        Some(Self { text: text.get(offset..end)?, first, offset })
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.range();
        range.start - self.offset..range.end - self.offset
    }
}

fn groups<'p>(problems: &'p Diagnostics, problem: &'p Diagnostic) -> Vec<Group<'p>> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let file = &problem.span.file;
    let here = || problem.labels.iter().filter(|label| label.span.file == *file);
    let spans = here().map(|label| &label.span).chain([&problem.span]);
    let lines = problems.source(file).and_then(|text| Lines::around(text, spans));
    let title = match &lines {
        Some(_) => problem.message.clone(),
        None => format!("{}: {}", problem.span, problem.message),
    };
    let mut group = Group::with_title(level.primary_title(title));
    if let Some(lines) = lines {
        let mut snippet = Snippet::source(lines.text)
            .line_start(lines.first)
            .path(&**file)
            .annotation(AnnotationKind::Primary.span(lines.range(&problem.span)));
        for label in here() {
            snippet = snippet.annotation(AnnotationKind::Context.span(lines.range(&label.span)).label(&label.message));
        }
        group = group.element(snippet);
    }
    // What stands in another file is shown there.
    for label in problem.labels.iter().filter(|label| label.span.file != *file) {
        let text = problems.source(&label.span.file);
        if let Some(lines) = text.and_then(|text| Lines::around(text, [&label.span].into_iter())) {
            let annotation = AnnotationKind::Context.span(lines.range(&label.span)).label(&label.message);
            let snippet = Snippet::source(lines.text).line_start(lines.first).path(&*label.span.file);
            group = group.element(snippet.annotation(annotation));
        }
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help));
    }
    vec![group]
}

/// Colours on a terminal whose user did not turn them off (<https://no-color.org>).
fn renderer() -> Renderer {
    let coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if coloured { Renderer::styled() } else { Renderer::plain() }
}

/// The problems as a JSON list, in the order of the text.
pub fn json(problems: &Diagnostics) -> Json {
    let place = |span: &Span| {
        let (end_line, end_column) = end(problems, span);
        json!({
            "file": &*span.file,
            "line": span.line,
            "column": span.column,
            "endLine": end_line,
            "endColumn": end_column,
        })
    };
    let each = problems.iter().map(|problem| {
        let mut entry = place(&problem.span);
        entry["severity"] = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
        .into();
        entry["message"] = problem.message.as_str().into();
        entry["help"] = problem.help.as_deref().into();
        entry["unsupported"] = problem.unsupported.into();
        let labels = problem.labels.iter().map(|label| {
            let mut entry = place(&label.span);
            entry["message"] = label.message.as_str().into();
            entry
        });
        entry["labels"] = labels.collect();
        entry
    });
    each.collect()
}

/// The problems as a log in the Static Analysis Results Interchange Format (OASIS SARIF 2.1.0).
pub fn sarif(problems: &Diagnostics) -> Json {
    let results: Vec<_> = problems.iter().map(|problem| result(problems, problem)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "sluis",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.map(|(id, about)| json!({ "id": id, "shortDescription": { "text": about } })),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

const RULES: [(&str, &str); 3] = [
    ("invalid", "The document is not valid CWL, or the inputs do not fit it."),
    ("unsupported", "The document asks for something that sluis does not support."),
    ("doubtful", "The document may not mean what its writer thinks."),
];

fn result(problems: &Diagnostics, problem: &Diagnostic) -> Json {
    let location = |span: &Span, message: Option<&str>| {
        let (end_line, end_column) = end(problems, span);
        let mut location = json!({ "physicalLocation": {
            "artifactLocation": { "uri": uri(&span.file) },
            "region": {
                "startLine": span.line, "startColumn": span.column, "endLine": end_line, "endColumn": end_column,
            },
        } });
        if let Some(message) = message {
            location["message"] = json!({ "text": message });
        }
        location
    };
    let (rule, level) = match problem.severity {
        Severity::Error if problem.unsupported => (1, "error"),
        Severity::Error => (0, "error"),
        Severity::Warning => (2, "warning"),
    };
    let text = match &problem.help {
        Some(help) => format!("{} ({help})", problem.message),
        None => problem.message.clone(),
    };
    let related: Vec<_> = problem.labels.iter().map(|label| location(&label.span, Some(&label.message))).collect();
    json!({
        "ruleId": RULES[rule].0,
        "ruleIndex": rule,
        "level": level,
        "message": { "text": text },
        "locations": [location(&problem.span, None)],
        "relatedLocations": related,
    })
}

/// A path as a URI reference: relative ones stay relative.
pub fn uri(path: &str) -> String {
    for scheme in ["http", "https"] {
        if let Some(rest) = path.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(":/")) {
            return format!("{scheme}://{rest}");
        }
    }
    let encoded: String = path
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

/// The line and column after a place, both from 1, in characters.
fn end(problems: &Diagnostics, span: &Span) -> (u32, u32) {
    let text = problems.source(&span.file).and_then(|source| source.get(span.range())).unwrap_or_default();
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    match text.rsplit_once('\n') {
        None => (span.line, span.column.saturating_add(count(text))),
        Some((_, last)) => {
            let lines = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX);
            (span.line.saturating_add(lines), count(last).saturating_add(1))
        }
    }
}
