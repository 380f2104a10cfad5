use std::{cell::RefCell, error::Error, sync::Arc};

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use sluis_model::{Address, File, Location, Value, Values};

use super::{Scattered, Shape, StepError};
use crate::{
    Contents, Evaluator, Expression, InputParameter, LinkMerge, Operation, PickValue, Process, Requirements, Scatter,
    ScatterMethod, Source, StepInput, Type, Workflow, WorkflowOutput, WorkflowStep,
};

struct Text;

impl Contents for Text {
    fn text(&self, file: &File) -> Result<String, Box<dyn Error + Send + Sync>> {
        if file.basename == "long" { Err("it is too long".into()) } else { Ok(format!("text of {}", file.basename)) }
    }
}

fn int(value: i64) -> Value {
    Value::Integer(value)
}

fn ints(values: &[i64]) -> Value {
    Value::Array(values.iter().copied().map(Value::Integer).collect())
}

fn values<const N: usize>(values: [(&str, Value); N]) -> Values {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn parameter(name: &str) -> InputParameter {
    InputParameter {
        unreadable_default: None,
        about: crate::About::default(),
        name: name.to_owned(),
        ty: Type::Any,
        default: None,
        input_binding: None,
        secondary_files: Vec::new(),
        format: Vec::new(),
        ontologies: Default::default(),
        load_contents: false,
        load_listing: None,
        streamable: false,
    }
}

fn step(inputs: Vec<StepInput>) -> WorkflowStep {
    let parameters = inputs.iter().filter(|input| input.name != "extra").map(|input| parameter(&input.name));
    WorkflowStep {
        about: crate::About::default(),
        id: "step".to_owned(),
        run: Process::Operation(Arc::new(Operation { inputs: parameters.collect(), ..Operation::default() })),
        inputs,
        outputs: vec!["out".to_owned()],
        scatter: None,
        when: None,
        requirements: Requirements { javascript: Some(Vec::new()), ..Requirements::default() },
    }
}

fn input(name: &str) -> StepInput {
    StepInput { name: name.to_owned(), ..StepInput::default() }
}

fn source(name: &str) -> Source {
    Source::WorkflowInput(name.to_owned())
}

fn lookup(source: &Source) -> Option<Value> {
    let Source::WorkflowInput(name) = source else { return None };
    Some(match name.as_str() {
        "null" => Value::Null,
        "one" => int(1),
        "two" => int(2),
        "list" => ints(&[3, 4]),
        "holes" => Value::Array(vec![Value::Null, int(5)]),
        _ => return None,
    })
}

fn linked(names: &[&str], merge: Option<LinkMerge>, pick: Option<PickValue>) -> Result<Value, StepError> {
    let output = WorkflowOutput {
        about: crate::About::default(),
        name: "x".to_owned(),
        ty: Type::Union(vec![Type::Null, Type::Any]),
        sources: names.iter().map(|name| source(name)).collect(),
        link_merge: merge,
        pick_value: pick,
    };
    let workflow = Workflow { outputs: vec![output.clone()], ..Workflow::default() };
    let outputs = workflow.gather_outputs(&lookup).map(|values| values["x"].clone());
    let input = StepInput { sources: output.sources, link_merge: merge, pick_value: pick, ..input("x") };
    let inputs = step(vec![input]).gather_inputs(&lookup, &Text).map(|values| values["x"].clone());
    assert_eq!(inputs.as_ref().ok(), outputs.as_ref().ok(), "inputs and outputs are linked alike");
    outputs
}

#[test]
fn links_merge_and_pick() {
    use LinkMerge::{MergeFlattened, MergeNested};
    use PickValue::{AllNonNull, FirstNonNull, TheOnlyNonNull};
    for (names, merge, pick, expected) in [
        (&["one"][..], None, None, int(1)),
        (&["one"], Some(MergeNested), None, ints(&[1])),
        (&["list"], Some(MergeFlattened), None, ints(&[3, 4])),
        (&["one", "list"], Some(MergeNested), None, Value::Array(vec![int(1), ints(&[3, 4])])),
        (&["one", "list"], Some(MergeFlattened), None, ints(&[1, 3, 4])),
        (&["null", "two", "one"], Some(MergeNested), Some(FirstNonNull), int(2)),
        (&["null", "two"], Some(MergeNested), Some(TheOnlyNonNull), int(2)),
        (&["null", "two", "one"], Some(MergeNested), Some(AllNonNull), ints(&[2, 1])),
        (&["null"], Some(MergeNested), Some(AllNonNull), ints(&[])),
        (&["holes"], None, Some(AllNonNull), ints(&[5])),
        (&["one"], None, Some(FirstNonNull), int(1)),
        (&[], None, None, Value::Null),
    ] {
        assert_eq!(linked(names, merge, pick).unwrap(), expected, "{names:?} {merge:?} {pick:?}");
    }
    let nested = Some(MergeNested);
    assert!(matches!(linked(&["null"], nested, Some(FirstNonNull)), Err(StepError::AllNull { .. })));
    assert!(matches!(linked(&["null"], nested, Some(TheOnlyNonNull)), Err(StepError::AllNull { .. })));
    assert!(matches!(linked(&["one", "two"], nested, Some(TheOnlyNonNull)), Err(StepError::SeveralNonNull { .. })));
    assert!(matches!(linked(&["absent"], None, None), Err(StepError::Source { .. })));
}

#[test]
fn defaults_fill_nulls_and_contents_are_loaded() {
    let file = |name: &str| Value::File(Box::new(File::new(name, Location::Object(Address::from_bytes([1; 32])))));
    let with_default = |default| StepInput { default: Some(default), load_contents: true, ..input("x") };
    let null = StepInput { sources: vec![source("null")], ..with_default(int(7)) };
    assert_eq!(step(vec![null]).gather_inputs(&lookup, &Text).unwrap()["x"], int(7));
    let one = StepInput { sources: vec![source("one")], ..with_default(int(7)) };
    assert_eq!(step(vec![one]).gather_inputs(&lookup, &Text).unwrap()["x"], int(1));
    let gathered = step(vec![with_default(file("a"))]).gather_inputs(&lookup, &Text).unwrap();
    assert!(matches!(&gathered["x"], Value::File(file) if file.contents.as_deref() == Some("text of a")));
    let error = step(vec![with_default(file("long"))]).gather_inputs(&lookup, &Text).unwrap_err();
    assert_eq!(error.to_string(), "cannot load the contents of `long`");
}

#[test]
fn a_default_of_the_process_is_seen_by_expressions_of_the_step() {
    let given = |name: &str, default: Option<i64>| {
        let value_from = Some(Expression::from("$(self + 1)"));
        let first = StepInput { sources: vec![source(name)], default: default.map(int), value_from, ..input("x") };
        let mut step = step(vec![first, StepInput { sources: vec![source("holes")], ..input("y") }]);
        let mut parameters = vec![parameter("x"), parameter("y")];
        parameters.iter_mut().for_each(|parameter| parameter.default = Some(int(77)));
        step.run = Process::Operation(Arc::new(Operation { inputs: parameters, ..Operation::default() }));
        step.when = Some(Expression::from("$(inputs.x > 5)"));
        step.scatter = Some(Scatter { inputs: vec!["y".to_owned()], method: ScatterMethod::Dotproduct });
        let jobs = step.scatter(step.gather_inputs(&lookup, &Text).unwrap()).unwrap().jobs;
        step.job_inputs(jobs[0].clone(), &Evaluator::default(), &Text).unwrap()
    };
    assert_eq!(given("null", None), Some(values([("x", int(78)), ("y", Value::Null)])));
    assert_eq!(given("null", Some(3)), None);
    assert_eq!(given("one", None), None);
}

#[test]
fn value_from_sees_the_inputs_before_and_when_those_after() {
    let computed = |name, code: &str| StepInput { value_from: Some(Expression::from(code)), ..input(name) };
    let mut step = step(vec![computed("a", "$(self + inputs.b)"), computed("b", "$(inputs.a * 10)"), input("extra")]);
    let job = values([("a", int(1)), ("b", int(2)), ("extra", int(9))]);
    let mut run = |when: &str, job: &Values| {
        step.when = Some(Expression::from(when));
        step.job_inputs(job.clone(), &Evaluator::default(), &Text)
    };
    assert_eq!(run("$(inputs.a === 3)", &job).unwrap(), Some(values([("a", int(3)), ("b", int(10))])));
    assert_eq!(run("$(inputs.extra !== 9)", &job).unwrap(), None);
    let error = run("$(inputs.extra)", &job).unwrap_err();
    let StepError::Expression(error) = error else { panic!("{error}") };
    assert_eq!(error.to_string(), "cannot evaluate `$(inputs.extra)` in step.when");
    assert_eq!(error.cause.to_string(), "its result must be a boolean, but is an integer");
}

#[test]
fn an_expression_cannot_name_files_of_this_machine() {
    let made = |code: &str, given: Location| {
        let input = StepInput { value_from: Some(Expression::from(code)), ..input("a") };
        let job = values([("a", Value::File(Box::new(File::new("x", given))))]);
        step(vec![input]).job_inputs(job, &Evaluator::default(), &Text)
    };
    let sealed = || Location::Object(Address::from_bytes([1; 32]));
    for forged in ["path: '/etc/passwd'", "location: 'file:///etc/passwd', basename: 'x'"] {
        let error = made(&format!("$({{'class': 'File', {forged}}})"), sealed()).unwrap_err();
        assert!(matches!(error, StepError::Path { path, .. } if path == "/etc/passwd"), "{forged}");
    }
    assert!(made("$(self)", Location::Path("/data/x".into())).is_ok());
    assert!(made("${ self.basename = 'y'; return self; }", Location::Path("/data/x".into())).is_ok());
}

fn scattered(method: ScatterMethod, inputs: Values) -> Result<Scattered, StepError> {
    let names = ["a", "b"].into_iter().filter(|name| inputs.contains_key(*name));
    let scatter = Scatter { inputs: names.map(str::to_owned).collect(), method };
    WorkflowStep { scatter: Some(scatter), ..step(Vec::new()) }.scatter(inputs)
}

/// What a step gives whose job joins its inputs, for a scatter of them.
fn outputs_of(method: ScatterMethod, inputs: Values) -> Value {
    let Scattered { shape, jobs } = scattered(method, inputs).unwrap();
    let outputs = jobs.into_iter().map(|job| {
        let number = |name: &str| if let Some(Value::Integer(value)) = job.get(name) { *value } else { 0 };
        Some(values([("out", int(number("a") * 10 + number("b")))]))
    });
    shape.gather(&["out".to_owned()], outputs.collect())["out"].clone()
}

#[test]
fn the_three_methods_arrange_jobs_and_outputs() {
    use ScatterMethod::{Dotproduct, FlatCrossproduct, NestedCrossproduct};
    let both = |a: &[i64], b: &[i64]| values([("a", ints(a)), ("b", ints(b)), ("c", int(0))]);
    let nested = |rows: &[&[i64]]| Value::Array(rows.iter().map(|row| ints(row)).collect());
    for (method, inputs, expected) in [
        (Dotproduct, both(&[1, 2], &[3, 4]), ints(&[13, 24])),
        (Dotproduct, both(&[], &[]), ints(&[])),
        (FlatCrossproduct, both(&[1, 2], &[3, 4, 5]), ints(&[13, 14, 15, 23, 24, 25])),
        (FlatCrossproduct, both(&[1, 2], &[]), ints(&[])),
        (NestedCrossproduct, both(&[1, 2], &[3, 4, 5]), nested(&[&[13, 14, 15], &[23, 24, 25]])),
        (NestedCrossproduct, both(&[1, 2], &[]), nested(&[&[], &[]])),
        (NestedCrossproduct, both(&[], &[3]), nested(&[])),
        (NestedCrossproduct, values([("a", ints(&[1]))]), ints(&[10])),
    ] {
        assert_eq!(outputs_of(method, inputs.clone()), expected, "{method:?} {inputs:?}");
    }
    assert!(matches!(scattered(Dotproduct, both(&[1], &[])), Err(StepError::Lengths { .. })));
    let plain = scattered(Dotproduct, values([("a", int(1))]));
    assert!(matches!(plain, Err(StepError::NotAnArray { found: "an integer", .. })));
    let huge = ints(&[0; 70_000]);
    let huge = scattered(FlatCrossproduct, values([("a", huge.clone()), ("b", huge)]));
    assert!(matches!(huge, Err(StepError::TooMany)));
}

#[test]
fn a_skipped_job_gives_null() {
    let outputs = ["out".to_owned()];
    let done = || Some(values([("out", int(1))]));
    assert_eq!(Shape::Single.gather(&outputs, vec![None])["out"], Value::Null);
    assert_eq!(Shape::Single.gather(&outputs, vec![done()])["out"], int(1));
    let gathered = Shape::Nested(vec![2]).gather(&outputs, vec![None, done()]);
    assert_eq!(gathered["out"], Value::Array(vec![Value::Null, int(1)]));
}

fn methods() -> impl Strategy<Value = ScatterMethod> {
    use ScatterMethod::{Dotproduct, FlatCrossproduct, NestedCrossproduct};
    prop_oneof![Just(Dotproduct), Just(FlatCrossproduct), Just(NestedCrossproduct)]
}

use proptest::prelude::Just;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn scattering_one_input_and_gathering_it_gives_it_back(
        items in prop::collection::vec(any::<i64>(), 0..20),
        method in methods(),
    ) {
        let Scattered { shape, jobs } = scattered(method, values([("a", ints(&items)), ("c", int(1))])).unwrap();
        let results = jobs.into_iter().map(Some).collect();
        let gathered = shape.gather(&["a".to_owned(), "c".to_owned()], results);
        assert_eq!(gathered["a"], ints(&items));
        assert_eq!(gathered["c"], ints(&vec![1; items.len()]));
    }

    #[test]
    fn the_nested_product_flattened_is_the_flat_product(
        a in prop::collection::vec(0_i64..9, 0..6),
        b in prop::collection::vec(0_i64..9, 0..6),
    ) {
        let inputs = values([("a", ints(&a)), ("b", ints(&b))]);
        let flattened = RefCell::new(Vec::new());
        let Value::Array(rows) = outputs_of(ScatterMethod::NestedCrossproduct, inputs.clone()) else { panic!() };
        assert_eq!(rows.len(), a.len());
        for row in rows {
            let Value::Array(row) = row else { panic!() };
            assert_eq!(row.len(), b.len());
            flattened.borrow_mut().extend(row);
        }
        assert_eq!(outputs_of(ScatterMethod::FlatCrossproduct, inputs), Value::Array(flattened.into_inner()));
    }
}
