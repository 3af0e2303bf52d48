//! What both sides say, in words that can be compared.

use serin_core::{percent::Percent, stage::StageView};

use crate::operation::{Canary, Deployment, Value};

/// How a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 404.
    NotFound,
    /// 400.
    BadRequest,
    /// 409.
    Conflict,
    /// Anything else, which AWS does not answer.
    Other,
}

/// A stage with deployments named by the order in which they were made, or why there is none.
pub(crate) type Answer = Result<StageView, Refusal>;

/// What a call came to: the stage, a new deployment's number, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stage(Answer),
    Made(Result<usize, Refusal>),
}

/// How many stages there can be.
pub(crate) const STAGES: usize = 2;

/// A deployment that does not exist.
const UNKNOWN: &str = "nosuch";

/// The id of a deployment, of those that were made.
pub(crate) fn id(made: &[String], deployment: Deployment) -> String {
    match deployment {
        Deployment::Made(ago) => made.get(made.len() - 1 - ago % made.len()).cloned(),
        Deployment::Unknown => None,
    }
    .unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The same stage with `#0`, `#1` and so on for its deployments.
pub(crate) fn numbered(made: &[String], mut view: StageView) -> StageView {
    let name = |id: &str| match made.iter().position(|made| made == id) {
        Some(number) => format!("#{number}"),
        None => id.to_owned(),
    };
    view.deployment_id = name(view.deployment_id.as_str()).as_str().into();
    // A drawn value may be a deployment's id.
    view.variables.values_mut().for_each(|value| *value = name(value));
    if let Some(canary) = &mut view.canary {
        canary.deployment_id = name(canary.deployment_id.as_str()).as_str().into();
        canary.overrides.values_mut().for_each(|value| *value = name(value));
    }
    view
}

/// A drawn share.
pub(crate) fn percent(canary: &Canary) -> Percent {
    Percent::parse(canary.percent).unwrap()
}

/// The text of a patch's value.
pub(crate) fn value(made: &[String], value: &Value) -> Option<String> {
    match value {
        Value::None => None,
        Value::Text(text) => Some((*text).to_owned()),
        Value::Deployment(deployment) => Some(id(made, *deployment)),
    }
}
