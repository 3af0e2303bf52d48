//! `finish`: ends the claim and reports the values for infrastructure as code to copy.

use serde_json::Value;
use serin_core::{
    claim::{Change, Guard, Phase, later},
    document::Outcome,
    timing::LAST_WRITE,
};

use crate::{
    begin::lost,
    document,
    error::Stepped,
    ports::{Claims, Clock, Gateway, Written},
    safe::{self, WriteBy},
    timeline,
};

/// Finishes the rollout of a document that was promoted and has baked.
///
/// # Errors
/// `ClaimLost` where the rollout is being rolled back.
pub async fn finish(gateway: &impl Gateway, claims: &impl Claims, clock: &impl Clock, input: Value) -> Stepped<Value> {
    let mut document = document::read(input)?;
    let (stage, target) = (&document.stage, &document.canary);
    let by = WriteBy(later(clock.now(), LAST_WRITE));
    let claim = claims.read(stage).await?;
    let phase = claim
        .as_ref()
        .filter(|claim| claim.rollout_id == document.rollout_id)
        .map(|claim| claim.phase);
    if phase == Some(Phase::Promoted) {
        let view = gateway.stage(stage).await?;
        safe::remove_ours(gateway, clock, stage, target, view, by).await?;
        let change = Change {
            ended_at: Some(clock.now()),
            ..Change::to(Phase::Finished)
        };
        let guard = Guard::mine(&document.rollout_id, &[Phase::Promoted]);
        if let Written::Lost(claim) = claims.change(stage, &guard, &change).await? {
            let finished = claim
                .as_ref()
                .is_some_and(|claim| claim.rollout_id == document.rollout_id && claim.phase == Phase::Finished);
            if !finished {
                return Err(lost(claim.as_deref()));
            }
        }
    } else if phase != Some(Phase::Finished) {
        return Err(lost(claim.as_ref()));
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
