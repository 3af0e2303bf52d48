//! A call through a port as data, and its answer: what a step's history is made of.

use std::fmt;

use jiff::Timestamp;
use serin_core::{
    alarm::AlarmReading,
    claim::{Change, Claim, Guard},
    ids::{AlarmArn, DeploymentId, ExecutionArn, RolloutId, StageId},
    stage::{Patch, StageView},
};
use serin_steps::ports::{Called, ExecutionStatus, Guarded, Written};

/// A call that a step makes. There is one stage, so it is not named.
#[derive(Clone, Debug)]
pub enum Call {
    /// GetRestApi.
    ApiName,
    /// GetStage.
    Stage,
    /// UpdateStage.
    Update(Vec<Patch>),
    /// CreateDeployment without a stage.
    CreateDeployment(String),
    /// GetDeployments, for one of that description.
    Described(String),
    /// GetDeployment.
    HasDeployment(DeploymentId),
    /// The claim, read consistently.
    Read,
    /// The transaction that claims.
    Take(Box<Claim>, Timestamp),
    /// A conditional write of the claim.
    Change(Box<Guard>, Box<Change>),
    /// The transaction that gives a claim back.
    GiveBack(Box<Guard>),
    /// The stages that an alarm guards.
    GuardedBy(AlarmArn),
    /// The stage that a rollout once claimed.
    StageOf(RolloutId),
    /// The sweep's list.
    Watched,
    /// Takes an ended claim off it.
    Unwatch(RolloutId),
    /// An entry of the timeline.
    Record,
    /// DescribeAlarms by name.
    Alarms(Vec<String>),
    /// DescribeExecution.
    Status(ExecutionArn),
    /// CreateSchedule, or UpdateSchedule where it is there.
    Arm(RolloutId, Timestamp),
    /// UpdateSchedule.
    Push(RolloutId, Timestamp),
    /// DeleteSchedule.
    Disarm(RolloutId),
}

impl Call {
    /// Whether it changes something.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Self::Update(_)
            | Self::CreateDeployment(_)
            | Self::Take(..)
            | Self::Change(..)
            | Self::GiveBack(_)
            | Self::Unwatch(_)
            | Self::Arm(..)
            | Self::Push(..)
            | Self::Disarm(_) => true,
            Self::ApiName
            | Self::Stage
            | Self::Described(_)
            | Self::HasDeployment(_)
            | Self::Read
            | Self::GuardedBy(_)
            | Self::StageOf(_)
            | Self::Watched
            | Self::Record
            | Self::Alarms(_)
            | Self::Status(_) => false,
        }
    }
}

/// What a call is answered with.
pub type Answer = Called<Reply>;

macro_rules! replies {
    ($($variant:ident($type:ty)),* $(,)?) => {
        /// What a call that succeeds is answered with.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, clippy::large_enum_variant, reason = "each is called by its type, and is kept once")]
        pub enum Reply {
            $($variant($type)),*
        }

        $(
            impl From<$type> for Reply {
                fn from(value: $type) -> Self {
                    Self::$variant(value)
                }
            }

            impl TryFrom<Reply> for $type {
                type Error = Reply;

                fn try_from(reply: Reply) -> Result<Self, Reply> {
                    match reply {
                        Reply::$variant(value) => Ok(value),
                        other => Err(other),
                    }
                }
            }
        )*
    };
}

replies! {
    View(StageView),
    Text(String),
    Deployment(DeploymentId),
    MaybeDeployment(Option<DeploymentId>),
    Truth(bool),
    MaybeClaim(Option<Claim>),
    Written(Written),
    Guarded(Vec<Guarded>),
    MaybeStage(Option<StageId>),
    Stages(Vec<StageId>),
    Done(()),
    Alarms(Vec<AlarmReading>),
    Status(ExecutionStatus),
}

impl Reply {
    /// The claim that it tells of, if it tells of claims.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        match self {
            Self::MaybeClaim(claim) => claim.as_ref(),
            Self::Written(Written::Done(claim)) => Some(claim),
            Self::Written(Written::Lost(claim)) => claim.as_deref(),
            Self::View(_)
            | Self::Text(_)
            | Self::Deployment(_)
            | Self::MaybeDeployment(_)
            | Self::Truth(_)
            | Self::Guarded(_)
            | Self::MaybeStage(_)
            | Self::Stages(_)
            | Self::Done(())
            | Self::Alarms(_)
            | Self::Status(_) => None,
        }
    }
}

