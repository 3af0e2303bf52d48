//! What the windows say: evidence of harm rolls back, and a gate waits for evidence of health.

use jiff::{SignedDuration, Timestamp};

use super::{Look, Ruling, ask, clock, roll_back};
use crate::{
    analysis::{Mode, OnInconclusive, Source, Span, Window},
    decision::{Decision, Finding, Verdict},
    document::{Document, ReasonKind},
    evidence::{
        judge::{Evidence, Judge, MetricEvidence},
        real::{count, real},
        words,
    },
    percent::Percent,
    timing::later,
};

/// The clean windows at the present share.
pub(super) fn present<'a>(document: &Document, look: &'a Look) -> &'a [Window] {
    let span = Span {
        from: document.progress.since,
        to: look.now,
    };
    document.analysis.within(&look.windows, span, look.now)
}

/// The clean windows of the bakes before the present one.
pub(super) fn past<'a>(document: &'a Document, look: &'a Look) -> impl Iterator<Item = &'a Window> {
    let spans = document.progress.past.iter();
    spans.flat_map(|span| document.analysis.within(&look.windows, *span, look.now))
}

/// Weighs the windows of the whole rollout, and notes what they say. Nothing after promotion: there is no canary any more.
pub(super) fn weigh(document: &Document, look: &Look, findings: &mut Vec<Finding>) -> Option<Evidence> {
    let analysis = &document.analysis;
    if analysis.mode == Mode::Off || analysis.metrics.is_empty() || document.progress.promoted {
        return None;
    }
    let present = present(document, look);
    let mut judge = Judge::new(analysis);
    past(document, look)
        .chain(present)
        .for_each(|window| judge.push(window));
    let evidence = judge.evidence(present.len());
    let uncompared = uncompared(document, present);
    if evidence.windows > 0 {
        findings.push(told(&evidence, uncompared.is_none()));
    }
    findings.extend(uncompared);
    Some(evidence)
}

/// The canary has requests at the present share, and the baseline has none: there is nothing to compare them with.
fn uncompared(document: &Document, present: &[Window]) -> Option<Finding> {
    let canary: u64 = present.iter().map(|window| window.canary_requests).sum();
    if canary == 0 || present.iter().any(|window| window.baseline_requests > 0) {
        return None;
    }
    let text = if document.progress.percent == Percent::ALL {
        "nothing to compare with: at 100 % the baseline has no traffic, so only alarms judge".to_owned()
    } else {
        let source = &document.analysis.source;
        let hint = match source {
            Source::StageMetrics {
                stage_includes_canary: true,
                ..
            } => {
                "; the canary's requests were taken off it: if it does not count them, analysis.source.stageIncludesCanary \
                 must be false"
            }
            Source::StageMetrics { .. } | Source::AccessLogs { .. } => "",
        };
        format!(
            "nothing to compare with: {} canary requests and none of the baseline in {} settled windows; read: {}{hint}",
            words::number(canary),
            present.len(),
            source.describe_baseline(&document.api_name, &document.stage.stage_name)
        )
    };
    Some(Finding::new("baseline", Verdict::Inconclusive, text))
}

fn told(evidence: &Evidence, is_compared: bool) -> Finding {
    let one_sided = |metric: &MetricEvidence| metric.canary.requests == 0 || metric.baseline.requests == 0;
    let verdict = if evidence.harmful {
        Verdict::Harmful
    } else if !is_compared || evidence.metrics.iter().any(one_sided) {
        Verdict::Inconclusive
    } else {
        Verdict::Healthy
    };
    Finding {
        evidence: Some(Box::new(evidence.clone())),
        ..Finding::new("evidence", verdict, words::harm(evidence))
    }
}

/// Where the bake is over and a gate is not satisfied: what happens instead of going on.
pub(super) fn gate(
    document: &Document,
    look: &Look,
    evidence: Option<&Evidence>,
    findings: &mut Vec<Finding>,
) -> Option<Ruling> {
    let (step, evidence) = (document.step()?, evidence?);
    let analysis = &document.analysis;
    let bake = SignedDuration::from_secs(step.bake_seconds.into());
    let baked = later(document.progress.since, bake);
    // At 100 % there is no baseline to compare with, which begin has said: only alarms judge.
    let is_alone = document.progress.percent == Percent::ALL;
    if analysis.mode != Mode::Gate || look.now < baked || is_alone {
        return None;
    }
    if evidence.is_healthy() {
        let text = format!(
            "good enough at {} %: {}",
            document.progress.percent,
            words::good(evidence)
        );
        findings.push(Finding::new("health", Verdict::Healthy, text));
        return None;
    }
    let waiting = words::waiting(evidence, per_minute(document, look));
    let hold = SignedDuration::from_secs(analysis.max_hold_seconds.into());
    let until = later(baked, hold);
    if look.now < until {
        return Some(held(&waiting, until));
    }
    let text = format!(
        "no evidence of health after {} s of holding: {waiting}",
        analysis.max_hold_seconds
    );
    match analysis.on_inconclusive {
        OnInconclusive::RollBack => Some(roll_back(ReasonKind::Evidence, "health", text, look.now)),
        OnInconclusive::Advance => {
            findings.push(Finding::new(
                "health",
                Verdict::Inconclusive,
                format!("{text}; goes on as planned"),
            ));
            None
        }
        OnInconclusive::Hold => {
            findings.push(Finding::new(
                "health",
                Verdict::Inconclusive,
                format!("{text}; a person decides"),
            ));
            Some(ask(document, look))
        }
    }
}

fn held(waiting: &str, until: Timestamp) -> Ruling {
    let text = format!(
        "held for evidence of health, until {} at the latest: {waiting}",
        clock(until)
    );
    Ruling {
        decision: Decision::Hold,
        until,
        finding: Finding::new("health", Verdict::Inconclusive, text),
        reason: None,
    }
}

/// Requests a minute that the canary has had lately.
fn per_minute(document: &Document, look: &Look) -> f64 {
    let windows = present(document, look);
    let latest = windows.get(windows.len().saturating_sub(10)..).unwrap_or_default();
    if latest.is_empty() {
        return 0.0;
    }
    let requests: f64 = latest.iter().map(|window| real(window.canary_requests)).sum();
    let minutes = count(latest.len()) * f64::from(document.analysis.window_seconds) / 60.0;
    requests / minutes
}
