//! `advance`: sets the canary's percentage to the step's and reads back what it set.

use serde_json::Value;
use serin_core::{
    claim::{Change, Claim, Guard, Phase, beat_by},
    decide::Decision,
    document::Document,
    percent::Percent,
    stage::Patch,
    timing::{LAST_WRITE, later},
};

use crate::{
    begin::lost,
    document,
    error::{StepError, Stepped},
    ports::{Claims, Clock, Gateway, Written},
    safe::{self, WriteBy},
    timeline,
};

/// Advances the rollout of a document to the step that the document says.
///
/// # Errors
/// `Drift` where the canary is not ours any more, `ClaimLost` where the rollout is being rolled back.
pub async fn advance(gateway: &impl Gateway, claims: &impl Claims, clock: &impl Clock, input: Value) -> Stepped<Value> {
    let mut document = document::read(input)?;
    let step = document.plan.steps.get(document.progress.step).cloned();
    let step =
        step.ok_or_else(|| StepError::Internal(format!("the plan has no step {}", document.progress.step + 1)))?;

    let by = WriteBy(later(clock.now(), LAST_WRITE));
    let claim = claims.read(&document.stage).await?;
    let shifting = |claim: &Claim| claim.rollout_id == document.rollout_id && claim.phase == Phase::Shifting;
    if !claim.as_ref().is_some_and(shifting) {
        return Err(lost(claim.as_ref()));
    }
    set(gateway, &document, step.percent, by, clock).await?;

    let now = clock.now();
    document.progress.percent = step.percent;
    document.progress.since = now;
    let until = later(now, jiff::SignedDuration::from_secs(step.bake_seconds.into()));
    document.decide(Decision::Bake, until, now);
    confirm(gateway, claims, clock, &document, by).await?;

    let text = format!(
        "step {}: {} % for {} s",
        document.progress.step + 1,
        step.percent,
        step.bake_seconds
    );
    timeline::record(claims, timeline::decided(&document, now, "advance", text)).await;
    document::write(&document)
}

async fn set(
    gateway: &impl Gateway,
    document: &Document,
    percent: Percent,
    by: WriteBy,
    clock: &impl Clock,
) -> Stepped<()> {
    let (stage, target) = (&document.stage, &document.canary);
    let view = gateway.stage(stage).await?;
    if !view.has_ours(target) || view.is_promoted(target) {
        return Err(StepError::Drift(format!(
            "the canary is not this rollout's any more: {}",
            view.describe()
        )));
    }
    let view = gateway.update_stage(stage, &[Patch::CanaryPercent(percent)]).await?;
    if view.has_ours(target) {
        return Ok(());
    }
    if view.has_ghost() {
        safe::remove_ours(gateway, clock, stage, target, view.clone(), by).await?;
    }
    Err(StepError::Drift(format!(
        "the canary was changed at the same time: {}",
        view.describe()
    )))
}

/// Writes the percentage into the claim; where the rollout was taken back meanwhile, takes back what was set.
async fn confirm(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    document: &Document,
    by: WriteBy,
) -> Stepped<()> {
    let guard = Guard::mine(&document.rollout_id, &[Phase::Shifting]);
    let change = Change {
        percent: Some(document.progress.percent),
        awaiting: Some(None),
        next_beat_by: Some(beat_by(clock.now(), document.wait_seconds)),
        ..Change::default()
    };
    match claims.change(&document.stage, &guard, &change).await? {
        Written::Done(_) => Ok(()),
        Written::Lost(Some(claim)) if claim.rollout_id == document.rollout_id && claim.phase == Phase::Promoting => {
            Err(lost(Some(&claim)))
        }
        Written::Lost(claim) => {
            let view = gateway.stage(&document.stage).await?;
            safe::remove_ours(gateway, clock, &document.stage, &document.canary, view, by).await?;
            Err(lost(claim.as_deref()))
        }
    }
}