/// `UpdateStage [remove /canarySettings]`
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiName => write!(formatter, "GetRestApi"),
            Self::Stage => write!(formatter, "GetStage"),
            Self::Update(patches) => {
                let patches: Vec<_> = patches.iter().map(patch).collect();
                write!(formatter, "UpdateStage [{}]", patches.join(", "))
            }
            Self::CreateDeployment(_) => write!(formatter, "CreateDeployment"),
            Self::Described(_) => write!(formatter, "GetDeployments"),
            Self::HasDeployment(id) => write!(formatter, "GetDeployment {id}"),
            Self::Read => write!(formatter, "read the claim"),
            Self::Take(claim, _) => write!(formatter, "claim the stage for {}", claim.rollout_id),
            Self::Change(guard, change) => {
                let from: Vec<_> = guard.phases.iter().map(|phase| phase.name()).collect();
                write!(formatter, "write, if {} and {}", guard.rollout_id, from.join(" or "))?;
                match change.phase {
                    Some(phase) => write!(formatter, ": {}", phase.name()),
                    None if change.baseline.is_some() => write!(formatter, ": the baseline"),
                    None if change.deployment_id.is_some() => write!(formatter, ": the deployment"),
                    None => write!(formatter, ": heartbeat"),
                }
            }
            Self::GiveBack(_) => write!(formatter, "give the claim back"),
            Self::GuardedBy(_) => write!(formatter, "look up what the alarm guards"),
            Self::StageOf(rollout) => write!(formatter, "look up the stage of {rollout}"),
            Self::Watched => write!(formatter, "list the claims to look after"),
            Self::Unwatch(_) => write!(formatter, "take the claim off the list"),
            Self::Record => write!(formatter, "write the timeline"),
            Self::Alarms(_) => write!(formatter, "DescribeAlarms"),
            Self::Status(_) => write!(formatter, "DescribeExecution"),
            Self::Arm(rollout, _) => write!(formatter, "arm the switch of {rollout}"),
            Self::Push(rollout, _) => write!(formatter, "push the switch of {rollout}"),
            Self::Disarm(rollout) => write!(formatter, "take the switch of {rollout} away"),
        }
    }
}

fn patch(patch: &Patch) -> String {
    let operation = patch.operation();
    let plain = operation.path.replace("/canarySettings/", "canary ");
    let field = plain.replace("stageVariableOverrides/", "");
    match (&operation.value, operation.from) {
        (Some(value), _) => format!("{field}={value}"),
        (None, Some(from)) => format!("{field} from {from}"),
        (None, None) => format!("remove {field}"),
    }
}

/// An answer in a few words.
#[must_use]
pub fn describe(answer: &Answer) -> String {
    let claim = |claim: &Claim| format!("{} is {}", claim.rollout_id, claim.phase.name());
    match answer {
        Err(error) => error.to_string(),
        Ok(Reply::View(view)) => stage(view),
        Ok(Reply::Written(Written::Done(_)) | Reply::Done(())) => "done".to_owned(),
        Ok(Reply::Written(Written::Lost(None)) | Reply::MaybeClaim(None)) => "there is no claim".to_owned(),
        Ok(Reply::Written(Written::Lost(Some(lost)))) => format!("lost: {}", claim(lost)),
        Ok(Reply::MaybeClaim(Some(found))) => claim(found),
        Ok(Reply::Truth(truth)) => if *truth { "yes" } else { "no" }.to_owned(),
        Ok(Reply::Guarded(guarded)) => match guarded.as_slice() {
            [] => "nothing".to_owned(),
            [one, ..] => format!("rollout {}", one.rollout_id),
        },
        Ok(Reply::Alarms(alarms)) => {
            let states: Vec<_> = alarms.iter().map(|alarm| format!("{:?}", alarm.state)).collect();
            states.join(", ")
        }
        Ok(Reply::Text(text)) => text.clone(),
        Ok(other) => format!("{other:?}"),
    }
}

/// A stage in a few words.
#[must_use]
pub fn stage(view: &StageView) -> String {
    let alias = view.variables.get("alias").map_or("", String::as_str);
    let canary = view.canary.as_ref().map_or_else(
        || "no canary".to_owned(),
        |canary| {
            let alias = canary.overrides.get("alias").map_or("-", String::as_str);
            format!("canary {}/{alias} at {} %", canary.deployment_id, canary.percent)
        },
    );
    format!("{}/{alias}, {canary}", view.deployment_id)
}
