//! What people read later: every change and every decision of a rollout, with its evidence, append only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
