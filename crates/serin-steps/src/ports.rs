//! What the steps need of the world, in the domain's own types.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serin_core::{
    alarm::{AlarmKind, AlarmReading},
    analysis::{Analysis, Window},
    claim::{Change, Claim, Guard},
    document::Document,
    ids::{AlarmArn, DeploymentId, ExecutionArn, RolloutId, StageId},
    stage::{Patch, StageView},
    timeline::Entry,
};

/// Why a call to API Gateway, CloudWatch, DynamoDB or Step Functions did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CallError {
    /// What was named does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// AWS refused the call and would refuse it again.
    #[error("refused: {0}")]
    Rejected(String),
    /// Too many calls; nothing was done.
    #[error("throttled: {0}")]
    Throttled(String),
    /// Nothing is known of the outcome, or somebody else is changing the same thing; worth another try.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl CallError {
    /// The same, and what it means.
    #[must_use]
    pub fn about(self, what: &str) -> Self {
        let told = |text: String| format!("{what}: {text}");
        match self {
            Self::NotFound(text) => Self::NotFound(told(text)),
            Self::Rejected(text) => Self::Rejected(told(text)),
            Self::Throttled(text) => Self::Throttled(told(text)),
            Self::Unavailable(text) => Self::Unavailable(told(text)),
        }
    }
}

/// The result of a call.
pub type Called<T> = Result<T, CallError>;

/// API Gateway's control plane. Its account limit is 10 calls a second, shared with everybody.
pub trait Gateway: Sync {
    /// The name of a REST API.
    fn api_name(&self, rest_api_id: &str) -> impl Future<Output = Called<String>> + Send;
    /// GetStage.
    fn stage(&self, stage: &StageId) -> impl Future<Output = Called<StageView>> + Send;
    /// UpdateStage; the answer describes the stage after the change. The patches apply all or none.
    fn update_stage(&self, stage: &StageId, patches: &[Patch]) -> impl Future<Output = Called<StageView>> + Send;
    /// CreateDeployment without a stage, never retried: a lost answer is looked up by the description.
    fn create_deployment(
        &self,
        rest_api_id: &str,
        description: &str,
    ) -> impl Future<Output = Called<DeploymentId>> + Send;
    /// The newest deployment with that description.
    fn deployment_described(
        &self,
        rest_api_id: &str,
        description: &str,
    ) -> impl Future<Output = Called<Option<DeploymentId>>> + Send;
    /// Whether the API has that deployment.
    fn has_deployment(&self, rest_api_id: &str, id: &DeploymentId) -> impl Future<Output = Called<bool>> + Send;
}

/// What a conditional write came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Written {
    /// The claim as it is now.
    Done(Box<Claim>),
    /// The condition did not hold; the claim as it is.
    Lost(Option<Box<Claim>>),
}

/// A stage that an alarm guards a rollout on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guarded {
    /// The stage.
    pub stage: StageId,
    /// The rollout.
    pub rollout_id: RolloutId,
    /// When it claimed the stage: what an alarm did before is not its concern.
    pub began_at: Timestamp,
}

/// The table: claims, which alarm guards what, timelines. Every read is consistent.
pub trait Claims: Sync {
    /// A stage's claim.
    fn read(&self, stage: &StageId) -> impl Future<Output = Called<Option<Claim>>> + Send;
    /// In one transaction: the claim, if the stage is free at `now`; its alarms; and the rollout's own record, if it never
    /// claimed before. `false` if one of the conditions did not hold.
    fn take(&self, claim: &Claim, now: Timestamp) -> impl Future<Output = Called<bool>> + Send;
    /// Changes a claim if it satisfies the guard. An end also takes the alarms off the stage, in the same transaction.
    fn change(&self, stage: &StageId, guard: &Guard, change: &Change) -> impl Future<Output = Called<Written>> + Send;
    /// Gives a claim back as if it had never been taken, if it satisfies the guard; whether it did.
    fn give_back(&self, claim: &Claim, guard: &Guard) -> impl Future<Output = Called<bool>> + Send;
    /// The stages that an alarm guards.
    fn guarded_by(&self, alarm: &AlarmArn) -> impl Future<Output = Called<Vec<Guarded>>> + Send;
    /// The stage that a rollout once claimed.
    fn stage_of(&self, rollout: &RolloutId) -> impl Future<Output = Called<Option<StageId>>> + Send;
    /// Claims that the sweep looks after; eventually consistent, so each is read again.
    fn watched(&self) -> impl Future<Output = Called<Vec<StageId>>> + Send;
    /// Nobody needs to look after an ended claim of this rollout any more.
    fn unwatch(&self, stage: &StageId, rollout: &RolloutId) -> impl Future<Output = Called<()>> + Send;
    /// Adds to a rollout's timeline.
    fn record(&self, entry: &Entry) -> impl Future<Output = Called<()>> + Send;
}

/// CloudWatch's alarms of the kinds that are asked for.
pub trait Alarms: Sync {
    /// Those of the names that exist.
    fn named(&self, kinds: &[AlarmKind], names: &[&str]) -> impl Future<Output = Called<Vec<AlarmReading>>> + Send;
    /// Those whose names begin so.
    fn with_prefix(&self, kinds: &[AlarmKind], prefix: &str) -> impl Future<Output = Called<Vec<AlarmReading>>> + Send;
}

/// CloudWatch's metrics.
pub trait Metrics: Sync {
    /// The requests of both sides, and the bad ones by each metric of the plan, in each window from `from` to `to`, oldest
    /// first. A window without a count of requests is none.
    fn requests(
        &self,
        document: &Document,
        analysis: &Analysis,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Future<Output = Called<Vec<Window>>> + Send;
}

/// The dead man's switch: one schedule for each rollout that removes the canary of its stage, once, with none of Serin's code.
/// Each call concerns the schedule of that rollout only, so a late one touches no other.
pub trait DeadMansSwitch: Sync {
    /// Sets it for that time, whether it is there or not.
    fn arm(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> impl Future<Output = Called<()>> + Send;
    /// Sets it for another time, if it is there; one that was taken away stays away.
    fn push(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> impl Future<Output = Called<()>> + Send;
    /// Takes it away; one that is not there is fine.
    fn disarm(&self, rollout: &RolloutId) -> impl Future<Output = Called<()>> + Send;
}

/// Whether an execution goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExecutionStatus {
    /// It does.
    Running,
    /// It ended; Step Functions' word for how.
    Over(String),
}

/// Step Functions.
pub trait Executions: Sync {
    /// The status of an execution; one that does not exist is over.
    fn status(&self, execution: &ExecutionArn) -> impl Future<Output = Called<ExecutionStatus>> + Send;
}

/// Time.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, duration: SignedDuration) -> impl Future<Output = ()> + Send;
}
