//! What is decided window after window, where nothing but evidence speaks: for people who try counts out.

use super::{
    harm::Harm,
    judge::{Evidence, Judge},
    words,
};
use crate::{
    analysis::{Analysis, Mode, Window},
    decimal::Decimal,
    decision::Decision,
};

/// The evidence after a window, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// `ln E` of the exact form, without start-time mixing.
    pub ln_exact: Decimal,
    /// `ln E` of the bound, without start-time mixing.
    pub ln_bound: Decimal,
    /// `ln E` with start-time mixing, of the form that each window takes: the one that decides.
    pub ln_mixed: Decimal,
    /// What happens if nothing else speaks and the bake is over.
    pub decision: Decision,
    /// Why, and why not the other decision.
    pub finding: String,
}

/// Rules after each of the windows, which are all at one share. It judges as `evaluate` does at a look after that window.
pub fn rulings<'a>(analysis: &'a Analysis, windows: &'a [Window]) -> impl Iterator<Item = Ruling> + 'a {
    let mut judge = Judge::new(analysis);
    windows.iter().zip(1..).map(move |(window, number)| {
        judge.push_all(window);
        let evidence = judge.evidence(number);
        let (decision, finding) = rule(analysis, &evidence, window_minutes(analysis));
        Ruling {
            ln_exact: Decimal::clamped(judge.mean(Harm::ln_exact)),
            ln_bound: Decimal::clamped(judge.mean(Harm::ln_bound)),
            ln_mixed: Decimal::clamped(judge.ln_e()),
            decision,
            finding,
        }
    })
}

fn window_minutes(analysis: &Analysis) -> f64 {
    f64::from(analysis.window_seconds) / 60.0
}

/// Harm goes back, whatever else there is; health goes on where a gate waits for it; otherwise there is nothing to do but
/// to go on watching.
fn rule(analysis: &Analysis, evidence: &Evidence, minutes: f64) -> (Decision, String) {
    let harm = words::harm(evidence);
    match analysis.mode {
        Mode::Off => (
            Decision::Bake,
            format!("{harm}; not acted on, because analysis.mode is \"off\""),
        ),
        Mode::Guard | Mode::Gate if evidence.harmful => (Decision::RollBack, harm),
        Mode::Guard => (Decision::Bake, harm),
        Mode::Gate if evidence.is_healthy() => (
            Decision::Advance,
            format!("{harm}; good enough: {}", words::good(evidence)),
        ),
        Mode::Gate => {
            let canary = evidence.metrics.first().map_or(0, |metric| metric.canary.requests);
            let per_minute = super::real::real(canary) / (super::real::real(evidence.windows) * minutes);
            (
                Decision::Hold,
                format!(
                    "{harm}; held for evidence of health: {}",
                    words::waiting(evidence, per_minute)
                ),
            )
        }
    }
}
