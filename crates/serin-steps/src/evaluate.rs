//! `evaluate`: gathers evidence, lets `serin-core` judge it, renews the heartbeat and returns what is next, with its reasons.

use serde_json::Value;
use serin_core::{
    alarm::AlarmKind,
    analysis::{Mode, Span, Window},
    claim::{Change, Claim, Guard, Phase, beat_by},
    decide::{Decision, Finding, Look, Replay, Verdict},
    document::{Document, Reason, ReasonKind},
    switch::Switch,
};

use crate::{
    begin::lost,
    document,
    error::Stepped,
    ports::{Alarms, CallError, Claims, Clock, DeadMansSwitch, Gateway, Metrics, Written},
    switch, timeline,
};

/// Looks at a rollout once and decides what is next.
///
/// # Errors
/// `ClaimLost` where the stage is another rollout's; what AWS refused or could not answer.
pub async fn evaluate(
    gateway: &impl Gateway,
    claims: &impl Claims,
    alarms: &impl Alarms,
    metrics: &impl Metrics,
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    input: Value,
) -> Stepped<Value> {
    let document = document::read(input)?;
    let claim = claims.read(&document.stage).await?;
    let phase = if document.progress.promoted {
        Phase::Promoted
    } else {
        Phase::Shifting
    };
    let mine = claim.as_ref().filter(|claim| claim.rollout_id == document.rollout_id);
    let Some(claim) = mine else {
        return Err(lost(claim.as_ref()));
    };
    if claim.phase != phase {
        return ended(document, claim);
    }

    let now = clock.now();
    let stage = match gateway.stage(&document.stage).await {
        Err(CallError::NotFound(_)) => return gone(claims, document, now).await,
        stage => stage?,
    };
    let names: Vec<_> = document.alarms.iter().map(|alarm| alarm.arn.alarm_name()).collect();
    let alarms = if names.is_empty() {
        Vec::new()
    } else {
        alarms.named(&AlarmKind::ALL, &names).await?
    };
    let windows = windows(metrics, &document, now).await?;
    let look = Look {
        now,
        stage,
        alarms,
        windows,
        instruction: claim.instruction.clone(),
    };
    let replay = Replay { document, look };
    let document = replay.clone().decide();

    let pushed = switch::push(switches, claim, &document, now).await;
    if let Written::Lost(claim) = beat(claims, &document, phase, pushed, now).await? {
        return match claim.filter(|claim| claim.rollout_id == document.rollout_id) {
            Some(claim) => ended(document, &claim),
            None => Err(lost(None)),
        };
    }
    report(claims, &document, now, Some(replay)).await;
    document::write(&document)
}

/// The counts of every window since the rollout began, if they are asked for: the whole history, so that a retry or a replay
/// comes to the same.
async fn windows(metrics: &impl Metrics, document: &Document, now: jiff::Timestamp) -> Stepped<Vec<Window>> {
    if document.analysis.mode == Mode::Off || document.progress.promoted {
        return Ok(Vec::new());
    }
    let progress = &document.progress;
    let present = Span {
        from: progress.since,
        to: now,
    };
    let clean = progress.past.iter().chain([&present]);
    let clean: Vec<_> = clean.filter_map(|span| document.analysis.clean(*span, now)).collect();
    match (clean.first(), clean.last()) {
        (Some(first), Some(last)) => Ok(metrics
            .requests(document, &document.analysis, first.from, last.to)
            .await?),
        _ => Ok(Vec::new()),
    }
}

async fn beat(
    claims: &impl Claims,
    document: &Document,
    phase: Phase,
    switch: Option<Switch>,
    now: jiff::Timestamp,
) -> Stepped<Written> {
    let change = Change {
        switch,
        next_beat_by: Some(beat_by(now, document.wait_seconds)),
        // What a person said stays until the step that acts on it has been taken: this look may be repeated.
        awaiting: (document.decision == Decision::AwaitApproval).then_some(Some(document.progress.step)),
        ..Change::default()
    };
    Ok(claims
        .change(&document.stage, &Guard::mine(&document.rollout_id, &[phase]), &change)
        .await?)
}

/// Somebody else began the rollback, an alarm most likely: the execution ends with that reason.
fn ended(document: Document, claim: &Claim) -> Stepped<Value> {
    let text = claim
        .reason
        .clone()
        .unwrap_or_else(|| format!("the rollout is already {}", claim.phase.name()));
    document::write(&rolled_back(document, ReasonKind::Elsewhere, "claim", text))
}

async fn gone(claims: &impl Claims, document: Document, now: jiff::Timestamp) -> Stepped<Value> {
    let text = format!("stage {} does not exist any more", document.stage);
    let document = rolled_back(document, ReasonKind::Drift, "drift", text);
    report(claims, &document, now, None).await;
    document::write(&document)
}

fn rolled_back(mut document: Document, kind: ReasonKind, subject: &str, text: String) -> Document {
    document.findings = vec![Finding::new(subject, Verdict::Harmful, &text)];
    document.reason = Some(Reason { kind, text });
    document.decision = Decision::RollBack;
    document
}

async fn report(claims: &impl Claims, document: &Document, now: jiff::Timestamp, replay: Option<Replay>) {
    let mut entry = timeline::decided(document, now, "evaluate", document.told());
    entry.replay = replay.map(Box::new);
    timeline::record(claims, entry).await;
}
