//! Evidence of harm: an e-process against "no request's outcome depends on which side serves it, or the canary's is better".
//!
//! For an odds ratio psi a window multiplies the evidence by
//!
//! - *exact*: `psi^e_c / sum_k h(k) psi^k`, whose expectation is 1;
//! - *bound*: `psi^e_c / (1 + rho (psi - 1))^e`, whose expectation is at most 1, because sampling without replacement has the
//!   smaller moment generating function (Hoeffding 1963, theorem 4).
//!
//! - *moments*: `psi^e_c` over the most that the sum can be, given its mean and its variance (`moments.rs`).
//!
//! All use the totals of the window as they were counted. Which of them a window takes depends on its totals alone, never on
//! how many of the bad requests were the canary's; so any choice is valid, and this one is made for speed: the exact form
//! where its sum has at most 16 terms, or at most 4,096 and more than 2 % of the requests were bad, and the moments where it
//! has more. Below 2 % the bound gives away less than 2 % of the evidence.
//!
//! The odds ratio of a regression is not known before it happens, so the evidence is a mixture over [`GRID`].

use super::{
    counts::Counts,
    fisher::{self, ln_normalisers_or},
    moments,
    real::{exp, ln, ln_1p, ln_sum_exp, real},
};

/// The odds ratios that are mixed, with equal weights. A regression between two of them is noticed by both.
pub const GRID: [f64; 8] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 25.0, 100.0];

/// Sums of this many terms are always worked out.
const FEW_TERMS: u64 = 16;

/// The share of bad requests from which on the bound gives too much away.
const BUSY: f64 = 0.02;

/// `ln psi` of the grid.
fn ln_grid() -> [f64; 8] {
    GRID.map(ln)
}

/// Whether more than the bound decides, by the totals of the window.
fn is_worth_more(counts: &Counts) -> bool {
    fisher::terms(counts) <= FEW_TERMS || real(counts.bad()) > BUSY * real(counts.requests())
}

fn bound(counts: &Counts, ln_psi: &[f64; 8], share: f64) -> [f64; 8] {
    let (ours, all) = (real(counts.canary_bad()), real(counts.bad()));
    let mut logs = GRID;
    for (log, ln_psi) in logs.iter_mut().zip(ln_psi) {
        *log = ours * ln_psi - all * ln_1p(share * (*log - 1.0));
    }
    logs
}

/// The exact form, or the moments where its sum has more than so many terms.
fn exact(counts: &Counts, ln_psi: &[f64; 8], most_terms: u64) -> [f64; 8] {
    let mut logs = ln_normalisers_or(counts, &GRID, most_terms, moments::most);
    let ours = real(counts.canary_bad());
    for (log, ln_psi) in logs.iter_mut().zip(ln_psi) {
        *log = ours * ln_psi - *log;
    }
    logs
}

/// The evidence of harm by one metric, window after window. It starts at 1.
#[derive(Clone, Debug)]
pub struct Harm {
    ln_grid: [f64; 8],
    exact: [f64; 8],
    bound: [f64; 8],
    mixture: Mixture,
}

impl Default for Harm {
    fn default() -> Self {
        Self::new()
    }
}

impl Harm {
    /// Before the first window.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ln_grid: ln_grid(),
            exact: [0.0; 8],
            bound: [0.0; 8],
            mixture: Mixture::new(),
        }
    }

    /// The form that decides.
    fn chosen(&self, counts: &Counts, share: f64) -> [f64; 8] {
        if is_worth_more(counts) {
            exact(counts, &self.ln_grid, fisher::MOST_TERMS)
        } else {
            bound(counts, &self.ln_grid, share)
        }
    }

    /// Adds a window to the process that decides, and to no other.
    pub fn push(&mut self, counts: &Counts) {
        if let Some(share) = counts.share().filter(|_| counts.tells()) {
            self.mixture.push(&self.chosen(counts, share));
        }
    }

    /// Adds a window to all forms, for people who compare them: the exact one, or the moments where its sum has more than a
    /// million terms, and the bound.
    pub fn push_all(&mut self, counts: &Counts) {
        if let Some(share) = counts.share().filter(|_| counts.tells()) {
            add(&mut self.exact, &exact(counts, &self.ln_grid, fisher::MOST_TERMS_SHOWN));
            add(&mut self.bound, &bound(counts, &self.ln_grid, share));
            self.push(counts);
        }
    }

    /// `ln E` of the exact form without start-time mixing, after [`Harm::push_all`].
    #[must_use]
    pub fn ln_exact(&self) -> f64 {
        ln_mean(&self.exact)
    }

    /// `ln E` of the bound without start-time mixing, after [`Harm::push_all`].
    #[must_use]
    pub fn ln_bound(&self) -> f64 {
        ln_mean(&self.bound)
    }

    /// `ln E` with start-time mixing: what decides.
    #[must_use]
    pub fn ln_mixed(&self) -> f64 {
        self.mixture.ln()
    }
}

