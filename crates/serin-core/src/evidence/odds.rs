//! How much worse: an interval for the odds ratio, for people.
//!
//! It holds every odds ratio psi0 against which the evidence has not reached 1/alpha, where the evidence is the likelihood of
//! a mixture of odds ratios over the likelihood of psi0 (Fisher's noncentral hypergeometric, given the totals of each window).
//! So with a chance of at least 1 - alpha it holds the true one at all times at once. The mixture reaches to both sides of 1:
//! three quarters of it are the grid of the test, so that the interval leaves 1 behind when the test rolls back, and the rest
//! are the reciprocals and 1.

use super::{
    counts::Counts,
    fisher::{MOST_TERMS, ln_normalisers, terms},
    harm::GRID,
    real::{exp, ln, ln_sum_exp, real},
};

/// The reciprocals of the grid.
const BETTER: [f64; 8] = [0.01, 0.04, 0.1, 0.2, 1.0 / 3.0, 0.5, 1.0 / 1.5, 0.8];

/// The weights of each odds ratio of the grid, and of each of the other nine.
const GRID_WEIGHT: f64 = 0.75 / 8.0;
const OTHER_WEIGHT: f64 = 0.25 / 9.0;

/// Odds ratios beyond these are none that is told.
const LN_FARTHEST: f64 = 14.0;

/// The most terms that are summed up for the interval. It is taken from the first windows that fit, a choice by the totals
/// alone.
const BUDGET: u64 = 200_000;

/// Narrowings by 5, from a range of 14: to a millionth.
const PASSES: usize = 10;

/// An odds ratio with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    /// The estimate by Mantel and Haenszel, window by window; infinite where only the canary had bad requests.
    pub ratio: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end; infinite where nothing speaks against any.
    pub high: f64,
}

/// The odds ratio of the canary to the baseline, and its interval at 1 - alpha; `None` where nothing was bad, or no window
/// can be summed up.
#[must_use]
pub fn interval(windows: &[Counts], alpha: f64) -> Option<Odds> {
    let mut used = Vec::new();
    let mut budget = BUDGET;
    for counts in windows.iter().filter(|counts| counts.tells()) {
        let terms = terms(counts);
        if terms > MOST_TERMS {
            continue;
        }
        budget = match budget.checked_sub(terms) {
            Some(left) => left,
            None => break,
        };
        used.push(*counts);
    }
    let likelihoods = Likelihoods::new(&used);
    (!used.is_empty()).then(|| likelihoods.interval(mantel_haenszel(windows), alpha))
}

/// `sum e_c (n_b - e_b) / n` over `sum e_b (n_c - e_c) / n`.
fn mantel_haenszel(windows: &[Counts]) -> f64 {
    let mut for_canary = 0.0;
    let mut for_baseline = 0.0;
    for counts in windows.iter().filter(|counts| counts.tells()) {
        let requests = real(counts.requests());
        for_canary += real(counts.canary_bad()) * real(counts.baseline() - counts.baseline_bad()) / requests;
        for_baseline += real(counts.baseline_bad()) * real(counts.canary() - counts.canary_bad()) / requests;
    }
    if for_baseline > 0.0 {
        for_canary / for_baseline
    } else if for_canary > 0.0 {
        f64::INFINITY
    } else {
        1.0
    }
}

struct Likelihoods<'a> {
    windows: &'a [Counts],
    canary_bad: f64,
}

impl<'a> Likelihoods<'a> {
    fn new(windows: &'a [Counts]) -> Self {
        Self {
            windows,
            canary_bad: windows.iter().map(|counts| real(counts.canary_bad())).sum(),
        }
    }

    /// The logarithm of the likelihood of each odds ratio, up to what they have in common.
    fn of<const N: usize>(&self, psi: &[f64; N]) -> [f64; N] {
        let mut logs = psi.map(|psi| self.canary_bad * ln(psi));
        for counts in self.windows {
            let Some(normalisers) = ln_normalisers(counts, psi, MOST_TERMS) else {
                continue;
            };
            for (log, normaliser) in logs.iter_mut().zip(normalisers) {
                *log -= normaliser;
            }
        }
        logs
    }

    fn interval(&self, ratio: f64, alpha: f64) -> Odds {
        let row = |odds: &[f64; 8], weight: f64| {
            odds.map(ln)
                .into_iter()
                .zip(self.of(odds))
                .map(move |(ln_psi, log)| (ln_psi, log, weight))
        };
        let mut grid: Vec<_> = row(&GRID, GRID_WEIGHT).chain(row(&BETTER, OTHER_WEIGHT)).collect();
        // psi = 1 has the likelihood 1: its normaliser is the sum of the hypergeometric mass.
        grid.push((0.0, 0.0, OTHER_WEIGHT));
        let mixed = ln_sum_exp(grid.iter().map(|(_, log, weight)| log + ln(*weight)));
        let best = grid.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1));
        let (best, ..) = best.unwrap_or((0.0, 0.0, 0.0));
        // The best of the grid is always inside: no mixture exceeds its largest part. The likelihood is log-concave in
        // ln psi, so there is one end on each side.
        let floor = mixed - ln(1.0 / alpha);
        let (low, high) = self.ends(best, floor);
        let clip = |end: f64, beyond: f64| if end.abs() >= LN_FARTHEST { beyond } else { exp(end) };
        Odds {
            ratio,
            low: clip(low, 0.0),
            high: clip(high, f64::INFINITY),
        }
    }

    /// Where the likelihood falls to `floor`, on both sides of `best`, as logarithms; at the farthest where it does not.
    fn ends(&self, best: f64, floor: f64) -> (f64, f64) {
        let [at_lowest, at_highest] = self.of(&[exp(-LN_FARTHEST), exp(LN_FARTHEST)]);
        let mut low = Bracket::new(-LN_FARTHEST, best);
        let mut high = Bracket::new(LN_FARTHEST, best);
        for _ in 0..PASSES {
            let (lows, highs) = (low.inner(), high.inner());
            let [low_likelihoods, high_likelihoods] = [lows, highs].map(|points| self.of(&points.map(exp)));
            low.narrow(lows, low_likelihoods.map(|log| log > floor));
            high.narrow(highs, high_likelihoods.map(|log| log > floor));
        }
        let end = |bracket: Bracket, farthest: f64, log: f64| if log > floor { farthest } else { bracket.outside };
        (end(low, -LN_FARTHEST, at_lowest), end(high, LN_FARTHEST, at_highest))
    }
}

/// Between a point outside of the interval and one inside.
#[derive(Clone, Copy)]
struct Bracket {
    outside: f64,
    inside: f64,
}

impl Bracket {
    fn new(outside: f64, inside: f64) -> Self {
        Self { outside, inside }
    }

    /// Four points between, from outside in.
    fn inner(&self) -> [f64; 4] {
        [0.2, 0.4, 0.6, 0.8].map(|share| self.outside + share * (self.inside - self.outside))
    }

    fn narrow(&mut self, points: [f64; 4], inside: [bool; 4]) {
        for (point, inside) in points.into_iter().zip(inside) {
            if inside {
                self.inside = point;
                return;
            }
            self.outside = point;
        }
    }
}
