//! What an invocation of a step logs: the rollout and the stage on every line, and never what its payload holds besides.

use std::future::Future;

use serde_json::Value;
use tracing::{Instrument as _, Span, field};

use crate::error::Stepped;

/// Whether it can be the name of an execution, an API or a stage: so much, and no more, of a payload is on every line.
fn is_name(text: &str) -> bool {
    // Step Functions' rule is the widest of the three.
    let refused =
        |letter: char| letter.is_control() || letter.is_whitespace() || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(letter);
    (1..=80).contains(&text.chars().count()) && !text.contains(refused)
}

/// Runs a step on a payload, and logs its error if it fails.
///
/// # Errors
/// The step's own.
pub async fn logged<F>(request_id: &str, payload: Value, step: impl FnOnce(Value) -> F) -> Stepped<Value>
where
    F: Future<Output = Stepped<Value>>,
{
    let span = span(&payload, request_id);
    let outcome = step(payload).instrument(span.clone()).await;
    if let Err(error) = &outcome {
        span.in_scope(|| tracing::error!(error.name = error.name(), "{}", error.for_the_log()));
    }
    outcome
}

/// The rollout and the stage of an invocation, wherever its payload carries them.
fn span(payload: &Value, request_id: &str) -> Span {
    let name = |pointer: &&str| payload.pointer(pointer)?.as_str().filter(|text| is_name(text));
    let text = |pointers: &[&str]| pointers.iter().find_map(name);
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
