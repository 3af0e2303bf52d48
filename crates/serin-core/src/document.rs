//! The rollout document: it goes whole into every task of the state machine and comes out whole.
//!
//! Executions outlive deployments of Serin, so fields are only ever added, with a default, and unknown ones are ignored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    alarm::PlannedAlarm,
    analysis::{Analysis, Span},
    decision::{Decision, Finding},
    ids::{AlarmArn, ExecutionArn, RolloutId, StageId},
    percent::Percent,
    plan::{Plan, Step},
    stage::{Baseline, CanaryTarget},
};

/// The version that this code writes.
pub const VERSION: u32 = 1;

/// The most bytes of a document, by construction: every list and text in a request is limited.
pub const MAX_BYTES: usize = 64 * 1024;

/// Everything that the steps of a rollout hand on to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The document's version.
    pub version: u32,
    /// The rollout.
    pub rollout_id: RolloutId,
    /// Its execution.
    pub execution_arn: ExecutionArn,
    /// The stage.
    pub stage: StageId,
    /// The name of the API, which its metrics carry.
    pub api_name: String,
    /// When the rollout began.
    pub began_at: Timestamp,
    /// When it is rolled back if it still goes on.
    pub deadline: Timestamp,
    /// What the stage was before.
    pub baseline: Baseline,
    /// What the rollout puts there.
    pub canary: CanaryTarget,
    /// How traffic moves.
    pub plan: Plan,
    /// What guards it.
    pub alarms: Vec<PlannedAlarm>,
    /// How evidence is gathered and judged.
    #[serde(default)]
    pub analysis: Analysis,
    /// The user's own checks.
    #[serde(default)]
    pub hooks: Hooks,
    /// Where the rollout stands.
    pub progress: Progress,
    /// What happens next.
    pub decision: Decision,
    /// How long the state machine waits before the next look, in seconds.
    pub wait_seconds: u32,
    /// Why that, and why not something else.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Why the rollout is rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What to copy into infrastructure as code, once the rollout has finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Outcome>,
}

/// Functions of the user's that are asked before traffic moves, and after promotion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hooks {
    /// Asked before the canary takes any traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_traffic: Option<String>,
    /// Asked once the canary is the stage's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_promotion: Option<String>,
}

/// Where a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The step that bakes, or is to be reached next, from 0.
    pub step: usize,
    /// The share that the canary has.
    pub percent: Percent,
    /// When the stage's traffic last changed.
    pub since: Timestamp,
    /// The bakes that are over, whose windows are evidence too: alpha is per rollout. A bake that was disturbed is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Span>,
    /// The canary is the stage's own.
    #[serde(default)]
    pub promoted: bool,
    /// Since when a person is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaiting_since: Option<Timestamp>,
    /// How often a bake was started again because the share was found changed.
    #[serde(default)]
    pub restarts: u32,
    /// How many looks there were, for the jitter of the next.
    #[serde(default)]
    pub ticks: u32,
    /// Alarms that were in ALARM at the start and have not been OK since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_alarms: Vec<AlarmArn>,
}

/// Why a rollout is rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What kind of reason it is.
    pub kind: ReasonKind,
    /// The reason in one sentence; it becomes the cause of the execution's failure.
    pub text: String,
}

/// Kinds of reasons for a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReasonKind {
    /// An alarm of the plan.
    Alarm,
    /// Somebody else changed the stage: nothing may be removed before it has been looked at.
    Drift,
    /// The evidence.
    Evidence,
    /// A person.
    Person,
    /// A hook.
    Hook,
    /// The execution ended, failed or fell silent.
    Execution,
    /// Time ran out.
    Deadline,
    /// Another trigger began the rollback; the claim has its reason.
    Elsewhere,
}

/// What a finished rollout leaves on the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The stage's deployment now.
    pub deployment_id: crate::ids::DeploymentId,
    /// The stage variables that the rollout set.
    pub variables: crate::stage::Variables,
    /// What to do with them.
    pub note: String,
}

impl Document {
    /// The step that bakes or is next; `None` in the final bake.
    #[must_use]
    pub fn step(&self) -> Option<&Step> {
        if self.progress.promoted {
            None
        } else {
            self.plan.steps.get(self.progress.step)
        }
    }

    /// The decision and its reasons, in one line.
    #[must_use]
    pub fn told(&self) -> String {
        let texts: Vec<_> = self.findings.iter().map(|finding| finding.text.as_str()).collect();
        format!("{}: {}", self.decision.name(), texts.join("; "))
    }

    /// Sets the decision and, where it means to wait, until when.
    pub fn decide(&mut self, decision: Decision, until: Timestamp, now: Timestamp) {
        self.decision = decision;
        self.progress.ticks = self.progress.ticks.wrapping_add(1);
        let awaiting = self
            .progress
            .awaiting_since
            .filter(|_| decision == Decision::AwaitApproval);
        let tick = awaiting.map_or_else(
            || self.plan.tick(),
            |since| self.plan.waiting_tick(now.duration_since(since)),
        );
        self.wait_seconds = Plan::wait(tick, until.duration_since(now), self.jitter());
    }

    /// 0 to 9, the same for the same tick of the same rollout.
    fn jitter(&self) -> u32 {
        let seed = self.progress.ticks.wrapping_add(17);
        self.rollout_id
            .as_str()
            .bytes()
            .fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
            % 10
    }
}
