//! Runs a step from its start over the answers that it has had so far, until it makes its next call.
//!
//! An async function cannot be copied, but it is a pure function of its input, the answers and the times at which they
//! came. So a process is that list, which can be copied, compared and stored.

use std::{
    future::pending,
    sync::{Mutex, PoisonError},
};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serin_core::{
    alarm::{AlarmKind, AlarmReading},
    analysis::{Analysis, STANDARD_SECONDS, Window},
    claim::{Change, Claim, Guard},
    document::Document,
    ids::{AlarmArn, DeploymentId, ExecutionArn, RolloutId, StageId},
    request::Settings,
    stage::{Patch, StageView},
    timeline::Entry,
};
use serin_steps::{
    StepError, advance, begin, evaluate, finish,
    ports::{
        Alarms, Called, Claims, Clock, DeadMansSwitch, ExecutionStatus, Executions, Gateway, Guarded, Metrics, Written,
    },
    promote, rollback, sweep,
};

use crate::{
    call::{Answer, Call, Reply},
    scene,
};

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are called as they are everywhere")]
pub enum Function {
    Begin,
    Advance,
    Evaluate,
    Promote,
    Finish,
    Rollback,
    Sweep,
}

/// What a step does next.
#[derive(Clone, Debug)]
pub enum Next {
    /// It makes a call.
    Call(Call),
    /// It has ended.
    Done(Result<Value, StepError>),
}

/// The answers so far, as every port.
struct Replay<'a> {
    answers: &'a [Answer],
    /// The time after each answer, and before the first.
    times: &'a [u16],
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    position: usize,
    pending: Option<Call>,
    clock_was_read: bool,
}

fn settings() -> Settings {
    Settings {
        hook_pattern: "none".to_owned(),
        metric_seconds: STANDARD_SECONDS,
    }
}

/// Runs a step over its answers: what it does next, and whether it looked at the clock after the last of them.
#[must_use]
pub fn run(function: Function, input: &Value, answers: &[Answer], times: &[u16]) -> (Next, bool) {
    let replay = Replay {
        answers,
        times,
        inner: Mutex::default(),
    };
    let (all, input) = (&replay, input.clone());
    let outcome = match function {
        Function::Begin => begin::begin(all, all, all, all, all, &settings(), input).now_or_never(),
        Function::Advance => advance::advance(all, all, all, input).now_or_never(),
        Function::Evaluate => evaluate::evaluate(all, all, all, all, all, all, input).now_or_never(),
        Function::Promote => promote::promote(all, all, all, all, input).now_or_never(),
        Function::Finish => finish::finish(all, all, all, all, input).now_or_never(),
        Function::Rollback => rollback::rollback(all, all, all, all, input).now_or_never(),
        Function::Sweep => sweep::sweep(all, all, all, all, all).now_or_never(),
    };
    let inner = replay.inner.into_inner().unwrap_or_else(PoisonError::into_inner);
    let next = match (outcome, inner.pending) {
        (Some(outcome), _) => Next::Done(outcome),
        (None, Some(call)) => Next::Call(call),
        (None, None) => panic!("{function:?} waits for something that is no call"),
    };
    (next, inner.clock_was_read)
}

impl Replay<'_> {
    async fn call<T: TryFrom<Reply, Error = Reply>>(&self, call: Call) -> Called<T> {
        let answer = {
            let mut inner = self.inner.lock().unwrap();
            let answer = self.answers.get(inner.position);
            match answer {
                Some(_) => {
                    inner.position += 1;
                    inner.clock_was_read = false;
                }
                None => inner.pending = Some(call),
            }
            answer
        };
        match answer {
            Some(answer) => answer
                .clone()
                .map(|reply| T::try_from(reply).expect("an answer to this call")),
            None => pending().await,
        }
    }
}

