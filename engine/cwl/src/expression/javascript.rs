//! The embedded JavaScript engine: no file, network, clock or randomness, and limits on time, memory and stack.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Function, Persistent, Runtime, context::EvalOptions, context::intrinsic,
};

use super::EvaluationError;

/// Bounds of one evaluation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long it may take.
    pub time: Duration,
    /// How many bytes of memory the engine may hold.
    pub memory: usize,
    /// How many bytes of stack it may use.
    pub stack: usize,
}

impl Default for Limits {
    /// 20 s, 256 MiB, 512 KiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(20), memory: 256 << 20, stack: 512 << 10 }
    }
}

/// What expressions may use beyond the language's core. `Performance` (a clock) and `WeakRef` (which shows when memory
/// is collected) are left out.
type Intrinsics = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// One engine with its own memory: nothing is shared between two of them.
pub(super) struct Engine {
    /// Sets the variables. It must go before the context that it belongs to.
    set_variables: Persistent<Function<'static>>,
    context: Context,
    clock: Clock,
}

/// Stops what takes too long.
struct Clock {
    deadline: Rc<Cell<Option<Instant>>>,
    limits: Limits,
}

/// The variables that an expression sees, as JSON texts; `None` for those that are as they were.
#[derive(Clone, Copy, Default)]
pub(super) struct Variables<'a> {
    pub inputs: Option<&'a str>,
    pub this: Option<&'a str>,
    pub runtime: Option<&'a str>,
}

impl Engine {
    /// Starts an engine and reads the expression library (CWL v1.2, InlineJavascriptRequirement, `expressionLib`).
    pub(super) fn start(limits: Limits, library: &[String], variables: Variables<'_>) -> Result<Self, EvaluationError> {
        let runtime = Runtime::new().map_err(|error| EvaluationError::Script(error.to_string()))?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
        let deadline = Rc::new(Cell::new(None::<Instant>));
        let watched = Rc::clone(&deadline);
        runtime.set_interrupt_handler(Some(Box::new(move || watched.get().is_some_and(|at| Instant::now() >= at))));
        let context =
            Context::custom::<Intrinsics>(&runtime).map_err(|error| EvaluationError::Script(error.to_string()))?;
        let clock = Clock { deadline, limits };
        let set_variables = clock.watch(&context, |ctx| {
            let value = run(ctx, include_str!("prelude.js"), "prelude")?;
            let function = Function::from_value(value).map_err(|error| error.to_string())?;
            Ok(Persistent::save(ctx, function))
        })?;
        let engine = Self { set_variables, context, clock };
        engine.within_limits(|ctx| engine.set(ctx, variables))?;
        for (number, source) in library.iter().enumerate() {
            let name = format!("expressionLib[{number}]");
            engine
                .within_limits(|ctx| run(ctx, source, &name).map(drop))
                .map_err(|cause| EvaluationError::Library { number, cause: Box::new(cause) })?;
        }
        Ok(engine)
    }

    /// Evaluates a script and gives its result as JSON; `None` if it is `undefined`.
    pub(super) fn evaluate(&self, script: &str, variables: Variables<'_>) -> Result<Option<String>, EvaluationError> {
        self.within_limits(|ctx| {
            self.set(ctx, variables)?;
            let value = run(ctx, script, "expression")?;
            let text = ctx.json_stringify(value).catch(ctx).map_err(|error| describe(&error))?;
            text.map(|text| text.to_string().map_err(|error| error.to_string())).transpose()
        })
    }

    /// Reads a script that is a function, without calling it.
    pub(super) fn read(&self, script: &str) -> Result<(), EvaluationError> {
        self.within_limits(|ctx| run(ctx, script, "expression").map(drop))
    }

    fn set(&self, ctx: &Ctx<'_>, variables: Variables<'_>) -> Result<(), String> {
        let function = self.set_variables.clone().restore(ctx).map_err(|error| error.to_string())?;
        let called = function.call((variables.inputs, variables.this, variables.runtime));
        called.catch(ctx).map_err(|error| describe(&error))
    }

    fn within_limits<T>(&self, work: impl FnOnce(&Ctx<'_>) -> Result<T, String>) -> Result<T, EvaluationError> {
        self.clock.watch(&self.context, work)
    }
}

impl Clock {
    fn watch<T>(
        &self,
        context: &Context,
        work: impl FnOnce(&Ctx<'_>) -> Result<T, String>,
    ) -> Result<T, EvaluationError> {
        self.deadline.set(Instant::now().checked_add(self.limits.time));
        let result = context.with(|ctx| work(&ctx));
        let is_late = self.deadline.take().is_some_and(|at| Instant::now() >= at);
        result.map_err(|message| match message {
            _ if is_late => EvaluationError::TimeLimit(self.limits.time),
            message if message.contains("out of memory") => EvaluationError::Memory(self.limits.memory >> 20),
            message => EvaluationError::Script(message),
        })
    }
}

fn run<'js>(ctx: &Ctx<'js>, source: &str, name: &str) -> Result<rquickjs::Value<'js>, String> {
    let mut options = EvalOptions::default();
    options.filename = Some(name.to_owned());
    ctx.eval_with_options(source, options).catch(ctx).map_err(|error| describe(&error))
}

fn describe(error: &CaughtError<'_>) -> String {
    match error {
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            let place = exception.stack().and_then(|stack| first_line_number(&stack));
            place.map_or_else(|| message.clone(), |place| format!("{message} ({place})"))
        }
        CaughtError::Value(value) => match value.as_string().and_then(|text| text.to_string().ok()) {
            Some(text) => text,
            // QuickJS throws `null` when it has no memory left for an error.
            None if value.is_null() => "out of memory".to_owned(),
            None => format!("it threw a value of type {}", value.type_of()),
        },
        CaughtError::Error(rquickjs::Error::Allocation) => "out of memory".to_owned(),
        CaughtError::Error(error) => error.to_string(),
    }
}

/// The innermost place in a stack trace, `at f (expression:3:7)`, as `expression line 3`.
fn first_line_number(stack: &str) -> Option<String> {
    let frame = stack.lines().find(|line| line.contains("expression"))?;
    let place = frame.rsplit_once('(').map_or(frame, |(_, place)| place).trim().trim_start_matches("at ");
    let mut parts = place.trim_end_matches(')').rsplit(':');
    let (_column, line, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{name} line {line}"))
}
