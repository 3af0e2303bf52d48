//! Reading and writing the rollout document at the rim of a step.

use serde_json::Value;
use serin_core::document::{Document, MAX_BYTES};

use crate::error::{StepError, Stepped};

/// Reads the document that the state machine hands on.
pub(crate) fn read(input: Value) -> Stepped<Document> {
    serde_json::from_value(input)
        .map_err(|error| StepError::InvalidInput(format!("this is not a rollout document: {error}")))
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
