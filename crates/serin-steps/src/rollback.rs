//! `rollback`: sends all traffic back to the baseline and leaves the stage unlocked, whatever asks for it.

mod cause;
mod pace;
mod stage;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_core::{
    claim::Claim,
    document::ReasonKind,
    ids::{AlarmArn, ExecutionArn, RolloutId},
    timing::{ROLLBACK_PERSISTS, later},
    trigger::{self, Trigger, Whose},
};

pub(crate) use self::{
    cause::Cause,
    stage::{Ended, Hand, Wanted},
};
use self::{cause::cause_of, stage::Latched};
use crate::{
    error::{StepError, Stepped},
    ports::{Claims, Clock, DeadMansSwitch, Gateway, Guarded},
};

/// How many stages one alarm rolls back at a time: below the burst of the account's management calls.
const AT_A_TIME: usize = 16;

/// Rolls back what the input asks for.
///
/// # Errors
/// `InvalidInput` where it cannot be told; what AWS refused or could not answer, after which the call is to be repeated.
pub async fn rollback(
    gateway: &impl Gateway,
    claims: &impl Claims,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    input: Value,
) -> Stepped<Value> {
    let until = later(clock.now(), ROLLBACK_PERSISTS);
    let hand = Hand::new(gateway, claims, switches, clock, until);
    let readings = trigger::parse(&input);
    let by_machine = matches!(readings.as_slice(), [Ok(Trigger::StateMachine { .. })]);
    let (mut results, mut failure) = (Vec::new(), None);
    // One that cannot be read, or fails, does not stop the others.
    for reading in readings {
        let result = match reading {
            Ok(trigger) => by_trigger(&hand, claims, trigger).await,
            Err(faults) => Err(faults.into()),
        };
        match result {
            Ok(result) => results.push(result),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) => Err(error),
        None if by_machine => Ok(results.pop().unwrap_or_default()),
        None => Ok(json!({ "results": results })),
    }
}

async fn by_trigger<G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock>(
    hand: &Hand<'_, G, C, S, K>,
    claims: &C,
    trigger: Trigger,
) -> Stepped<Value> {
    match trigger {
        Trigger::Nothing { what } => Ok(json!({ "outcome": "nothing", "reason": what })),
        Trigger::Alarm { arn, at, reason } => by_alarm(hand, claims, &arn, at, &reason).await,
        Trigger::ExecutionEnded { arn, status } => by_execution(hand, claims, &arn, &status).await,
        Trigger::StateMachine { rollout_id, state, .. } => by_state_machine(hand, claims, &rollout_id, state).await,
        Trigger::Person { whose, by, reason } => {
            let cause = Cause {
                kind: ReasonKind::Person,
                text: format!("rolled back by {by}: {reason}"),
            };
            by_person(hand, claims, &whose, &cause).await
        }
    }
}

fn told(wanted: Wanted<'_>, ended: &Ended) -> Value {
    let Wanted { stage, rollout, .. } = wanted;
    match ended {
        Ended::RolledBack { reset_at, reason } => json!({
            "outcome": "rolledBack", "stage": stage, "rolloutId": rollout, "reason": reason, "resetAt": reset_at,
        }),
        Ended::UnderWay { until } => json!({
            "outcome": "rollingBack", "stage": stage, "rolloutId": rollout,
            "reason": format!("another call is rolling it back; the sweep goes on with it if that is dead at {until:.0}"),
        }),
        Ended::Nothing(reason) => {
            json!({ "outcome": "nothing", "stage": stage, "rolloutId": rollout, "reason": reason })
        }
    }
}

/// Every stage that the alarm guards, unless its state changed before the rollout began. All claims first, so that no rollout of
/// theirs makes a call that a reset would have to wait for; then the resets; then what takes more than one call. One failure
/// does not stop the others.
async fn by_alarm<G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock>(
    hand: &Hand<'_, G, C, S, K>,
    claims: &C,
    arn: &AlarmArn,
    at: Option<Timestamp>,
    reason: &str,
) -> Stepped<Value> {
    let text = format!("alarm {} went into ALARM: {reason}", arn.alarm_name());
    let cause = Cause {
        kind: ReasonKind::Alarm,
        text,
    };
    let mut concerned = claims.guarded_by(arn).await?;
    concerned.retain(|guarded| at.is_none_or(|at| at >= guarded.began_at));
    let wanted = concerned.iter().map(|Guarded { stage, rollout_id, .. }| Wanted {
        stage,
        rollout: rollout_id,
        cause: &cause,
    });
    let mut latched: Vec<_> = stream::iter(wanted.enumerate())
        .map(|(before, wanted)| async move { (wanted, hand.latch(wanted, before, None).await) })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    latched.sort_by_key(|(_, latched)| turn(latched.as_ref(), &cause));
    let ends: Vec<_> = stream::iter(latched)
        .map(|(wanted, latched)| async move {
            let ended = hand.roll_back_or_wait(wanted, latched?).await?;
            Ok::<_, StepError>(told(wanted, &ended))
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let ends = ends.into_iter().collect::<Stepped<Vec<_>>>()?;
    Ok(json!({ "alarm": arn, "stages": ends }))
}

/// Whose turn it is: resets first, waits for others last.
fn turn(latched: Result<&Latched, &StepError>, cause: &Cause) -> u8 {
    match latched {
        Ok(Latched::Held(held)) if held.resets(cause) => 0,
        Ok(Latched::Held(_)) | Err(_) => 1,
        Ok(Latched::Over(_)) => 2,
    }
}

/// Only the claim whose execution it is: the stage in the execution's input may be anything.
async fn by_execution<G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock>(
    hand: &Hand<'_, G, C, S, K>,
    claims: &C,
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
    at_once_or_wait(hand, &claim, &cause).await
}

async fn by_person<G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock>(
    hand: &Hand<'_, G, C, S, K>,
    claims: &C,
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
    at_once_or_wait(hand, &claim, cause).await
}

async fn at_once_or_wait<G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock>(
    hand: &Hand<'_, G, C, S, K>,
    claim: &Claim,
    cause: &Cause,
) -> Stepped<Value> {
    let wanted = Wanted {
        stage: &claim.stage,
        rollout: &claim.rollout_id,
        cause,
    };
    let latched = hand.latch(wanted, 0, None).await?;
    let ended = hand.roll_back_or_wait(wanted, latched).await?;
    Ok(told(wanted, &ended))
}

/// The state machine gets its state back with the reason, which becomes the cause of its failure.
async fn by_state_machine<G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock>(
    hand: &Hand<'_, G, C, S, K>,
    claims: &C,
    rollout: &RolloutId,
    mut state: Value,
) -> Stepped<Value> {
    let cause = cause_of(&state);
    let mut reason = cause.text.clone();
    if let Some(claim) = claim_of(claims, rollout).await? {
        let wanted = Wanted {
            stage: &claim.stage,
            rollout,
            cause: &cause,
        };
        match hand.roll_back(wanted).await? {
            Ended::RolledBack { reason: told, .. } => reason = told,
            // It waits in the state machine, where that costs nothing and keeps no reset from running.
            Ended::UnderWay { .. } => {
                return Err(StepError::Transient(format!(
                    "another call is rolling {} back",
                    claim.stage
                )));
            }
            Ended::Nothing(_) => {}
        }
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

async fn claim_of(claims: &impl Claims, rollout: &RolloutId) -> Stepped<Option<Claim>> {
    let Some(stage) = claims.stage_of(rollout).await? else {
        return Ok(None);
    };
    Ok(claims.read(&stage).await?.filter(|claim| claim.rollout_id == *rollout))
}
