//! `finish`: ends the claim and reports the values for infrastructure as code to copy.

use serde_json::Value;
use serin_core::{
    claim::{Change, Claim, Guard, Phase},
    document::Outcome,
    switch::Switch,
    timing::{LAST_WRITE, later},
};

use crate::{
    begin::lost,
    document,
    error::Stepped,
    ports::{Claims, Clock, DeadMansSwitch, Gateway, Written},
    safe::{self, WriteBy},
    switch, timeline,
};

/// Finishes the rollout of a document that was promoted and has baked.
///
/// # Errors
/// `ClaimLost` where the rollout is being rolled back.
pub async fn finish(
    gateway: &impl Gateway,
    claims: &impl Claims,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    input: Value,
) -> Stepped<Value> {
    let mut document = document::read(input)?;
    let (stage, target) = (&document.stage, &document.canary);
    let by = WriteBy(later(clock.now(), LAST_WRITE));
    let claim = claims.read(stage).await?;
    let mine = claim.as_ref().filter(|claim| claim.rollout_id == document.rollout_id);
    match mine {
        Some(claim) if claim.phase == Phase::Promoted => {
            let view = gateway.stage(stage).await?;
            safe::remove_ours(gateway, clock, stage, target, view, by).await?;
            let switch = switch::disarm(switches, clock, claim).await;
            end(claims, clock, claim, switch).await?;
        }
        Some(claim) if claim.phase == Phase::Finished => {}
        _ => return Err(lost(claim.as_ref())),
    }

    document.result = Some(Outcome {
        deployment_id: target.deployment_id.clone(),
        variables: target.stage_variable_overrides.clone(),
        note: format!(
            "copy these values of stage {stage} into your infrastructure as code, or its next run moves all traffic back at once"
        ),
    });
    let text = format!(
        "finished: stage {stage} serves deployment {} alone",
        target.deployment_id
    );
    timeline::record(claims, timeline::decided(&document, clock.now(), "finish", text)).await;
    document.findings.clear(); // They are in the timeline; the result takes their room.
    document::write(&document)
}

async fn end(claims: &impl Claims, clock: &impl Clock, claim: &Claim, switch: Option<Switch>) -> Stepped<()> {
    let change = Change {
        switch,
        ended_at: Some(clock.now()),
        ..Change::to(Phase::Finished)
    };
    let guard = Guard::mine(&claim.rollout_id, &[Phase::Promoted]);
    match claims.change(&claim.stage, &guard, &change).await? {
        Written::Done(_) => Ok(()),
        Written::Lost(Some(now)) if now.rollout_id == claim.rollout_id && now.phase == Phase::Finished => Ok(()),
        Written::Lost(now) => Err(lost(now.as_deref())),
    }
}
