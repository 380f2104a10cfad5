//! Whether JavaScript can be read at all.

use std::time::Duration;

use super::{EvaluationError, Limits, Piece, javascript::Engine};

/// Reading takes far less; nothing is run.
const LIMITS: Limits = Limits { time: Duration::from_secs(1), memory: 64 << 20, stack: 512 << 10 };

/// Reads code without running it.
#[derive(Default)]
pub(crate) struct Syntax(Option<Engine>);

impl Syntax {
    /// What is wrong with a piece of code, if it cannot be read.
    pub fn problem(&mut self, piece: &Piece<'_>) -> Option<String> {
        let script = piece.script()?;
        let engine = match self.0.take() {
            Some(engine) => engine,
            None => Engine::start(LIMITS, &[], Default::default()).ok()?,
        };
        match engine.read(&script) {
            Ok(()) => {
                self.0 = Some(engine);
                None
            }
            Err(EvaluationError::Script(why)) => Some(why),
            Err(other) => Some(other.to_string()),
        }
    }
}
