//! The record that a stage belongs to one rollout, and in which phase it is: a lock that says why.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    alarm::PlannedAlarm,
    ids::{DeploymentId, ExecutionArn, RolloutId, StageId},
    percent::Percent,
    stage::{Baseline, CanaryTarget, Variables},
    switch::Switch,
    timing::{DRAIN, FREE_AFTER, SLOWEST_STATE, later},
};

/// How far a rollout is. Every write of a claim is conditional on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Claimed; the canary is not attached yet, or perhaps just now.
    Preparing,
    /// The canary takes its share.
    Shifting,
    /// The canary is being made the stage's own.
    Promoting,
    /// It is the stage's own, and bakes for the last time.
    Promoted,
    /// Ended well.
    Finished,
    /// Going back to the baseline. Nothing else is possible from here.
    RollingBack,
    /// Ended at the baseline.
    RolledBack,
}

impl Phase {
    /// The phases from which a rollback may begin.
    pub const ACTIVE: [Self; 4] = [Self::Preparing, Self::Shifting, Self::Promoting, Self::Promoted];

    /// The phase's name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Shifting => "shifting",
            Self::Promoting => "promoting",
            Self::Promoted => "promoted",
            Self::Finished => "finished",
            Self::RollingBack => "rollingBack",
            Self::RolledBack => "rolledBack",
        }
    }

    /// Reads the phase's name in the table.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Finished, Self::RollingBack, Self::RolledBack];
        Self::ACTIVE.into_iter().chain(all).find(|phase| phase.name() == name)
    }

    /// The rollout goes on.
    #[must_use]
    pub fn is_active(self) -> bool {
        Self::ACTIVE.contains(&self)
    }

    /// The rollout has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::RolledBack)
    }
}

/// What a person told a rollout to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instruction {
    /// What to do.
    pub kind: InstructionKind,
    /// The step whose approval it answers, from 0.
    pub step: usize,
    /// Who said it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What a person can tell a rollout that waits for approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InstructionKind {
    /// Go on.
    Approve,
    /// Roll back.
    Reject,
}

/// A stage's claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The stage that is claimed.
    pub stage: StageId,
    /// The rollout that holds it.
    pub rollout_id: RolloutId,
    /// Its execution.
    pub execution_arn: ExecutionArn,
    /// How far it is.
    pub phase: Phase,
    /// The phase that a rollback began from.
    pub from: Option<Phase>,
    /// When the stage was claimed. An alarm's state change from before is not this rollout's.
    pub began_at: Timestamp,
    /// The canary deployment, once it is known.
    pub deployment_id: Option<DeploymentId>,
    /// The overridden variables of the canary.
    pub overrides: Variables,
    /// Where a rollback goes back to, recorded just before the canary is attached.
    pub baseline: Option<Baseline>,
    /// The share that was last set.
    pub percent: Percent,
    /// The alarms that guard the rollout.
    pub alarms: Vec<PlannedAlarm>,
    /// When the next write is due at the latest.
    pub next_beat_by: Timestamp,
    /// The step that waits for a person, from 0.
    pub awaiting: Option<usize>,
    /// What a person said.
    pub instruction: Option<Instruction>,
    /// Why the rollout is being, or was, rolled back.
    pub reason: Option<String>,
    /// The dead man's switch.
    pub switch: Switch,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Claim {
    /// What the rollout put, or may have put, on the stage; `None` before a deployment was recorded.
    #[must_use]
    pub fn target(&self) -> Option<CanaryTarget> {
        Some(CanaryTarget {
            deployment_id: self.deployment_id.clone()?,
            stage_variable_overrides: self.overrides.clone(),
            use_stage_cache: false,
        })
    }

    /// The next rollout may claim the stage: neither a late writer nor the switch of this one can reach it any more.
    #[must_use]
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.free_at().is_some_and(|free| now >= free)
    }

    /// When the stage is free, if that can be told yet.
    #[must_use]
    pub fn free_at(&self) -> Option<Timestamp> {
        let ended = self.ended_at.filter(|_| self.phase.is_terminal())?;
        Some(later(ended, FREE_AFTER).max(self.switch.silent_at()?))
    }

    /// Whoever looks after this rollout may still change the stage.
    #[must_use]
    pub fn may_touch(&self, now: Timestamp) -> bool {
        !self.phase.is_terminal() || self.ended_at.is_some_and(|ended| now < later(ended, DRAIN))
    }
}

