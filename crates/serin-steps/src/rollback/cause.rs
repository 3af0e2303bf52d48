//! Why a rollback happens.

use serde_json::Value;
use serin_core::document::ReasonKind;

/// Why a rollback happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) kind: ReasonKind,
    pub(crate) text: String,
}

/// Why the state machine came here: a decision, a hook's answer or a failed task.
pub(super) fn cause_of(state: &Value) -> Cause {
    let text = |pointer: &str| state.pointer(pointer).and_then(Value::as_str);
    let error = text("/error/Error").or_else(|| text("/Error"));
    if let Some(error) = error {
        let cause = text("/error/Cause").or_else(|| text("/Cause")).unwrap_or_default();
        let message = serde_json::from_str::<Value>(cause).ok();
        let message = message
            .as_ref()
            .and_then(|cause| cause.get("errorMessage"))
            .and_then(Value::as_str);
        let kind = if error == "Drift" {
            ReasonKind::Drift
        } else {
            ReasonKind::Execution
        };
        let text = match message.unwrap_or(cause) {
            "" => error.to_owned(), // Step Functions gives a timeout no cause.
            cause => format!("{error}: {cause}"),
        };
        return Cause { kind, text };
    }
    let decided = state.get("decision").and_then(Value::as_str) == Some("rollBack");
    let reason = state.get("reason").and_then(|reason| {
        let kind = serde_json::from_value(reason.get("kind")?.clone()).ok()?;
        Some(Cause {
            kind,
            text: reason.get("text")?.as_str()?.to_owned(),
        })
    });
    if let (true, Some(cause)) = (decided, reason) {
        return cause;
    }
    if let Some(answer) = state.pointer("/hook/answer") {
        // Its reason, and nothing else of it: the rest is the hook's own, and this text is logged.
        let why = answer
            .get("reason")
            .and_then(Value::as_str)
            .unwrap_or("it gave no reason");
        let why: String = why.chars().take(500).collect();
        return Cause {
            kind: ReasonKind::Hook,
            text: format!("a hook did not pass: {why}"),
        };
    }
    let decision = state.get("decision").and_then(Value::as_str).unwrap_or("nothing");
    let decision: String = decision.chars().take(40).collect();
    Cause {
        kind: ReasonKind::Execution,
        text: format!("the state machine cannot route the decision {decision:?}"),
    }
}