fn add(sums: &mut [f64; 8], logs: &[f64; 8]) {
    for (sum, log) in sums.iter_mut().zip(logs) {
        *sum += log;
    }
}

/// The logarithm of the mean over the grid, whose weights are equal.
fn ln_mean(logs: &[f64; 8]) -> f64 {
    ln_sum_exp(*logs) - ln(8.0)
}

/// The window, from 0, at which a regression began most likely: the start that contributes most to the mixture, at its odds
/// ratio. `None` where what contributes most is no evidence, that is, below 1.
pub(super) fn likeliest_start(windows: &[Counts]) -> Option<usize> {
    let harm = Harm::new();
    // By odds ratio: the best logarithm of a start up to now, and which.
    let mut best = [(f64::NEG_INFINITY, 0); 8];
    let telling = windows.iter().enumerate().filter(|(_, counts)| counts.tells());
    for (number, (index, counts)) in (1..).zip(telling) {
        let Some(share) = counts.share() else { continue };
        let begun = ln(start_weight(real(number)));
        for ((log, start), factor) in best.iter_mut().zip(harm.chosen(counts, share)) {
            if begun > *log {
                (*log, *start) = (begun, index);
            }
            *log += factor;
        }
    }
    let best = best.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(log, _)| *log > 0.0).map(|(_, start)| start)
}

/// Mixed over the time at which a regression starts, so that a leak after an hour does not have to make up for the hour.
///
/// With weights pi_t that sum to 1, `R_j,t = (R_j,t-1 + pi_t) f_j,t` and `M_t = mean_j R_j,t + 1 - sum_{s<=t} pi_s` is
/// again an e-process. Here `pi_1 = 3/4` and `pi_t = 1/(4 t (t-1))` after it. A regression that is there from the start, which
/// most are, is noticed at the price of ln(4/3). One that starts at the t-th window is looked for at the price of about
/// `ln 4 + 2 ln t`, without anything that would have to be known beforehand. Only windows that can tell something count, so
/// a service with few errors pays little.
///
/// The sums are kept as they are, and scaled down together before they overflow. A factor above e^300 counts as e^300: less
/// evidence is still valid, and any threshold is far below.
#[derive(Clone, Debug)]
struct Mixture {
    windows: u64,
    runs: [f64; 8],
    /// The logarithm of what `runs` have to be multiplied by.
    ln_scale: f64,
}

const LN_MOST: f64 = 300.0;

/// The weight of a regression that begins with the window of that number, from 1.
fn start_weight(window: f64) -> f64 {
    if window < 2.0 {
        0.75
    } else {
        0.25 / (window * (window - 1.0))
    }
}

/// What it costs, as a logarithm, to look for a regression that begins after so many windows.
pub(super) fn ln_price_of_start(windows_before: f64) -> f64 {
    -ln(start_weight(windows_before + 1.0))
}

impl Mixture {
    fn new() -> Self {
        Self {
            windows: 0,
            runs: [0.0; 8],
            ln_scale: 0.0,
        }
    }

    fn push(&mut self, ln_factors: &[f64; 8]) {
        self.windows += 1;
        let mut start = start_weight(real(self.windows));
        if self.ln_scale > 0.0 {
            start *= exp(-self.ln_scale);
        }
        let mut top = 0.0_f64;
        for (run, ln_factor) in self.runs.iter_mut().zip(ln_factors) {
            *run = (*run + start) * exp(ln_factor.min(LN_MOST));
            top = top.max(*run);
        }
        if top > 1e150 {
            self.runs = self.runs.map(|run| run / 1e150);
            self.ln_scale += 150.0 * std::f64::consts::LN_10;
        }
    }

    fn ln(&self) -> f64 {
        let begun = self.runs.iter().sum::<f64>() / 8.0;
        let rest = if self.windows == 0 {
            1.0
        } else {
            0.25 / real(self.windows)
        };
        if self.ln_scale > 0.0 {
            // What has not begun is below the smallest number where the scale is large, and still there.
            ln(rest).max(self.ln_scale + ln(begun + rest * exp(-self.ln_scale)))
        } else {
            ln(begun + rest)
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// The logarithms of a window's factors: exact, by the moments, and bound.
    pub(in crate::evidence) fn factors(counts: &Counts) -> [[f64; 8]; 3] {
        let (ln_grid, share) = (ln_grid(), counts.share().unwrap());
        let [exact, moments] = [fisher::MOST_TERMS_SHOWN, 0].map(|most_terms| exact(counts, &ln_grid, most_terms));
        [exact, moments, bound(counts, &ln_grid, share)]
    }
}
