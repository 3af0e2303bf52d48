//! What people read later: every change and every decision of a rollout, with its evidence, append only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    decide::Replay,
    decision::{Decision, Finding},
    ids::{RolloutId, StageId},
    percent::Percent,
};

/// One entry of a rollout's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The rollout.
    pub rollout_id: RolloutId,
    /// Its stage.
    pub stage: StageId,
    /// When.
    pub at: Timestamp,
    /// Which function wrote it: `begin`, `advance`, ...
    pub by: String,
    /// What happened, in one sentence.
    pub text: String,
    /// The canary's share after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// What was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Everything that a decision was made of, so that it can be made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Box<Replay>>,
}

/// The fields of an entry that are no text.
const JSON: [&str; 4] = ["stage", "percent", "findings", "replay"];

impl Entry {
    /// As the table keeps it: texts as they are, so that people can read them, and anything else as JSON.
    ///
    /// # Errors
    /// None that is known: an entry can always be written.
    pub fn attributes(&self) -> serde_json::Result<BTreeMap<String, String>> {
        let fields: Map<String, Value> = serde_json::from_value(serde_json::to_value(self)?)?;
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ok(fields.into_iter().map(|(name, value)| (name, text(value))).collect())
    }

    /// The entry that the table keeps so. What else is kept with it is ignored.
    ///
    /// # Errors
    /// Which field is missing, or is not what it should be.
    pub fn from_attributes(attributes: &BTreeMap<String, String>) -> serde_json::Result<Self> {
        let field = |(name, text): (&String, &String)| {
            let value = if JSON.contains(&name.as_str()) {
                serde_json::from_str(text)?
            } else {
                Value::from(text.as_str())
            };
            Ok::<_, serde_json::Error>((name.clone(), value))
        };
        let fields = attributes.iter().map(field).collect::<serde_json::Result<_>>()?;
        serde_json::from_value(Value::Object(fields))
    }

    /// The entry of the same decision, made again from what it was made of; `None` where that was not recorded.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        let document = self.replay.clone()?.decide();
        Some(Self {
            text: document.told(),
            percent: Some(document.progress.percent),
            decision: Some(document.decision),
            findings: document.findings,
            ..self.clone()
        })
    }
}
