//! The expressions that a document holds.

use super::{
    Amount, Argument, CommandLineBinding, CommandLineTool, Condition, Expression, InputParameter, OutputBinding,
    Position, Process, Requirements, SecondaryFile, StepInput, Type, WorkDirEntry,
};

/// What an expression can see, as far as the document tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'p> {
    /// The requirements that hold for it.
    pub requirements: &'p Requirements,
    /// What `inputs` has.
    pub inputs: InputNames<'p>,
}

/// The names that `inputs` has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum InputNames<'p> {
    /// Those of a process.
    Process(&'p [InputParameter]),
    /// Those of a step.
    Step(&'p [StepInput]),
}

impl<'p> InputNames<'p> {
    /// All of them.
    pub fn iter(self) -> Box<dyn Iterator<Item = &'p str> + 'p> {
        match self {
            Self::Process(inputs) => Box::new(inputs.iter().map(|input| input.name.as_str())),
            Self::Step(inputs) => Box::new(inputs.iter().map(|input| input.name.as_str())),
        }
    }
}

/// Takes each text that may hold expressions, with what it can see.
type Visit<'v, 'p> = dyn FnMut(&'p Expression, Surroundings<'p>) + 'v;

impl Process {
    /// Calls `visit` for every text that may hold expressions, in this process and in those that it runs.
    pub(crate) fn for_each_expression<'p>(&'p self, visit: &mut Visit<'_, 'p>) {
        match self {
            Self::CommandLineTool(tool) => of_tool(tool, visit),
            Self::ExpressionTool(tool) => {
                let around =
                    Surroundings { requirements: &tool.requirements, inputs: InputNames::Process(&tool.inputs) };
                let visit = &mut |expression| visit(expression, around);
                of_inputs(&tool.inputs, visit);
                tool.outputs.iter().filter_map(|output| output.format.as_ref()).for_each(&mut *visit);
                visit(&tool.expression);
            }
            Self::Workflow(workflow) => {
                let (requirements, inputs) = (&workflow.requirements, InputNames::Process(&workflow.inputs));
                of_inputs(&workflow.inputs, &mut |expression| visit(expression, Surroundings { requirements, inputs }));
                for step in &workflow.steps {
                    let values_from = step.inputs.iter().filter_map(|input| input.value_from.as_ref());
                    let around =
                        Surroundings { requirements: &step.requirements, inputs: InputNames::Step(&step.inputs) };
                    values_from.chain(&step.when).for_each(|expression| visit(expression, around));
                    step.run.for_each_expression(visit);
                }
            }
            Self::Operation(_) => {}
        }
    }
}

fn of_tool<'p>(tool: &'p CommandLineTool, visit: &mut Visit<'_, 'p>) {
    let around = Surroundings { requirements: &tool.requirements, inputs: InputNames::Process(&tool.inputs) };
    let visit = &mut |expression| visit(expression, around);
    of_inputs(&tool.inputs, visit);
    for argument in &tool.arguments {
        match argument {
            Argument::Text(text) => visit(text),
            Argument::Binding(binding) => of_binding(Some(binding), visit),
        }
    }
    [&tool.stdin, &tool.stdout, &tool.stderr].into_iter().flatten().for_each(&mut *visit);
    for output in &tool.outputs {
        of_output_binding(output.output_binding.as_ref(), visit);
        of_secondary_files(&output.secondary_files, visit);
        output.format.iter().for_each(&mut *visit);
        of_type(&output.ty, visit);
    }
    of_requirements(&tool.requirements, visit);
}

/// Takes each text that may hold expressions.
type VisitText<'v, 'p> = dyn FnMut(&'p Expression) + 'v;

fn of_inputs<'p>(inputs: &'p [InputParameter], visit: &mut VisitText<'_, 'p>) {
    for input in inputs {
        of_binding(input.input_binding.as_ref(), visit);
        of_secondary_files(&input.secondary_files, visit);
        input.format.iter().for_each(&mut *visit);
        of_type(&input.ty, visit);
    }
}

fn of_type<'p>(ty: &'p Type, visit: &mut VisitText<'_, 'p>) {
    match ty {
        Type::Enum(ty) => of_binding(ty.input_binding.as_ref(), visit),
        Type::Array(ty) => {
            of_binding(ty.input_binding.as_ref(), visit);
            of_type(&ty.items, visit);
        }
        Type::Union(types) => types.iter().for_each(|ty| of_type(ty, visit)),
        Type::Record(ty) => {
            of_binding(ty.input_binding.as_ref(), visit);
            for field in &ty.fields {
                of_binding(field.input_binding.as_ref(), visit);
                of_output_binding(field.output_binding.as_ref(), visit);
                of_secondary_files(&field.secondary_files, visit);
                field.format.iter().for_each(&mut *visit);
                of_type(&field.ty, visit);
            }
        }
        _ => {}
    }
}

fn of_binding<'p>(binding: Option<&'p CommandLineBinding>, visit: &mut VisitText<'_, 'p>) {
    let Some(binding) = binding else { return };
    if let Some(Position::Expression(position)) = &binding.position {
        visit(position);
    }
    binding.value_from.iter().for_each(visit);
}

fn of_output_binding<'p>(binding: Option<&'p OutputBinding>, visit: &mut VisitText<'_, 'p>) {
    let Some(binding) = binding else { return };
    binding.glob.iter().chain(&binding.output_eval).for_each(visit);
}

fn of_secondary_files<'p>(files: &'p [SecondaryFile], visit: &mut VisitText<'_, 'p>) {
    for file in files {
        visit(&file.pattern);
        of_condition(file.required.as_ref(), visit);
    }
}

fn of_condition<'p>(condition: Option<&'p Condition>, visit: &mut VisitText<'_, 'p>) {
    if let Some(Condition::Expression(expression)) = condition {
        visit(expression);
    }
}

fn of_requirements<'p>(requirements: &'p Requirements, visit: &mut VisitText<'_, 'p>) {
    for entry in &requirements.initial_work_dir {
        match entry {
            WorkDirEntry::Dirent { entry, entry_name, .. } => {
                visit(entry);
                entry_name.iter().for_each(&mut *visit);
            }
            WorkDirEntry::Expression(expression) => visit(expression),
            WorkDirEntry::Value(_) => {}
        }
    }
    requirements.environment.iter().for_each(|variable| visit(&variable.value));
    let resources = &requirements.resources;
    let amounts = [
        &resources.cores_min,
        &resources.cores_max,
        &resources.ram_min,
        &resources.ram_max,
        &resources.tmpdir_min,
        &resources.tmpdir_max,
        &resources.outdir_min,
        &resources.outdir_max,
        &requirements.time_limit,
    ];
    let gpus = requirements.cuda.iter().flat_map(|cuda| [&cuda.count_min, &cuda.count_max]);
    for amount in amounts.into_iter().chain(gpus).flatten() {
        if let Amount::Expression(expression) = amount {
            visit(expression);
        }
    }
    of_condition(requirements.network_access.as_ref(), visit);
    of_condition(requirements.work_reuse.as_ref(), visit);
}
