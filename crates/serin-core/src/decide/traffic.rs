//! Whether the canary has any traffic at all. None while the baseline has some is a wiring fault, never health.

use jiff::{SignedDuration, Timestamp};

use super::{Look, Ruling, clock, evidence, roll_back};
use crate::{
    analysis::{Mode, OnInconclusive, SILENT_WINDOWS, Window},
    decision::{Decision, Finding, Verdict},
    document::{Document, ReasonKind},
    evidence::{
        real::{count, exp, ln, ln_1p, real},
        words,
    },
    percent::Percent,
    plan::Step,
    timing::later,
};

/// The chance, per rollout, that requests which only happened not to come to the canary are taken for a fault.
const CHANCE: f64 = 1e-4;

/// The latest windows without a canary request. Those without any request say nothing, and interrupt nothing.
struct Silence {
    /// How many of them the baseline had requests in.
    windows: i32,
    /// The requests in them, all the baseline's.
    requests: u64,
    /// How many of these were due to the canary by its share.
    due: f64,
    /// The logarithm of the chance that none of them came to the canary: of the share that is left to the baseline, to the
    /// power of the requests.
    ln_chance: f64,
    /// The number of the first of them among all clean windows of the rollout, from 1.
    first: usize,
}

impl Silence {
    fn latest(windows: &[Window], share: Percent, windows_before: usize) -> Self {
        let silent = windows.iter().rev().take_while(|window| window.canary_requests == 0);
        let first = windows_before + windows.len() - silent.clone().count() + 1;
        let silent: Vec<_> = silent.filter(|window| window.baseline_requests > 0).collect();
        let requests = silent.iter().map(|window| window.baseline_requests).sum();
        let share = f64::from(share.hundredths()) / f64::from(Percent::ALL.hundredths());
        Self {
            windows: i32::try_from(silent.len()).unwrap_or(i32::MAX),
            requests,
            due: real(requests) * share,
            ln_chance: real(requests) * ln_1p(-share),
            first,
        }
    }

    fn is_any(&self) -> bool {
        self.windows > 0
    }

    /// Whether it is hardly by chance. A silence may begin with any window, so each has a part of [`CHANCE`], and all parts
    /// together are not more than it, however many windows there are: 1/2 + 1/6 + 1/12 + ...
    fn is_telling(&self) -> bool {
        let first = count(self.first);
        self.is_any() && self.ln_chance <= ln(CHANCE) - ln(first) - ln(first + 1.0)
    }
}

/// Notes the traffic, and rules where there is none.
pub(super) fn silence(document: &Document, look: &Look, findings: &mut Vec<Finding>) -> Option<Ruling> {
    let step = document.step()?;
    if document.analysis.mode == Mode::Off {
        return None;
    }
    if document.analysis.mode == Mode::Guard && !document.analysis.can_judge(step.bake_seconds) {
        let text = "the step is too short to judge: alarms only";
        findings.push(Finding::new("traffic", Verdict::Inconclusive, text));
        return None;
    }
    let windows = evidence::present(document, look);
    let silence = Silence::latest(
        windows,
        document.progress.percent,
        evidence::past(document, look).count(),
    );
    let baked = later(
        document.progress.since,
        SignedDuration::from_secs(step.bake_seconds.into()),
    );
    if silence.is_telling() {
        return missing(document, look, &silence, baked, findings);
    }
    let mut all = evidence::past(document, look).chain(windows);
    if silence.is_any() && all.all(|window| window.canary_requests == 0) {
        return unseen(document, look, &silence, (step, baked), findings);
    }
    // The evidence has the same counts.
    if findings.iter().all(|finding| finding.evidence.is_none()) {
        findings.push(seen(document, look, windows));
    }
    None
}

/// Requests were due to the canary, and none came.
fn missing(
    document: &Document,
    look: &Look,
    silence: &Silence,
    baked: Timestamp,
    findings: &mut Vec<Finding>,
) -> Option<Ruling> {
    let text = format!(
        "no canary request in the last {} windows, where its share of the traffic would have been {}; read: {}",
        silence.windows,
        words::about(silence.due),
        document.analysis.source.describe(&document.api_name)
    );
    let patience = document.analysis.patience(document.progress.since);
    if silence.windows >= SILENT_WINDOWS && look.now >= patience {
        return Some(roll_back(ReasonKind::Evidence, "traffic", text, look.now));
    }
    if look.now < baked {
        findings.push(Finding::new("traffic", Verdict::Inconclusive, text));
        return None;
    }
    Some(held(&text, patience))
}

/// The canary has not had a single request yet, on a stage that has so few that this may be chance. That is no fault, and no
/// health: the rollout waits for the first one, or for as many as tell that none will come, until there is only time left
/// for the rest of the plan.
fn unseen(
    document: &Document,
    look: &Look,
    silence: &Silence,
    (step, baked): (&Step, Timestamp),
    findings: &mut Vec<Finding>,
) -> Option<Ruling> {
    let text = format!(
        "no canary request yet: of {} requests {} were due to it, so none is chance in {} of such cases; read: {}",
        words::number(silence.requests),
        words::about(silence.due),
        words::percent(exp(silence.ln_chance)),
        document.analysis.source.describe(&document.api_name)
    );
    if look.now < baked || step.approval || gate_decides(document, look.now, baked) {
        findings.push(Finding::new("traffic", Verdict::Inconclusive, text));
        return None;
    }
    let rest = document.plan.rest(document.progress.step);
    let until = document.deadline.checked_sub(rest).unwrap_or(baked);
    if look.now >= until {
        let text = format!("{text}; the rest of the plan leaves no time to wait for one");
        return Some(roll_back(ReasonKind::Evidence, "traffic", text, look.now));
    }
    Some(held(&text, until))
}

/// Whether a gate holds the step all the same, or has an answer of its own to a canary that nothing is known of.
fn gate_decides(document: &Document, now: Timestamp, baked: Timestamp) -> bool {
    let analysis = &document.analysis;
    let hold = SignedDuration::from_secs(analysis.max_hold_seconds.into());
    analysis.mode == Mode::Gate && (analysis.on_inconclusive != OnInconclusive::Advance || now < later(baked, hold))
}

fn held(text: &str, until: Timestamp) -> Ruling {
    Ruling {
        decision: Decision::Hold,
        until,
        finding: Finding::new("traffic", Verdict::Inconclusive, format!("held: {text}")),
        reason: None,
    }
}

fn seen(document: &Document, look: &Look, windows: &[Window]) -> Finding {
    let canary: u64 = windows.iter().map(|window| window.canary_requests).sum();
    let baseline: u64 = windows.iter().map(|window| window.baseline_requests).sum();
    let settled = document.analysis.clean_windows(document.progress.since, look.now);
    let text = match (windows.len(), settled) {
        (0, None) => "no settled window yet".to_owned(),
        // A stage that nobody calls looks the same as one whose requests are counted elsewhere.
        (0, Some((from, to))) => format!(
            "no request on either side from {} to {}; read: {}",
            clock(from),
            clock(to),
            document.analysis.source.describe(&document.api_name)
        ),
        (count, _) => format!("{canary} canary and {baseline} baseline requests in {count} settled windows"),
    };
    let verdict = if canary > 0 {
        Verdict::Healthy
    } else {
        Verdict::Inconclusive
    };
    Finding::new("traffic", verdict, text)
}
