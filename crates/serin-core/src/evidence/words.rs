//! Evidence as one line that a person understands.

use super::{
    judge::{Evidence, Goal, Health, MetricEvidence, OddsRatio, Side},
    real::{count, exp, ln, ln_sum_exp, real},
};
use crate::decimal::Decimal;

/// A whole number with commas: `12,345`.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// Two significant digits below 100, whole numbers with commas above, powers of ten from a million on.
#[must_use]
pub fn about(value: f64) -> String {
    if !value.is_finite() {
        return "unlimited".to_owned();
    }
    match value.abs() {
        size if size >= 1e6 => format!("{value:.1e}"),
        size if size >= 99.5 => number(super::real::floor(value + 0.5)),
        size if size >= 9.95 => format!("{value:.0}"),
        size if size >= 0.0995 => format!("{value:.1}"),
        size if size >= 0.000_1 => format!("{value:.*}", if size >= 0.01 { 2 } else { 4 }),
        _ => "0".to_owned(),
    }
}

/// Evidence from its logarithm.
#[must_use]
pub fn evidence(ln_e: Decimal) -> String {
    if ln_e.get() > 600.0 {
        return format!("10^{:.0}", ln_e.get() / std::f64::consts::LN_10);
    }
    about(exp(ln_e.get()))
}

/// A probability or a rate in percent: `2.2 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let text = if value >= 10.0 {
        format!("{value:.0}")
    } else {
        about_percent(value)
    };
    format!("{text} %")
}