/// When the claim's next write is due at the latest, for an execution that is about to wait for `wait_seconds`.
#[must_use]
pub fn beat_by(now: Timestamp, wait_seconds: u32) -> Timestamp {
    later(
        now,
        SignedDuration::from_secs(i64::from(wait_seconds)).saturating_add(SLOWEST_STATE),
    )
}

/// On what a write of a claim is conditional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The claim is this rollout's.
    pub rollout_id: RolloutId,
    /// And in one of these phases.
    pub phases: Vec<Phase>,
    /// And nothing has been recorded yet under these names.
    pub absent: Vec<Absent>,
    /// And it waits for the approval of this step.
    pub awaiting: Option<usize>,
}

/// A part of a claim that the first writer wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// No canary deployment.
    Deployment,
    /// No baseline.
    Baseline,
    /// No instruction.
    Instruction,
}

impl Guard {
    /// The claim is `rollout_id`'s and in one of `phases`.
    #[must_use]
    pub fn mine(rollout_id: &RolloutId, phases: &[Phase]) -> Self {
        Self {
            rollout_id: rollout_id.clone(),
            phases: phases.to_vec(),
            absent: Vec::new(),
            awaiting: None,
        }
    }

    /// And nothing is recorded under that name.
    #[must_use]
    pub fn without(mut self, part: Absent) -> Self {
        self.absent.push(part);
        self
    }

    /// And it waits for the approval of `step`.
    #[must_use]
    pub fn awaiting(mut self, step: usize) -> Self {
        self.awaiting = Some(step);
        self
    }

    /// Whether a claim satisfies it.
    #[must_use]
    pub fn admits(&self, claim: &Claim) -> bool {
        claim.rollout_id == self.rollout_id
            && self.phases.contains(&claim.phase)
            && self.absent.iter().all(|part| match part {
                Absent::Deployment => claim.deployment_id.is_none(),
                Absent::Baseline => claim.baseline.is_none(),
                Absent::Instruction => claim.instruction.is_none(),
            })
            && self.awaiting.is_none_or(|step| claim.awaiting == Some(step))
    }
}

/// What a write changes of a claim; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The new phase. A change to `rollingBack` also records the phase that it came from.
    pub phase: Option<Phase>,
    /// The canary deployment.
    pub deployment_id: Option<DeploymentId>,
    /// The baseline.
    pub baseline: Option<Baseline>,
    /// The share.
    pub percent: Option<Percent>,
    /// The heartbeat.
    pub next_beat_by: Option<Timestamp>,
    /// Which step waits for a person; `Some(None)` clears it, and any instruction with it.
    pub awaiting: Option<Option<usize>>,
    /// What a person said.
    pub instruction: Option<Instruction>,
    /// Why it is rolled back.
    pub reason: Option<String>,
    /// The dead man's switch.
    pub switch: Option<Switch>,
    /// When it ended. The alarms stop to point at the stage in the same write.
    pub ended_at: Option<Timestamp>,
}

impl Change {
    /// To another phase.
    #[must_use]
    pub fn to(phase: Phase) -> Self {
        Self {
            phase: Some(phase),
            ..Self::default()
        }
    }

    /// The claim as it is after the write.
    #[must_use]
    pub fn apply(&self, claim: &Claim) -> Claim {
        let mut new = claim.clone();
        if let Some(phase) = self.phase {
            if phase == Phase::RollingBack {
                new.from = Some(claim.phase);
            }
            new.phase = phase;
        }
        new.deployment_id = self.deployment_id.clone().or(new.deployment_id);
        new.baseline = self.baseline.clone().or(new.baseline);
        new.percent = self.percent.unwrap_or(new.percent);
        new.next_beat_by = self.next_beat_by.unwrap_or(new.next_beat_by);
        new.instruction = self.instruction.clone().or(new.instruction);
        if let Some(awaiting) = self.awaiting {
            new.awaiting = awaiting;
            if awaiting.is_none() {
                new.instruction = None;
            }
        }
        new.reason = self.reason.clone().or(new.reason);
        new.switch = self.switch.unwrap_or(new.switch);
        new.ended_at = self.ended_at.or(new.ended_at);
        new
    }
}
