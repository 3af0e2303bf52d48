//! Whether the canary has any traffic at all. None while the baseline has some is a wiring fault, never health.

use jiff::SignedDuration;

use super::{Look, Ruling, clock, roll_back};
use crate::{
    analysis::{Mode, SILENT_WINDOWS, Window},
    claim::later,
    decision::{Decision, Finding, Verdict},
    document::{Document, ReasonKind},
    percent::Percent,
};

/// So many requests must have been due before their absence means something: by chance it happens once in 22,000 times
/// (e to the -10).
const DUE: u64 = 10;

/// A stretch of windows without a canary request.
struct Silence {
    windows: i32,
    /// How many requests the canary's share of the traffic would have been.
    due: u64,
}

impl Silence {
    /// The latest windows without a canary request while the baseline had some.
    fn latest(windows: &[Window], share: Percent) -> Self {
        let silent = windows.iter().rev();
        let silent: Vec<_> = silent
            .take_while(|window| window.canary_requests == 0 && window.baseline_requests > 0)
            .collect();
        let baseline: u64 = silent.iter().map(|window| window.baseline_requests).sum();
        let canary = u64::from(share.hundredths());
        let rest = u64::from(Percent::ALL.hundredths()).saturating_sub(canary).max(1);
        Self {
            windows: i32::try_from(silent.len()).unwrap_or(i32::MAX),
            due: baseline.saturating_mul(canary) / rest,
        }
    }

    fn is_telling(&self) -> bool {
        self.windows > 0 && self.due >= DUE
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
    let windows = super::evidence::present(document, look);
    let silence = Silence::latest(windows, document.progress.percent);
    if !silence.is_telling() {
        // The evidence has the same counts.
        if findings.iter().all(|finding| finding.evidence.is_none()) {
            findings.push(seen(document, look, windows));
        }
        return None;
    }
    let text = format!(
        "no canary request in the last {} windows, where its share of the traffic would have been {}; read: {}",
        silence.windows,
        silence.due,
        document.analysis.source.describe(&document.api_name)
    );
    let patience = document.analysis.patience(document.progress.since);
    if silence.windows >= SILENT_WINDOWS && look.now >= patience {
        return Some(roll_back(ReasonKind::Evidence, "traffic", text, look.now));
    }
    let bake = SignedDuration::from_secs(step.bake_seconds.into());
    if look.now < later(document.progress.since, bake) {
        findings.push(Finding::new("traffic", Verdict::Inconclusive, text));
        return None;
    }
    let finding = Finding::new("traffic", Verdict::Inconclusive, format!("held: {text}"));
    Some(Ruling {
        decision: Decision::Hold,
        until: patience,
        finding,
        reason: None,
    })
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
