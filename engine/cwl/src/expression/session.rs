//! The expressions of one task or step.

use std::cell::RefCell;

use serde_json::Value as Json;
use sluis_model::{Value, Values};

use super::{
    EvaluationError, Evaluator, ExpressionError, Piece, Scope, is_expression,
    javascript::{Engine, Variables},
    reference::Reference,
    render::{interpolated, json_text},
    scan,
    view::Known,
};
use crate::Expression;

/// Evaluates the expressions of one task or step, one after the other.
///
/// The JavaScript engine is started by the first expression that needs it, and with it the expression library; both
/// serve all later ones. Each expression sees fresh copies of its variables.
pub(crate) struct Session<'a> {
    evaluator: Evaluator,
    library: Option<&'a [String]>,
    inputs: Values,
    runtime: Value,
    known: RefCell<Known>,
    engine: RefCell<Option<Engine>>,
    /// `inputs` and `runtime` as JSON texts, once an expression needed them.
    texts: RefCell<Option<(String, String)>>,
}

impl<'a> Session<'a> {
    /// A session in which expressions see these inputs and this runtime object. `library` is the expression library if
    /// the document allows JavaScript.
    pub(crate) fn new(evaluator: &Evaluator, library: Option<&'a [String]>, inputs: Values, runtime: Value) -> Self {
        Self {
            evaluator: *evaluator,
            library,
            inputs,
            runtime,
            known: RefCell::default(),
            engine: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    /// What expressions see as `inputs`.
    pub(crate) fn inputs(&self) -> &Values {
        &self.inputs
    }

    /// What expressions saw as `inputs`.
    pub(crate) fn into_inputs(self) -> Values {
        self.inputs
    }

    /// Lets later expressions see other inputs.
    pub(crate) fn set_inputs(&mut self, inputs: Values) {
        self.inputs = inputs;
        self.texts.take();
    }

    /// Lets later expressions see another runtime object.
    pub(crate) fn set_runtime(&mut self, runtime: Value) {
        self.runtime = runtime;
        self.texts.take();
    }

    /// The value of a text that may hold expressions, without white space around them; `place` says in errors where it
    /// stands. A text without any is left as it is.
    pub(crate) fn evaluate(&self, code: &Expression, this: &Value, place: &str) -> Result<Value, ExpressionError> {
        let text = code.text.as_str();
        if !is_expression(text) {
            return Ok(Value::String(text.to_owned()));
        }
        self.pieces(text.trim(), this).map_err(|cause| error(code, place, cause))
    }

    /// The same, but white space around an expression makes the value a string (CWL v1.2, Dirent, `entry`).
    pub(crate) fn evaluate_untrimmed(
        &self,
        code: &Expression,
        this: &Value,
        place: &str,
    ) -> Result<Value, ExpressionError> {
        let text = code.text.as_str();
        if !is_expression(text) {
            return Ok(Value::String(text.to_owned()));
        }
        self.pieces(text, this).map_err(|cause| error(code, place, cause))
    }

    /// A value as the JSON text that is written to a file.
    pub(crate) fn json_text(&self, value: &Value) -> String {
        json_text(self.known.borrow_mut().show(value))
    }

    /// The same, where a string is needed.
    pub(crate) fn text(&self, code: &Expression, this: &Value, place: &str) -> Result<String, ExpressionError> {
        match self.evaluate(code, this, place)? {
            Value::String(text) => Ok(text),
            other => Err(wrong_type(code, place, "a string", &other)),
        }
    }

    fn pieces(&self, text: &str, this: &Value) -> Result<Value, EvaluationError> {
        let pieces = scan(text)?;
        // An expression that fills the text keeps its type.
        if let [piece @ (Piece::Reference(_) | Piece::Body(_))] = pieces.as_slice() {
            return self.piece(piece, this);
        }
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(&text),
                code => {
                    let value = self.piece(&code, this)?;
                    out.push_str(&interpolated(&value, |value| self.known.borrow_mut().show(value)));
                }
            }
        }
        Ok(Value::String(out))
    }

    fn piece(&self, piece: &Piece<'_>, this: &Value) -> Result<Value, EvaluationError> {
        match piece {
            Piece::Text(text) => Ok(Value::String(text.to_string())),
            Piece::Body(code) => self.script(code, piece, this),
            Piece::Reference(code) => {
                let Some(reference) = Reference::parse(code) else {
                    return self.script(code, piece, this);
                };
                let scope = Scope { inputs: &self.inputs, this, runtime: &self.runtime };
                match reference.evaluate(&scope) {
                    // What names nothing may still mean something in JavaScript: a constant of the library, say.
                    Err(_) if self.library.is_some() => self.script(code, piece, this),
                    result => Ok(result?),
                }
            }
        }
    }

    fn script(&self, code: &str, piece: &Piece<'_>, this: &Value) -> Result<Value, EvaluationError> {
        let library = self.library.ok_or_else(|| EvaluationError::NeedsJavascript(shorten(code)))?;
        let result = {
            let mut known = self.known.borrow_mut();
            let mut texts = self.texts.borrow_mut();
            let mut slot = self.engine.borrow_mut();
            // The texts of an engine that runs already are passed only when they changed.
            let passes_all = texts.is_none() || slot.is_none();
            let (inputs, runtime) = texts.get_or_insert_with(|| {
                (known.show_all(&self.inputs).to_string(), known.show(&self.runtime).to_string())
            });
            let this = known.show(this).to_string();
            let variables = Variables {
                inputs: passes_all.then_some(&**inputs),
                this: Some(&this),
                runtime: passes_all.then_some(&**runtime),
            };
            let engine = match slot.take() {
                Some(engine) => engine,
                None => Engine::start(self.evaluator.limits, library, variables)?,
            };
            // An engine that failed may be left without memory: it is not used again.
            let script = piece.script().map(|function| format!("{function}()")).unwrap_or_default();
            let result = engine.evaluate(&script, variables)?;
            *slot = Some(engine);
            result
        };
        let json = match result {
            None => Json::Null,
            Some(text) => serde_json::from_str(&text).map_err(EvaluationError::Json)?,
        };
        self.known.borrow().take_back(json).map_err(EvaluationError::Value)
    }
}

fn error(code: &Expression, place: &str, cause: EvaluationError) -> ExpressionError {
    let place = match &code.at {
        Some(at) => format!("{place} ({at})"),
        None => place.to_owned(),
    };
    ExpressionError { expression: shorten(&code.text), place, cause }
}

/// The error for a result of the wrong type.
pub(crate) fn wrong_type(code: &Expression, place: &str, expected: &'static str, found: &Value) -> ExpressionError {
    error(code, place, EvaluationError::Type { expected, found: type_name(found) })
}

/// The name of a value's type, with its article.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::String(_) => "a string",
        Value::File(_) => "a File",
        Value::Directory(_) => "a Directory",
        Value::Array(_) => "an array",
        Value::Record(_) => "a record",
    }
}

/// At most 120 characters of an expression, on one line.
fn shorten(text: &str) -> String {
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(120) {
        words.truncate(end);
        words.push('…');
    }
    words
}