impl Gateway for Replay<'_> {
    async fn api_name(&self, _: &str) -> Called<String> {
        self.call(Call::ApiName).await
    }

    async fn stage(&self, _: &StageId) -> Called<StageView> {
        self.call(Call::Stage).await
    }

    async fn update_stage(&self, _: &StageId, patches: &[Patch]) -> Called<StageView> {
        self.call(Call::Update(patches.to_vec())).await
    }

    async fn create_deployment(&self, _: &str, description: &str) -> Called<DeploymentId> {
        self.call(Call::CreateDeployment(description.to_owned())).await
    }

    async fn deployment_described(&self, _: &str, description: &str) -> Called<Option<DeploymentId>> {
        self.call(Call::Described(description.to_owned())).await
    }

    async fn has_deployment(&self, _: &str, id: &DeploymentId) -> Called<bool> {
        self.call(Call::HasDeployment(id.clone())).await
    }
}

impl Claims for Replay<'_> {
    async fn read(&self, _: &StageId) -> Called<Option<Claim>> {
        self.call(Call::Read).await
    }

    async fn take(&self, claim: &Claim, now: Timestamp) -> Called<bool> {
        self.call(Call::Take(Box::new(claim.clone()), now)).await
    }

    async fn change(&self, _: &StageId, guard: &Guard, change: &Change) -> Called<Written> {
        self.call(Call::Change(Box::new(guard.clone()), Box::new(change.clone())))
            .await
    }

    async fn give_back(&self, _: &Claim, guard: &Guard) -> Called<bool> {
        self.call(Call::GiveBack(Box::new(guard.clone()))).await
    }

    async fn guarded_by(&self, alarm: &AlarmArn) -> Called<Vec<Guarded>> {
        self.call(Call::GuardedBy(alarm.clone())).await
    }

    async fn stage_of(&self, rollout: &RolloutId) -> Called<Option<StageId>> {
        self.call(Call::StageOf(rollout.clone())).await
    }

    async fn watched(&self) -> Called<Vec<StageId>> {
        self.call(Call::Watched).await
    }

    async fn unwatch(&self, _: &StageId, rollout: &RolloutId) -> Called<()> {
        self.call(Call::Unwatch(rollout.clone())).await
    }

    async fn record(&self, _: &Entry) -> Called<()> {
        self.call(Call::Record).await
    }
}

impl Alarms for Replay<'_> {
    async fn named(&self, _: &[AlarmKind], names: &[&str]) -> Called<Vec<AlarmReading>> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.call(Call::Alarms(names)).await
    }

    async fn with_prefix(&self, _: &[AlarmKind], _: &str) -> Called<Vec<AlarmReading>> {
        panic!("the requests that are explored name their alarms")
    }
}

impl Metrics for Replay<'_> {
    async fn requests(&self, _: &Document, _: &Analysis, _: Timestamp, _: Timestamp) -> Called<Vec<Window>> {
        panic!("the requests that are explored switch the analysis off")
    }
}

impl Executions for Replay<'_> {
    async fn status(&self, execution: &ExecutionArn) -> Called<ExecutionStatus> {
        self.call(Call::Status(execution.clone())).await
    }
}

impl DeadMansSwitch for Replay<'_> {
    async fn arm(&self, rollout: &RolloutId, _: &StageId, at: Timestamp) -> Called<()> {
        self.call(Call::Arm(rollout.clone(), at)).await
    }

    async fn push(&self, rollout: &RolloutId, _: &StageId, at: Timestamp) -> Called<()> {
        self.call(Call::Push(rollout.clone(), at)).await
    }

    async fn disarm(&self, rollout: &RolloutId) -> Called<()> {
        self.call(Call::Disarm(rollout.clone())).await
    }
}

impl Clock for Replay<'_> {
    fn now(&self) -> Timestamp {
        let mut inner = self.inner.lock().unwrap();
        inner.clock_was_read = true;
        scene::time(self.times[inner.position])
    }

    /// Time passes only where the explorer lets it.
    async fn sleep(&self, _: SignedDuration) {}
}
