//! The Lambda runtime around a step: errors by the names that the state machine knows, logs as JSON with the rollout and the
//! stage on every line.

use std::future::Future;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use serin_steps::{StepError, error::Stepped};
use tracing::{Instrument as _, Span, field};
use tracing_subscriber::filter::LevelFilter;

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
        let span = span(&event.payload, &event.context.request_id);
        // Boxed: a step over the SDK is a deeply nested type.
        let outcome = Box::pin(step(event.payload)).instrument(span.clone()).await;
        outcome.map_err(|error| {
            span.in_scope(|| tracing::error!(error.name = error.name(), "{error}"));
            diagnostic(&error)
        })
    });
    lambda_runtime::run(invocation).await.map_err(ServeError)
}

fn log_as_json() {
    let level = std::env::var("LOG_LEVEL")
        .ok()
        .and_then(|level| level.parse::<LevelFilter>().ok());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .init();
}

/// The rollout and the stage of an invocation, wherever its payload carries them.
fn span(payload: &Value, request_id: &str) -> Span {
    let text = |pointers: &[&str]| pointers.iter().find_map(|pointer| payload.pointer(pointer)?.as_str());
    let rollout = text(&["/rolloutId", "/execution/Name", "/detail/name"]);
    let api = text(&[
        "/stage/restApiId",
        "/request/restApiId",
        "/state/stage/restApiId",
        "/restApiId",
    ]);
    let stage = text(&[
        "/stage/stageName",
        "/request/stageName",
        "/state/stage/stageName",
        "/stageName",
    ]);
    let span = tracing::info_span!(
        "invocation",
        requestId = request_id,
        rolloutId = field::Empty,
        stage = field::Empty
    );
    if let Some(rollout) = rollout {
        span.record("rolloutId", rollout);
    }
    if let (Some(api), Some(stage)) = (api, stage) {
        span.record("stage", format!("{api}/{stage}"));
    }
    span
}

fn diagnostic(error: &StepError) -> Diagnostic {
    Diagnostic {
        error_type: error.name().to_owned(),
        error_message: error.to_string(),
    }
}
