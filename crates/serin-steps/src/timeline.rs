//! Writing a rollout's timeline. A record that fails is logged and never stops a step: safety comes before history.

use jiff::Timestamp;
use serin_core::{decide::Decision, document::Document, ids::RolloutId, ids::StageId, timeline::Entry};

use crate::ports::Claims;

/// Records what a step did, or decided.
pub(crate) async fn record(claims: &impl Claims, entry: Entry) {
    let findings = Some(&entry.findings).filter(|findings| !findings.is_empty());
    tracing::info!(
        step = entry.by,
        decision = entry.decision.map(Decision::name),
        findings = findings.and_then(|findings| serde_json::to_string(findings).ok()),
        "{}",
        entry.text
    );
    if let Err(error) = claims.record(&entry).await {
        tracing::warn!(%error, "the timeline has a gap");
    }
}

/// An entry that says only what happened.
pub(crate) fn entry(stage: &StageId, rollout: &RolloutId, at: Timestamp, by: &str, text: String) -> Entry {
    Entry {
        rollout_id: rollout.clone(),
        stage: stage.clone(),
        at,
        by: by.to_owned(),
        text,
        percent: None,
        decision: None,
        findings: Vec::new(),
        replay: None,
    }
}

/// An entry with the document's decision and findings.
pub(crate) fn decided(document: &Document, at: Timestamp, by: &str, text: String) -> Entry {
    Entry {
        percent: Some(document.progress.percent),
        decision: Some(document.decision),
        findings: document.findings.clone(),
        ..entry(&document.stage, &document.rollout_id, at, by, text)
    }
}
