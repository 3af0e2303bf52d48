//! Evidence of health: that the canary is good enough, which is more than "nothing was seen yet".
//!
//! *Absolute*: the canary's rate of bad requests is below a rate that is tolerated. *Relative*: its odds ratio is below one
//! that is tolerated; this one speaks when errors are many, also while the baseline itself is failing. Each is an e-process
//! against the opposite.
//!
//! One of the two is enough. A canary that is too bad by both would get two chances to pass if each were compared with
//! 1/beta; so a weighted mean of both is ([`ln_either`]). Against "too bad by both" that is an e-process, too: it reaches 1/beta
//! with a chance of at most beta, whenever it is looked at. And it is never above the larger of the two, so that the one that
//! is named as the reason holds at beta by itself. The weights prefer what is most common, a canary without any error: it
//! needs a seventh more requests than a test that is made for it alone.

use super::{
    counts::Counts,
    fisher::{MOST_TERMS, ln_normalisers_or},
    moments,
    real::{ln, ln_1p, ln_sum_exp, real},
};

/// The chance of calling a canary good enough that is not.
pub const BETA: f64 = 0.05;

/// The rates, as shares of the tolerated one, for which the absolute test is made, with their weights. The first suits a
/// canary without any error, the last one that is only just good enough.
const DESIGNS: [(f64, f64); 4] = [(0.0, 0.7), (0.125, 0.1), (0.25, 0.1), (0.5, 0.1)];

/// The weights of the two tests.
pub const RATE_WEIGHT: f64 = 0.8;
/// That of the relative one.
pub const ODDS_WEIGHT: f64 = 1.0 - RATE_WEIGHT;

/// `ln A` against "the rate is at least `tolerated`", made for a true rate of `design` below it.
///
/// `A = (q/p)^e ((1-q)/(1-p))^(n-e)`. Where the rate is p or more, each request multiplies it by 1 at the most in
/// expectation.
#[must_use]
pub fn ln_absolute(requests: u64, bad: u64, tolerated: f64, design: f64) -> f64 {
    let good = real(requests.saturating_sub(bad)) * (ln_1p(-design) - ln_1p(-tolerated));
    if bad == 0 {
        return good;
    }
    good + real(bad) * (ln(design) - ln(tolerated))
}

/// `ln A` against "the rate is at least `tolerated`", mixed over several true rates below it.
#[must_use]
pub fn ln_below(requests: u64, bad: u64, tolerated: f64) -> f64 {
    ln_sum_exp(DESIGNS.map(|(design, weight)| ln_absolute(requests, bad, tolerated, design * tolerated) + ln(weight)))
}

/// `ln` of the evidence against "the odds ratio is at least `tolerated`", made for a canary like the baseline:
/// `sum_k h(k) psi^k / psi^e_c`, or the least that the sum can be where it has too many terms.
#[must_use]
pub fn ln_odds_below<'a>(windows: impl IntoIterator<Item = &'a Counts>, tolerated: f64) -> f64 {
    let windows = windows.into_iter().filter(|counts| counts.tells());
    let log = |counts: &Counts| {
        let [normaliser] = ln_normalisers_or(counts, &[tolerated], MOST_TERMS, moments::least);
        normaliser - real(counts.canary_bad()) * ln(tolerated)
    };
    windows.map(log).sum()
}

/// `ln` of the evidence against "too bad by its rate and by its odds ratio", from those against each: their weighted mean.
#[must_use]
pub fn ln_either(ln_rate: f64, ln_odds: f64) -> f64 {
    ln_sum_exp([ln_rate + ln(RATE_WEIGHT), ln_odds + ln(ODDS_WEIGHT)])
}

/// How many further requests the canary needs until the absolute evidence has reached `ln_needed`, if its rate stays as it
/// was; `None` where it never will.
#[must_use]
pub fn requests_needed(requests: u64, bad: u64, tolerated: f64, ln_needed: f64) -> Option<f64> {
    if ln_below(requests, bad, tolerated) >= ln_needed {
        return Some(0.0);
    }
    let rate = if requests == 0 { 0.0 } else { real(bad) / real(requests) };
    let growth = |design: f64| {
        let design = design * tolerated;
        let bad = if rate > 0.0 {
            rate * (ln(design) - ln(tolerated))
        } else {
            0.0
        };
        bad + (1.0 - rate) * (ln_1p(-design) - ln_1p(-tolerated))
    };
    // The best of the four designs, each of which starts with its weight and has its past.
    let needs = DESIGNS.iter().filter_map(|(design, weight)| {
        let past = ln_absolute(requests, bad, tolerated, design * tolerated) + ln(*weight);
        let growth = growth(*design);
        (growth > 0.0).then(|| (ln_needed - past).max(0.0) / growth)
    });
    needs.min_by(f64::total_cmp)
}
