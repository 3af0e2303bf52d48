//! `rollback`: sends all traffic back to the baseline and leaves the stage unlocked, whatever asks for it.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_core::{
    claim::{Change, Claim, Guard, Phase, later},
    document::ReasonKind,
    ids::{AlarmArn, ExecutionArn, RolloutId, StageId},
    timing::LAST_WRITE,
    trigger::{self, Trigger, Whose},
};
use tracing::Instrument as _;

use crate::{
    error::{StepError, Stepped},
    ports::{CallError, Claims, Clock, Gateway, Written},
    safe::{self, WriteBy},
    timeline,
};

/// How many stages one alarm rolls back at a time: below the burst of the account's management calls.
const AT_A_TIME: usize = 16;

/// Why a rollback happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) kind: ReasonKind,
    pub(crate) text: String,
}

/// What a rollback of one stage came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The stage is at its baseline.
    RolledBack {
        /// When the canary's traffic was acknowledged to be zero, if it was this call that made it so.
        reset_at: Option<Timestamp>,
        /// Why, in the words of whoever began it.
        reason: String,
    },
    /// There was nothing of this rollout to roll back.
    Nothing(String),
}

/// Rolls back what the input asks for.
///
/// # Errors
/// `InvalidInput` where it cannot be told; what AWS refused or could not answer, after which the call is to be repeated.
pub async fn rollback(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    input: Value,
) -> Stepped<Value> {
    let mut results = Vec::new();
    for trigger in trigger::parse(&input)? {
        results.push(match trigger {
            Trigger::Nothing { what } => json!({ "outcome": "nothing", "reason": what }),
            Trigger::Alarm { arn, at, reason } => by_alarm(gateway, claims, clock, &arn, at, &reason).await?,
            Trigger::ExecutionEnded { arn, status } => by_execution(gateway, claims, clock, &arn, &status).await?,
            Trigger::StateMachine { rollout_id, state, .. } => {
                return by_state_machine(gateway, claims, clock, &rollout_id, state).await;
            }
            Trigger::Person { whose, by, reason } => {
                let cause = Cause {
                    kind: ReasonKind::Person,
                    text: format!("rolled back by {by}: {reason}"),
                };
                by_person(gateway, claims, clock, &whose, &cause).await?
            }
        });
    }
    Ok(json!({ "results": results }))
}

fn told(stage: &StageId, rollout: &RolloutId, ended: &Ended) -> Value {
    match ended {
        Ended::RolledBack { reset_at, reason } => json!({
            "outcome": "rolledBack", "stage": stage, "rolloutId": rollout, "reason": reason, "resetAt": reset_at,
        }),
        Ended::Nothing(reason) => {
            json!({ "outcome": "nothing", "stage": stage, "rolloutId": rollout, "reason": reason })
        }
    }
}

