//! The Lambda runtime around a step: errors by the names that the state machine knows, logs as JSON.

use std::future::Future;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use serin_steps::{StepError, error::Stepped, invocation::logged};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// The runtime could not go on.
#[derive(Debug, thiserror::Error)]
#[error("the Lambda runtime ended: {0}")]
pub struct ServeError(lambda_runtime::Error);

/// Serves invocations of one step until Lambda ends the process.
///
/// # Errors
/// Where the runtime's API cannot be reached.
pub async fn serve<F>(step: impl Fn(Value) -> F) -> Result<(), ServeError>
where
    F: Future<Output = Stepped<Value>>,
{
    log_as_json();
    let step = &step;
    let invocation = service_fn(|event: LambdaEvent<Value>| async move {
        // Boxed: a step over the SDK is a deeply nested type.
        let outcome = logged(&event.context.request_id, event.payload, |input| Box::pin(step(input))).await;
        outcome.map_err(|error| diagnostic(&error))
    });
    lambda_runtime::run(invocation).await.map_err(ServeError)
}

fn log_as_json() {
    let level = std::env::var("LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse::<LevelFilter>().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    // Below INFO the SDK logs requests with their bodies, and those hold the users' variables.
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_target("serin", level);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .finish()
        .with(targets)
        .init();
}

fn diagnostic(error: &StepError) -> Diagnostic {
    Diagnostic {
        error_type: error.name().to_owned(),
        error_message: error.to_string(),
    }
}
