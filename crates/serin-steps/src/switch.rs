//! The dead man's switch of a rollout that goes on or ends. None of it is needed for what the rollout is about to do, so none
//! of it may fail a step: what could not be done is said in the log, and is the sweep's to do.

use jiff::Timestamp;
use serin_core::{
    claim::{Claim, Phase},
    decide::Decision,
    document::Document,
    switch::Switch,
};

use crate::ports::{Clock, DeadMansSwitch};

/// Pushes the switch if half of its margin is gone; what the claim is to know of it then.
pub(crate) async fn push(
    switches: &impl DeadMansSwitch,
    claim: &Claim,
    document: &Document,
    now: Timestamp,
) -> Option<Switch> {
    if claim.phase != Phase::Shifting || document.decision == Decision::RollBack {
        return None; // Its canary is gone, or is about to go.
    }
    let at = claim.switch.due(&document.plan, now)?;
    match switches.push(&claim.rollout_id, &claim.stage, at).await {
        Ok(()) => Some(Switch::Armed(at)),
        Err(error) => {
            tracing::warn!(%error, "the dead man's switch was not pushed, and fires if that goes on");
            None
        }
    }
}

/// Takes the switch away; what the claim is to know of it then.
pub(crate) async fn disarm(switches: &impl DeadMansSwitch, clock: &impl Clock, claim: &Claim) -> Option<Switch> {
    if claim.switch == Switch::Silent {
        return None;
    }
    match switches.disarm(&claim.rollout_id).await {
        Ok(()) => Some(claim.switch.cut(clock.now())),
        Err(error) => {
            tracing::warn!(%error, "the dead man's switch was not taken away; the sweep will");
            None
        }
    }
}