fn about_percent(value: f64) -> String {
    let decimals = if value >= 1.0 { 1 } else { 3 };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn side(side: Side, name: &str) -> String {
    let rate = if side.requests == 0 {
        String::new()
    } else {
        format!(" ({})", percent(real(side.bad) / real(side.requests)))
    };
    format!("{name} {} of {}{rate}", number(side.bad), number(side.requests))
}

/// An end of an interval: on which side of 1 it is can be seen, and which large number it is tells nobody anything.
fn end(ratio: f64) -> String {
    let about = about(ratio);
    if ratio > 1_000.0 {
        return "over 1,000".to_owned();
    }
    match about.as_str() {
        "1.0" if (ratio - 1.0).abs() >= 0.005 => format!("{ratio:.2}"),
        "1.0" => format!("{ratio:.3}"),
        _ => about,
    }
}

fn times(estimate: Option<Decimal>) -> String {
    estimate.map_or_else(|| "unlimited".to_owned(), |ratio| format!("{}x", about(ratio.get())))
}

fn windows(count: u64) -> String {
    let unit = if count == 1 { "window" } else { "windows" };
    format!("{} {unit}", number(count))
}

/// `5.1x [1.9, 20]`.
fn odds(metric: &MetricEvidence, odds: &OddsRatio) -> String {
    let estimate = match odds.estimate {
        None if metric.baseline.bad == 0 => "only the canary".to_owned(),
        estimate => times(estimate),
    };
    let high = odds.high.map_or_else(|| "unlimited".to_owned(), |high| end(high.get()));
    format!("{estimate} [{}, {high}]", end(odds.low.get()))
}

/// `server errors: canary 4 of 180 (2.2 %), baseline 0 of 1,620 (0 %), 21x [2.1, unlimited]`.
#[must_use]
pub fn metric(metric: &MetricEvidence) -> String {
    let odds_ratio = metric
        .odds_ratio
        .as_ref()
        .map_or_else(String::new, |ratio| format!(", {}", odds(metric, ratio)));
    let since = metric.since.map_or_else(String::new, |since| {
        let last = match since.windows {
            1 => "last window".to_owned(),
            some => format!("last {}", number(some)),
        };
        format!(" ({} in the {last})", times(since.estimate))
    });
    format!(
        "{}: {}, {}{odds_ratio}{since}",
        metric.metric,
        side(metric.canary, "canary"),
        side(metric.baseline, "baseline"),
    )
}

/// The counts, the evidence of harm, and why it does or does not roll back.
#[must_use]
pub fn harm(evidence_of: &Evidence) -> String {
    let metrics: Vec<_> = evidence_of.metrics.iter().map(metric).collect();
    let (now, threshold) = (evidence(evidence_of.ln_e), evidence(evidence_of.ln_threshold));
    let chance = percent(exp(-evidence_of.ln_threshold.get()));
    let now = if is_past_its_peak(evidence_of) {
        format!("{now} at its highest")
    } else {
        now
    };
    let why = if evidence_of.harmful {
        format!(
            "evidence of harm {now}, {threshold} rolls back; a healthy release gets there with a chance of {chance}"
        )
    } else {
        format!("evidence of harm {now}, below the {threshold} that would roll back")
    };
    let (metrics, windows) = (metrics.join("; "), windows(evidence_of.windows));
    format!("{metrics} in {windows}; {why}")
}

/// The largest evidence so far is what counts, and what is told; it may have been larger than it is now.
fn is_past_its_peak(evidence: &Evidence) -> bool {
    let now = ln_sum_exp(evidence.metrics.iter().map(|metric| metric.ln_e.get())) - ln(count(evidence.metrics.len()));
    // Both are rounded to six digits.
    now < evidence.ln_e.get() - 1e-3
}

/// What a canary would be good enough by.
fn goal(health: &Health, goal: Goal) -> String {
    match goal {
        Goal::Rate => format!("below {}", percent(health.tolerated_rate.get())),
        Goal::OddsRatio => format!("below an odds ratio of {}", about(health.tolerated_odds_ratio.get())),
    }
}

/// What a step still waits for, and how long that takes with so many canary requests a minute.
#[must_use]
pub fn waiting(evidence_of: &Evidence, per_minute: f64) -> String {
    let missing = evidence_of
        .metrics
        .iter()
        .filter_map(|metric| Some((metric, metric.health.filter(|health| !health.healthy)?)));
    let texts: Vec<_> = missing
        .map(|(metric, health)| {
            if metric.baseline.requests == 0 && metric.canary.requests > 0 {
                return format!("{}: the baseline has no requests to compare with", metric.metric);
            }
            let of = |wanted| format!("{} {}", metric.metric, goal(&health, wanted));
            let Some(wanted) = health.needed_for else {
                let other = goal(&health, Goal::OddsRatio);
                return format!("{} or {other}, where the canary is not", of(Goal::Rate));
            };
            let goal = of(wanted);
            let needed = health.requests_needed.unwrap_or(0);
            let more = format!("{goal}: about {} more canary requests", number(needed));
            if per_minute > 0.0 {
                let time = duration(real(needed) / per_minute * 60.0);
                format!("{more}, {time} at {} a minute", about(per_minute))
            } else {
                format!("{more}, of which none arrive")
            }
        })
        .collect();
    texts.join("; ")
}

/// Seconds as people say them: `40 s`, `6 min`, `3.5 h`, `2.1 days`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    match seconds {
        seconds if !seconds.is_finite() => "never".to_owned(),
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 90.0 * 60.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 36.0 * 3_600.0 => format!("{:.1} h", seconds / 3_600.0),
        seconds => format!("{:.1} days", seconds / 86_400.0),
    }
}

/// Why a canary is good enough.
#[must_use]
pub fn good(evidence_of: &Evidence) -> String {
    let texts = evidence_of.metrics.iter().filter_map(|metric| {
        let health = metric.health?;
        let by_rate = health.ln_rate_below >= health.ln_odds_below;
        let goal = goal(&health, if by_rate { Goal::Rate } else { Goal::OddsRatio });
        let (reached, needed) = (evidence(health.ln_either), evidence(health.ln_threshold));
        Some(format!("{} {goal}, evidence {reached} of {needed}", metric.metric))
    });
    texts.collect::<Vec<_>>().join("; ")
}
