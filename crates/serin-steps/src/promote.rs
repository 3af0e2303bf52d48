//! `promote`: makes the canary's deployment and variables the stage's own, then removes the canary.

use serde_json::Value;
use serin_core::{
    claim::{Change, Guard, Phase, beat_by},
    decide::Decision,
    document::Document,
    percent::Percent,
    stage::{self, StageView},
    switch::Switch,
    timing::{LAST_WRITE, later},
};

use crate::{
    begin::lost,
    document,
    error::{StepError, Stepped},
    ports::{CallError, Claims, Clock, DeadMansSwitch, Gateway, Written},
    safe::{self, WriteBy},
    switch, timeline,
};

/// Promotes the canary of a document.
///
/// # Errors
/// `Drift` where the canary is not ours any more, `ClaimLost` where the rollout is being rolled back.
pub async fn promote(
    gateway: &impl Gateway,
    claims: &impl Claims,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    input: Value,
) -> Stepped<Value> {
    let mut document = document::read(input)?;
    let by = WriteBy(later(clock.now(), LAST_WRITE));
    let guard = Guard::mine(&document.rollout_id, &[Phase::Shifting, Phase::Promoting]);
    let change = Change {
        awaiting: Some(None),
        next_beat_by: Some(beat_by(clock.now(), 0)),
        ..Change::to(Phase::Promoting)
    };
    match claims.change(&document.stage, &guard, &change).await? {
        Written::Done(claim) => {
            let view = copied(gateway, clock, &document, by).await?;
            let view = safe::remove_ours(gateway, clock, &document.stage, &document.canary, view, by).await?;
            let switch = switch::disarm(switches, clock, &claim).await;
            record(gateway, claims, clock, &document, &view, switch, by).await?;
        }
        Written::Lost(Some(claim)) if claim.rollout_id == document.rollout_id && claim.phase == Phase::Promoted => {}
        Written::Lost(claim) => return Err(lost(claim.as_deref())),
    }

    let now = clock.now();
    document.progress.promoted = true;
    document.progress.percent = Percent::ALL;
    document.progress.since = now;
    let bake = document.plan.final_bake_seconds;
    document.decide(
        Decision::Bake,
        later(now, jiff::SignedDuration::from_secs(bake.into())),
        now,
    );
    let text = format!(
        "promoted: deployment {} is the stage's own; final bake of {bake} s",
        document.canary.deployment_id
    );
    timeline::record(claims, timeline::decided(&document, now, "promote", text)).await;
    document::write(&document)
}

/// Copies the canary into the stage, unless that has happened; the stage as it is then.
async fn copied(gateway: &impl Gateway, clock: &impl Clock, document: &Document, by: WriteBy) -> Stepped<StageView> {
    let (stage, target) = (&document.stage, &document.canary);
    let before = gateway.stage(stage).await?;
    if before.is_promoted(target) {
        return Ok(before);
    }
    if !before.has_ours(target) {
        return Err(StepError::Drift(format!(
            "the canary is not this rollout's any more: {}",
            before.describe()
        )));
    }
    let after = match gateway.update_stage(stage, &stage::promote(target)).await {
        Err(CallError::Rejected(text)) => refused(gateway, document, &text).await?,
        after => after?,
    };
    if after.is_promoted(target) {
        return Ok(after);
    }
    undo(gateway, clock, document, &before, &after, by).await?;
    Err(StepError::Drift(format!(
        "something else was promoted at the same time: {}",
        after.describe()
    )))
}

/// AWS refused the copies. That it takes them alone while there is a canary was seen on LocalStack and is not recorded on AWS,
/// so the documented recipe is tried if the canary is ours.
async fn refused(gateway: &impl Gateway, document: &Document, text: &str) -> Stepped<StageView> {
    let view = gateway.stage(&document.stage).await?;
    if view.is_promoted(&document.canary) {
        return Ok(view);
    }
    if !view.has_ours(&document.canary) {
        return Err(StepError::Drift(format!(
            "there is nothing to promote ({text}): {}",
            view.describe()
        )));
    }
    Ok(gateway
        .update_stage(&document.stage, &stage::promote_as_documented(&document.canary))
        .await?)
}

/// What went wrong between the last look and the copy: a ghost is removed, a foreign promotion is undone.
async fn undo(
    gateway: &impl Gateway,
    clock: &impl Clock,
    document: &Document,
    before: &StageView,
    after: &StageView,
    by: WriteBy,
) -> Stepped<()> {
    let known = [&document.baseline.deployment_id, &document.canary.deployment_id];
    let mut view = after.clone();
    if view.has_ghost() {
        view = safe::remove_ours(gateway, clock, &document.stage, &document.canary, view, by).await?;
    }
    if !known.contains(&&view.deployment_id) && !before.is_promoted(&document.canary) {
        gateway
            .update_stage(&document.stage, &stage::put_back(&view, before))
            .await?;
    }
    Ok(())
}

/// Records the promotion; where it is being rolled back meanwhile, helps with that.
async fn record(
    gateway: &impl Gateway,
    claims: &impl Claims,
    clock: &impl Clock,
    document: &Document,
    view: &StageView,
    switch: Option<Switch>,
    by: WriteBy,
) -> Stepped<()> {
    let (stage, target) = (&document.stage, &document.canary);
    let guard = Guard::mine(&document.rollout_id, &[Phase::Promoting]);
    let change = Change {
        percent: Some(Percent::ALL),
        next_beat_by: Some(beat_by(clock.now(), document.plan.tick())),
        switch,
        ..Change::to(Phase::Promoted)
    };
    match claims.change(stage, &guard, &change).await? {
        Written::Done(_) => Ok(()),
        Written::Lost(Some(claim)) if claim.rollout_id == document.rollout_id && claim.phase == Phase::Promoted => {
            Ok(())
        }
        Written::Lost(claim) => {
            safe::make_safe(gateway, clock, stage, target, &document.baseline, view.clone(), by).await?;
            Err(lost(claim.as_deref()))
        }
    }
}
