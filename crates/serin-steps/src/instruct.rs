//! `instruct`: writes a person's word into the claim, with who and why; `evaluate` acts on it at the next tick.

use serde_json::{Value, json};
use serin_core::{
    claim::{Absent, Change, Claim, Guard, Instruction, InstructionKind, Phase},
    fields::Faults,
    ids::StageId,
    instruct::{self, Said},
    trigger::Whose,
};

use crate::{
    error::{StepError, Stepped},
    ports::{Claims, Clock, Written},
    timeline,
};

/// Records an instruction.
///
/// # Errors
/// `InvalidInput` where no rollout waits for it, and says what the rollout does instead.
pub async fn instruct(claims: &impl Claims, clock: &impl Clock, input: Value) -> Stepped<Value> {
    let said = instruct::parse(&input)?;
    let stage = stage_of(claims, &said.whose).await?;
    let claim = claims.read(&stage).await?;
    let named = |claim: &Claim| match &said.whose {
        Whose::Rollout(id) => claim.rollout_id == *id,
        Whose::Stage(_) => true,
    };
    let claim = claim.filter(named).ok_or_else(|| nobody(&stage.to_string()))?;
    let step = claim
        .awaiting
        .filter(|_| claim.phase == Phase::Shifting)
        .ok_or_else(|| not_waiting(&claim))?;
    let guard = Guard::mine(&claim.rollout_id, &[Phase::Shifting])
        .without(Absent::Instruction)
        .awaiting(step);
    let now = clock.now();
    let instruction = instruction(&said, step, now);
    let change = Change {
        instruction: Some(instruction),
        ..Change::default()
    };
    match claims.change(&stage, &guard, &change).await? {
        Written::Done(_) => {}
        Written::Lost(Some(claim)) => return Err(not_waiting(&claim)),
        Written::Lost(None) => return Err(nobody(&stage.to_string())),
    }
    let text = format!("step {}: {} by {}: {}", step + 1, word(said.kind), said.by, said.reason);
    timeline::record(
        claims,
        timeline::entry(&stage, &claim.rollout_id, now, "instruct", text.clone()),
    )
    .await;
    Ok(json!({ "rolloutId": claim.rollout_id, "stage": stage, "step": step + 1, "text": text }))
}

async fn stage_of(claims: &impl Claims, whose: &Whose) -> Stepped<StageId> {
    match whose {
        Whose::Stage(stage) => Ok(stage.clone()),
        Whose::Rollout(id) => claims.stage_of(id).await?.ok_or_else(|| nobody(id.as_str())),
    }
}

fn instruction(said: &Said, step: usize, at: jiff::Timestamp) -> Instruction {
    Instruction {
        kind: said.kind,
        step,
        by: said.by.clone(),
        reason: said.reason.clone(),
        at,
    }
}

fn word(kind: InstructionKind) -> &'static str {
    match kind {
        InstructionKind::Approve => "approved",
        InstructionKind::Reject => "rejected",
    }
}

fn nobody(given: &str) -> StepError {
    Faults::one(
        "rolloutId",
        format!("{given}, where no rollout goes on"),
        "a rollout that waits for approval",
    )
    .into()
}

fn not_waiting(claim: &Claim) -> StepError {
    let state = match (&claim.instruction, claim.awaiting) {
        (Some(said), Some(step)) => format!("step {} was already {} by {}", step + 1, word(said.kind), said.by),
        _ => format!(
            "it is {} at {} % and waits for nobody",
            claim.phase.name(),
            claim.percent
        ),
    };
    let given = format!("an answer to rollout {}, but {state}", claim.rollout_id);
    Faults::one("instruction", given, "one answer while a step waits for approval").into()
}