/// Every stage that the alarm guards, unless its state changed before the rollout began. One failure does not stop the others.
async fn by_alarm(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    arn: &AlarmArn,
    at: Option<Timestamp>,
    reason: &str,
) -> Stepped<Value> {
    let text = format!("alarm {} went into ALARM: {reason}", arn.alarm_name());
    let cause = Cause {
        kind: ReasonKind::Alarm,
        text,
    };
    let guarded = claims.guarded_by(arn).await?;
    let concerned = guarded
        .into_iter()
        .filter(|guarded| at.is_none_or(|at| at >= guarded.began_at));
    let ends: Vec<_> = stream::iter(concerned)
        .map(|guarded| {
            let cause = &cause;
            async move {
                let ended = roll_back(gateway, claims, clock, &guarded.stage, &guarded.rollout_id, cause).await?;
                Ok::<_, StepError>(told(&guarded.stage, &guarded.rollout_id, &ended))
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let ends = ends.into_iter().collect::<Stepped<Vec<_>>>()?;
    Ok(json!({ "alarm": arn, "stages": ends }))
}

/// Only the claim whose execution it is: the stage in the execution's input may be anything.
async fn by_execution(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    arn: &ExecutionArn,
    status: &str,
) -> Stepped<Value> {
    let name = arn.as_str().rsplit(':').next().unwrap_or_default();
    let rollout = RolloutId::from(name);
    let claim = claim_of(claims, &rollout)
        .await?
        .filter(|claim| claim.execution_arn == *arn);
    let Some(claim) = claim else {
        return Ok(json!({ "outcome": "nothing", "reason": "no claim of that execution" }));
    };
    let cause = Cause {
        kind: ReasonKind::Execution,
        text: format!("the execution ended with status {status}"),
    };
    let ended = roll_back(gateway, claims, clock, &claim.stage, &rollout, &cause).await?;
    Ok(told(&claim.stage, &rollout, &ended))
}

async fn by_person(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    whose: &Whose,
    cause: &Cause,
) -> Stepped<Value> {
    let claim = match whose {
        Whose::Stage(stage) => claims.read(stage).await?,
        Whose::Rollout(rollout) => claim_of(claims, rollout).await?,
    };
    let Some(claim) = claim else {
        return Ok(json!({ "outcome": "nothing", "reason": "no rollout goes on there" }));
    };
    let ended = roll_back(gateway, claims, clock, &claim.stage, &claim.rollout_id, cause).await?;
    Ok(told(&claim.stage, &claim.rollout_id, &ended))
}

/// The state machine gets its state back with the reason, which becomes the cause of its failure.
async fn by_state_machine(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    rollout: &RolloutId,
    mut state: Value,
) -> Stepped<Value> {
    let cause = cause_of(&state);
    let mut reason = cause.text.clone();
    if let Some(claim) = claim_of(claims, rollout).await?
        && let Ended::RolledBack { reason: told, .. } =
            roll_back(gateway, claims, clock, &claim.stage, rollout, &cause).await?
    {
        reason = told;
    }
    let reason = json!({ "kind": cause.kind, "text": reason });
    match state.as_object_mut() {
        Some(document) => {
            document.insert("reason".to_owned(), reason);
        }
        None => state = json!({ "reason": reason }),
    }
    Ok(state)
}

/// Why the state machine came here: a decision, a hook's answer or a failed task.
fn cause_of(state: &Value) -> Cause {
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
        let why = answer
            .get("reason")
            .and_then(Value::as_str)
            .map_or_else(|| answer.to_string(), str::to_owned);
        let why: String = why.chars().take(500).collect();
        return Cause {
            kind: ReasonKind::Hook,
            text: format!("a hook did not pass: {why}"),
        };
    }
    let decision = state
        .get("decision")
        .map_or_else(|| "nothing".to_owned(), Value::to_string);
    Cause {
        kind: ReasonKind::Execution,
        text: format!("the state machine cannot route the decision {decision}"),
    }
}

async fn claim_of(claims: &impl Claims, rollout: &RolloutId) -> Stepped<Option<Claim>> {
    let Some(stage) = claims.stage_of(rollout).await? else {
        return Ok(None);
    };
    Ok(claims.read(&stage).await?.filter(|claim| claim.rollout_id == *rollout))
}

/// Rolls back one rollout on one stage: the claim first, then one call that takes the canary's traffic to zero, then the
/// rest until the stage is at its baseline.
pub(crate) async fn roll_back(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    stage: &StageId,
    rollout: &RolloutId,
    cause: &Cause,
) -> Stepped<Ended> {
    let span = tracing::info_span!("rollback", rolloutId = %rollout, stage = %stage);
    claimed(gateway, claims, clock, stage, rollout, cause)
        .instrument(span)
        .await
}

async fn claimed(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    stage: &StageId,
    rollout: &RolloutId,
    cause: &Cause,
) -> Stepped<Ended> {
    let by = WriteBy(later(clock.now(), LAST_WRITE));
    let guard = Guard::mine(rollout, &Phase::ACTIVE);
    let change = Change {
        reason: Some(cause.text.clone()),
        ..Change::to(Phase::RollingBack)
    };
    let (claim, made_the_change) = match claims.change(stage, &guard, &change).await? {
        Written::Done(claim) => (claim, true),
        Written::Lost(Some(claim)) if claim.rollout_id == *rollout && claim.phase == Phase::RollingBack => {
            (claim, false)
        }
        Written::Lost(claim) => return Ok(over(claim.as_deref(), rollout)),
    };
    let reset_at = restore(gateway, clock, &claim, made_the_change, cause, by).await?;
    end(claims, clock, &claim, reset_at).await
}

/// There is nothing left to do; if the rollout was rolled back before, that is still how it ended.
fn over(claim: Option<&Claim>, rollout: &RolloutId) -> Ended {
    match claim.filter(|claim| claim.rollout_id == *rollout) {
        Some(claim) if claim.phase == Phase::RolledBack => Ended::RolledBack {
            reset_at: None,
            reason: claim.reason.clone().unwrap_or_else(|| "rolled back before".to_owned()),
        },
        Some(claim) => Ended::Nothing(format!("rollout {rollout} is {}", claim.phase.name())),
        None => Ended::Nothing(format!("rollout {rollout} does not hold the stage")),
    }
}

/// Brings the stage to its baseline; when the first call was acknowledged, if it was the blind reset.
async fn restore(
    gateway: &impl Gateway,
    clock: &impl Clock,
    claim: &Claim,
    made_the_change: bool,
    cause: &Cause,
    by: WriteBy,
) -> Stepped<Option<Timestamp>> {
    let (Some(target), Some(baseline)) = (claim.target(), &claim.baseline) else {
        return Ok(None);
    };
    let had_canary = matches!(claim.from, Some(Phase::Shifting | Phase::Promoting));
    let blind = made_the_change && had_canary && cause.kind != ReasonKind::Drift;
    let view = if blind {
        // First and blind: one call takes the traffic to zero, unlocks the stage and fences off what is still in flight.
        safe::remove(gateway, &claim.stage).await
    } else {
        gateway.stage(&claim.stage).await
    };
    let view = match view {
        Err(CallError::NotFound(_)) => return Ok(None), // The stage itself is gone, and its canary with it.
        view => view?,
    };
    let reset_at = blind.then(|| clock.now());
    let view = safe::make_safe(gateway, clock, &claim.stage, &target, baseline, view, by).await?;
    tracing::info!(stage = %claim.stage, "at the baseline: {}", view.describe());
    Ok(reset_at)
}

async fn end(claims: &impl Claims, clock: &impl Clock, claim: &Claim, reset_at: Option<Timestamp>) -> Stepped<Ended> {
    let reason = claim.reason.clone().unwrap_or_default();
    let guard = Guard::mine(&claim.rollout_id, &[Phase::RollingBack]);
    let change = Change {
        ended_at: Some(clock.now()),
        ..Change::to(Phase::RolledBack)
    };
    let written = claims.change(&claim.stage, &guard, &change).await?;
    let zero = reset_at.map(|at| format!("canary traffic zero at {at:.3}"));
    let text = match (written, zero) {
        (Written::Done(_), zero) => {
            let from = claim.from.unwrap_or(claim.phase).name();
            let zero = zero.map_or_else(String::new, |zero| format!("; {zero}"));
            Some(format!("rolled back from {from}: {reason}{zero}"))
        }
        // Another trigger's call ended the rollback first, but did not see the reset.
        (Written::Lost(_), zero) => zero,
    };
    if let Some(text) = text {
        let now = clock.now();
        timeline::record(
            claims,
            timeline::entry(&claim.stage, &claim.rollout_id, now, "rollback", text),
        )
        .await;
    }
    Ok(Ended::RolledBack { reset_at, reason })
}
