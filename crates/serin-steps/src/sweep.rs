//! `sweep`: runs every minute and needs no event to arrive. It ends rollouts whose execution is over or silent, goes on with
//! rollbacks that were interrupted, and looks after stages whose rollout has just ended.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serin_core::{
    claim::{Change, Claim, Guard, Phase},
    document::ReasonKind,
    ids::StageId,
    switch::Switch,
    timing::{LAST_WRITE, SWEEP_TIMEOUT_SECONDS, WRITE_WINDOW, later},
};

use crate::{
    error::{StepError, Stepped},
    ports::{CallError, Claims, Clock, DeadMansSwitch, ExecutionStatus, Executions, Gateway},
    rollback::{Cause, Ended, Hand, Wanted},
    safe::{self, WriteBy},
};

/// Between two stages that are looked at: at most 2 API Gateway calls a second of the account's 10.
const PAUSE: SignedDuration = SignedDuration::from_millis(500);

/// Sweeps once. A stage that fails is reported and the others go on, except that throttling ends the run: rollbacks come first.
///
/// # Errors
/// `Transient` with what failed, after everything else was done.
pub async fn sweep(
    gateway: &impl Gateway,
    claims: &impl Claims,
    executions: &impl Executions,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
) -> Stepped<Value> {
    let stop = later(
        clock.now(),
        SignedDuration::from_secs(SWEEP_TIMEOUT_SECONDS) - WRITE_WINDOW,
    );
    let stages = claims.watched().await?;
    let (mut acted, mut failed) = (Vec::new(), Vec::new());
    for stage in &stages {
        if clock.now() >= stop {
            failed.push(format!("out of time before {stage}"));
            break;
        }
        match sweep_stage(gateway, claims, executions, switches, clock, stage).await {
            Ok(None) => {}
            Ok(Some(text)) => acted.push(json!({ "stage": stage, "did": text })),
            Err(error) => {
                tracing::warn!(%stage, %error, "not swept");
                failed.push(format!("{stage}: {error}"));
                if matches!(error, StepError::Throttled(_)) {
                    break;
                }
            }
        }
    }
    tracing::info!(
        watched = stages.len(),
        acted = acted.len(),
        failed = failed.len(),
        "swept"
    );
    if failed.is_empty() {
        return Ok(json!({ "watched": stages.len(), "acted": acted }));
    }
    Err(StepError::Transient(format!(
        "the sweep could not finish: {}",
        failed.join("; ")
    )))
}

/// What was done for one stage, if anything.
async fn sweep_stage(
    gateway: &impl Gateway,
    claims: &impl Claims,
    executions: &impl Executions,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    stage: &StageId,
) -> Stepped<Option<String>> {
    let Some(claim) = claims.read(stage).await? else {
        return Ok(None);
    };
    let read_at = clock.now();
    if claim.phase.is_active() {
        let Some(text) = forsaken(executions, &claim, read_at).await? else {
            return Ok(None);
        };
        return go_back(gateway, claims, switches, clock, &claim, text).await;
    }
    if claim.phase == Phase::RollingBack {
        let text = claim.reason.clone().unwrap_or_default();
        return go_back(gateway, claims, switches, clock, &claim, text).await;
    }
    let mut did = None;
    if claim.may_touch(read_at) {
        clock.sleep(PAUSE).await;
        did = look_after(gateway, clock, &claim, WriteBy(later(read_at, LAST_WRITE))).await?;
    } else if !matches!(claim.switch, Switch::Armed(_)) {
        claims.unwatch(stage, &claim.rollout_id).await?;
        return Ok(None);
    }
    disarm_for_good(claims, switches, clock, &claim, read_at).await?;
    Ok(did)
}

/// Takes away the switch of a rollout that has ended, once nobody can be alive who would arm it. The stage is not free before
/// the claim knows that, so the switch of one rollout never meets the canary of the next. Where no sweep has looked while the
/// stage drained, all of Serin was away: the drain begins anew, for the switch would have taken away what a late writer left.
async fn disarm_for_good(
    claims: &impl Claims,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    claim: &Claim,
    read_at: Timestamp,
) -> Stepped<()> {
    let quiet = claim
        .ended_at
        .is_some_and(|ended| read_at >= later(ended, WRITE_WINDOW));
    if !quiet || claim.baseline.is_none() {
        return Ok(());
    }
    if let Err(error) = switches.disarm(&claim.rollout_id).await {
        // Not as throttled: that would end the run, which is for API Gateway's sake.
        return Err(StepError::Transient(format!(
            "the dead man's switch was not taken away: {error}"
        )));
    }
    if let armed @ Switch::Armed(_) = claim.switch {
        let guard = Guard::mine(&claim.rollout_id, &[Phase::Finished, Phase::RolledBack]);
        let now = clock.now();
        let change = Change {
            switch: Some(armed.cut(now)),
            ended_at: (!claim.may_touch(read_at)).then_some(now),
            ..Change::default()
        };
        claims.change(&claim.stage, &guard, &change).await?;
    }
    Ok(())
}

/// Why nobody looks after an active rollout any more; `None` while somebody does.
async fn forsaken(executions: &impl Executions, claim: &Claim, now: Timestamp) -> Stepped<Option<String>> {
    if now >= claim.next_beat_by {
        return Ok(Some(format!("no sign of life since {:.0}", claim.next_beat_by)));
    }
    Ok(match executions.status(&claim.execution_arn).await? {
        ExecutionStatus::Running => None,
        ExecutionStatus::Over(how) => Some(format!("the execution is over ({how}) but the rollout is not")),
    })
}

async fn go_back(
    gateway: &impl Gateway,
    claims: &impl Claims,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    claim: &Claim,
    text: String,
) -> Stepped<Option<String>> {
    clock.sleep(PAUSE).await;
    let cause = Cause {
        kind: ReasonKind::Execution,
        text,
    };
    let wanted = Wanted {
        stage: &claim.stage,
        rollout: &claim.rollout_id,
        cause: &cause,
    };
    // It does not try again what is throttled: others' resets come first.
    let hand = Hand::new(gateway, claims, switches, clock, clock.now());
    Ok(match hand.roll_back(wanted).await? {
        Ended::RolledBack { reason, .. } => Some(format!("rolled back: {reason}")),
        Ended::UnderWay { .. } | Ended::Nothing(_) => None,
    })
}

/// A process that died between its write and its undo may have left something on the stage of a rollout that ended.
async fn look_after(gateway: &impl Gateway, clock: &impl Clock, claim: &Claim, by: WriteBy) -> Stepped<Option<String>> {
    let (Some(target), Some(baseline)) = (claim.target(), &claim.baseline) else {
        return Ok(None);
    };
    let view = match gateway.stage(&claim.stage).await {
        Err(CallError::NotFound(_)) => return Ok(None),
        view => view?,
    };
    let before = view.clone();
    let after = if claim.phase == Phase::Finished {
        safe::remove_ours(gateway, clock, &claim.stage, &target, view, by).await?
    } else {
        safe::make_safe(gateway, clock, &claim.stage, &target, baseline, view, by).await?
    };
    Ok((before != after).then(|| format!("cleaned up: {} became {}", before.describe(), after.describe())))
}
