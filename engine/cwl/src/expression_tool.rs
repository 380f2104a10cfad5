//! ExpressionTool: outputs computed from inputs (CWL v1.2, ExpressionTool).

use sluis_model::{Resources, Value, Values};

use crate::{
    Evaluator, ExpressionTool,
    bind::{BindError, assign_paths, check_files, runtime, show},
    collect::forget,
    contents::{Contents, ContentsError, check_origin},
    expression::{ExpressionError, Session, type_name, wrong_type},
};

/// Why an ExpressionTool gives no outputs.
#[derive(Debug, thiserror::Error)]
pub enum ExpressionToolError {
    /// The expression cannot be evaluated.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// `loadContents` failed.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A file among the inputs is not as its parameter wants it.
    #[error(transparent)]
    Inputs(#[from] BindError),
    /// A value of the wrong type.
    #[error("the output `{output}` must be of type `{expected}`, but is {found}")]
    Type {
        /// The output.
        output: String,
        /// The type of the parameter.
        expected: String,
        /// What came.
        found: &'static str,
    },
    /// The expression made up a file of this machine.
    #[error("the output `{output}` names `{path}`, which is none of the inputs; an expression cannot read other files")]
    Path {
        /// The output.
        output: String,
        /// The path.
        path: String,
    },
}

impl ExpressionTool {
    /// The output object for complete inputs. Its files are those of the inputs, or literals.
    pub fn evaluate(
        &self,
        inputs: Values,
        evaluator: &Evaluator,
        contents: &dyn Contents,
    ) -> Result<Values, ExpressionToolError> {
        let mut inputs = show(&self.inputs, inputs, self.requirements.load_listing, contents)?;
        // Nothing is staged, but expressions may tell files apart by their paths as they would in a task.
        assign_paths(&mut inputs, self.inputs.iter().map(|input| input.name.as_str()));
        let library = self.requirements.javascript.as_deref();
        let session = Session::new(evaluator, library, inputs, runtime(&Resources::default(), false, None));
        check_files(&self.inputs, &session)?;
        let mut given = match session.evaluate(&self.expression, &Value::Null, "expression")? {
            Value::Record(fields) => fields,
            other => return Err(wrong_type(&self.expression, "expression", "a record", &other).into()),
        };
        let mut outputs = Values::with_capacity(self.outputs.len());
        for output in &self.outputs {
            let mut value = given.swap_remove(&output.name).unwrap_or_default();
            if !output.ty.accepts_output(&value) {
                let (output, expected) = (output.name.clone(), output.ty.describe());
                return Err(ExpressionToolError::Type { output, expected, found: type_name(&value) });
            }
            check_origin(&value, session.inputs())
                .map_err(|path| ExpressionToolError::Path { output: output.name.clone(), path })?;
            forget(&mut value);
            outputs.insert(output.name.clone(), value);
        }
        Ok(outputs)
    }
}
