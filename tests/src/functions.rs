//! The functions by their names, over any world that has all the ports.

#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "it serves tests only, which fail by panicking"
)]

use serde_json::{Value, json};
use serin_core::{analysis::STANDARD_SECONDS, request::Settings};
use serin_steps::{
    StepError, advance, begin,
    error::Stepped,
    evaluate, finish, instruct,
    invocation::logged,
    ports::{Alarms, Claims, Clock, DeadMansSwitch, Executions, Gateway, Metrics},
    promote, rollback, sweep,
};

use crate::{machine::Failure, simulation::HOOKS};

/// All the ports.
pub trait World: Gateway + Claims + Alarms + Metrics + Executions + DeadMansSwitch + Clock {}

impl<T: Gateway + Claims + Alarms + Metrics + Executions + DeadMansSwitch + Clock> World for T {}

/// Runs a function, with its log.
///
/// # Errors
/// The step's.
pub async fn run(world: &impl World, function: &str, input: Value) -> Stepped<Value> {
    logged("request-1", input, |input| step(world, function, input)).await
}

async fn step(world: &impl World, function: &str, input: Value) -> Stepped<Value> {
    match function {
        "begin" => begin::begin(world, world, world, world, world, &settings(), input).await,
        "advance" => advance::advance(world, world, world, input).await,
        "evaluate" => evaluate::evaluate(world, world, world, world, world, world, input).await,
        "promote" => promote::promote(world, world, world, world, input).await,
        "finish" => finish::finish(world, world, world, world, input).await,
        "rollback" => rollback::rollback(world, world, world, world, input).await,
        "sweep" => sweep::sweep(world, world, world, world, world).await,
        "instruct" => instruct::instruct(world, world, input).await,
        other => panic!("no function is called {other}"),
    }
}

/// What `begin` is told by its environment.
fn settings() -> Settings {
    Settings {
        hook_pattern: HOOKS.to_owned(),
        metric_seconds: STANDARD_SECONDS,
    }
}

/// The name of the function that a task invokes by its substitution, `${BeginFunctionArn}`.
#[must_use]
pub fn name(substitution: &str) -> String {
    let name = substitution
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix("FunctionArn}"));
    name.unwrap_or_else(|| panic!("no function is called {substitution}"))
        .to_lowercase()
}

/// An error as Lambda hands it on.
#[must_use]
pub fn failure(error: &StepError) -> Failure {
    let cause = json!({ "errorType": error.name(), "errorMessage": error.to_string() });
    Failure {
        error: error.name().to_owned(),
        cause: cause.to_string(),
    }
}
