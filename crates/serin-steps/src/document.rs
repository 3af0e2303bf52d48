//! Reading and writing the rollout document at the rim of a step.

use serde_json::Value;
use serin_core::{
    document::{Document, MAX_BYTES},
    fields::Faults,
};

use crate::error::{StepError, Stepped};

/// Reads the document that the state machine hands on.
pub(crate) fn read(input: Value) -> Stepped<Document> {
    serde_json::from_value(input)
        .map_err(|error| Faults::one("the document", unlike(&error.to_string()), "a rollout document").into())
}

/// What is wrong with a document, without its values: the message becomes the reason of a rollback, and reasons are logged.
fn unlike(message: &str) -> String {
    if message.starts_with("missing field") {
        return format!("one with a {message}");
    }
    match message.rsplit_once("expected ") {
        Some((_, expected)) => format!("one with something else where it has {expected}"),
        None => "one with a value that does not fit".to_owned(),
    }
}

/// Writes it back.
pub(crate) fn write(document: &Document) -> Stepped<Value> {
    let value = serde_json::to_value(document).map_err(|error| StepError::Internal(error.to_string()))?;
    let size = value.to_string().len();
    if size > MAX_BYTES {
        return Err(StepError::Internal(format!(
            "the rollout document has {size} bytes, at most {MAX_BYTES} are safe"
        )));
    }
    Ok(value)
}
