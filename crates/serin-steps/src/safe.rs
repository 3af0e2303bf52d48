//! Bringing a stage back to its baseline: always judging the last answer, never the phase.

use jiff::Timestamp;
use serin_core::{
    ids::StageId,
    stage::{self, Baseline, CanaryTarget, Patch, StageView},
};

use crate::{
    error::{StepError, Stepped},
    ports::{CallError, Called, Clock, Gateway},
};

/// More changes than any stage needs; beyond it somebody else changes the stage as fast as we do.
const MOST_CHANGES: usize = 8;

/// Until when a pass may send its writes: within T of its last read of the claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteBy(pub(crate) Timestamp);

impl WriteBy {
    fn check(self, clock: &impl Clock) -> Stepped<()> {
        if clock.now() < self.0 {
            Ok(())
        } else {
            Err(StepError::Transient("out of time for another write".to_owned()))
        }
    }
}

/// Removes the canary; where there is none (whether AWS then answers with a 400, a 404 or the stage is not recorded), the stage
/// as it is.
pub(crate) async fn remove(gateway: &impl Gateway, stage: &StageId) -> Called<StageView> {
    match gateway.update_stage(stage, &[Patch::RemoveCanary]).await {
        Err(CallError::Rejected(_) | CallError::NotFound(_)) => gateway.stage(stage).await,
        answer => answer,
    }
}

/// Removes the canary for as long as it is the rollout's or a ghost.
pub(crate) async fn remove_ours(
    gateway: &impl Gateway,
    clock: &impl Clock,
    stage: &StageId,
    target: &CanaryTarget,
    mut view: StageView,
    by: WriteBy,
) -> Stepped<StageView> {
    for _ in 0..MOST_CHANGES {
        if !view.has_removable(target) {
            return Ok(view);
        }
        by.check(clock)?;
        view = remove(gateway, stage).await?;
    }
    Err(StepError::Transient(format!(
        "the canary keeps coming back: {}",
        view.describe()
    )))
}

/// Removes our canary and restores the baseline until neither is needed.
pub(crate) async fn make_safe(
    gateway: &impl Gateway,
    clock: &impl Clock,
    stage: &StageId,
    target: &CanaryTarget,
    baseline: &Baseline,
    mut view: StageView,
    by: WriteBy,
) -> Stepped<StageView> {
    for _ in 0..MOST_CHANGES {
        let Some(patches) = stage::make_safe(&view, target, baseline) else {
            return Ok(view);
        };
        by.check(clock)?;
        view = match patches.as_slice() {
            [Patch::RemoveCanary] => remove(gateway, stage).await?,
            patches => gateway.update_stage(stage, patches).await?,
        };
    }
    Err(StepError::Transient(format!(
        "the stage keeps being changed: {}",
        view.describe()
    )))
}
