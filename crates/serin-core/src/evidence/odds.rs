//! How much worse: an interval for the odds ratio, for people.
//!
//! It holds every odds ratio psi0 against which the evidence has not reached 1/alpha, where the evidence is the likelihood of
//! a mixture of odds ratios over the likelihood of psi0 (Fisher's noncentral hypergeometric, given the totals of each window).
//! So with a chance of at least 1 - alpha it holds the true one at all times at once. The mixture reaches to both sides of 1:
//! three quarters of it are the grid of the test, and the rest are the reciprocals and 1.
//!
//! It is one odds ratio for all windows. The test also looks for regressions that begin late, so it may roll back while the
//! interval, and the estimate with it, still hold 1: the windows before outweigh those after. [`since_start`] tells the
//! likeliest beginning, and the ratio since then.

use std::collections::BTreeMap;

use super::{
    counts::Counts,
    fisher::{MOST_TERMS, Products, terms},
    harm::{self, GRID},
    moments,
    real::{exp, ln, ln_sum_exp, real},
};

/// The reciprocals of the grid.
const BETTER: [f64; 8] = [0.01, 0.04, 0.1, 0.2, 1.0 / 3.0, 0.5, 1.0 / 1.5, 0.8];

/// The weights of each odds ratio of the grid, and of each of the other nine.
const GRID_WEIGHT: f64 = 0.75 / 8.0;
const OTHER_WEIGHT: f64 = 0.25 / 9.0;

/// Ends are told in steps of so much of ln psi, outwards: 0.4 %.
const STEPS: f64 = 256.0;

/// Odds ratios beyond e^14 are none that is told: in steps.
const FARTHEST: i32 = 14 * 256;

/// Sums of so many terms are always worked out.
const FEW_TERMS: u64 = 64;

/// The most terms of longer sums that are worked out. Beyond it, and where one sum has too many, its bounds take its place,
/// those that widen the interval: a choice by the totals alone.
const BUDGET: u64 = 100_000;

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

/// The odds ratio of the canary to the baseline, and its interval at 1 - alpha; `None` where nothing was bad.
#[must_use]
pub fn interval(windows: &[Counts], alpha: f64) -> Option<Odds> {
    Likelihoods::new().interval(windows, alpha)
}

/// What is known of the likelihoods of odds ratios, so that a look after one more window need not sum up all windows again.
/// The numbers are added in the windows' order however often one looks, so they come out the same to the bit.
#[derive(Clone, Debug)]
pub struct Likelihoods {
    /// How many windows were read.
    read: usize,
    /// Those that tell something, with the most terms that are summed up of each.
    telling: Vec<(Counts, u64)>,
    /// Whether bounds took the place of some sums.
    bounded: bool,
    /// How many more terms may be.
    budget: u64,
    canary_bad: f64,
    /// The normalisers of the grid and of its reciprocals, at most.
    grid: Products<8>,
    better: Products<8>,
    /// The same of other odds ratios, at least, by their steps, and over how many of the windows.
    known: BTreeMap<[i32; 8], (usize, Products<8>)>,
    mantel_haenszel: MantelHaenszel,
}

impl Default for Likelihoods {
    fn default() -> Self {
        Self::new()
    }
}

impl Likelihoods {
    /// Before the first window.
    #[must_use]
    pub fn new() -> Self {
        Self {
            read: 0,
            telling: Vec::new(),
            bounded: false,
            budget: BUDGET,
            canary_bad: 0.0,
            grid: Products::new(),
            better: Products::new(),
            known: BTreeMap::new(),
            mantel_haenszel: MantelHaenszel::default(),
        }
    }

    /// As [`interval`], of the windows that were seen before and those that follow them.
    pub fn interval(&mut self, windows: &[Counts], alpha: f64) -> Option<Odds> {
        for counts in windows.iter().skip(self.read).filter(|counts| counts.tells()) {
            self.read(counts);
        }
        self.read = self.read.max(windows.len());
        if self.telling.is_empty() {
            return None;
        }
        let bad = self.canary_bad;
        let row = |odds: &[f64; 8], normalisers: &Products<8>, weight: f64| {
            let pairs = odds.map(ln).into_iter().zip(normalisers.ln());
            pairs.map(move |(ln_psi, normaliser)| (ln_psi, bad * ln_psi - normaliser, weight))
        };
        let grid = row(&GRID, &self.grid, GRID_WEIGHT).chain(row(&BETTER, &self.better, OTHER_WEIGHT));
        // psi = 1 has the likelihood 1: its normaliser is the sum of the hypergeometric mass.
        let grid: Vec<_> = grid.chain([(0.0, 0.0, OTHER_WEIGHT)]).collect();
        let mixed = ln_sum_exp(grid.iter().map(|(_, log, weight)| log + ln(*weight)));
        let floor = mixed - ln(1.0 / alpha);
        let mut bracket = Bracket::of(&grid, floor);
        if self.bounded {
            // What is known of the grid are likelihoods at least, so only what is above the floor is known to be.
            (bracket.left.to, bracket.right.to) = (FARTHEST + 1, FARTHEST + 1);
        }
        let (low, high) = self.ends(bracket, floor);
        Some(Odds {
            ratio: self.mantel_haenszel.ratio(),
            low,
            high,
        })
    }

    fn read(&mut self, counts: &Counts) {
        self.mantel_haenszel.add(counts);
        let terms = terms(counts);
        let most_terms = self.most_terms(terms);
        self.bounded |= terms > most_terms;
        self.telling.push((*counts, most_terms));
        self.canary_bad += real(counts.canary_bad());
        self.grid.push(counts, &GRID, most_terms, moments::most);
        self.better.push(counts, &BETTER, most_terms, moments::most);
    }

    /// Up to how many terms a window's sum is worked out that has so many.
    fn most_terms(&mut self, terms: u64) -> u64 {
        if terms <= FEW_TERMS || terms > MOST_TERMS {
            return MOST_TERMS;
        }
        let left = self.budget.checked_sub(terms);
        self.budget = left.unwrap_or(0);
        if left.is_some() { MOST_TERMS } else { FEW_TERMS }
    }

    /// The logarithms of the likelihoods of the odds ratios at these steps, at most, up to what all have in common. Eight take
    /// hardly longer than one.
    fn at(&mut self, steps: [i32; 8]) -> [f64; 8] {
        let mut logs = steps.map(|step| f64::from(step) / STEPS);
        let psi = logs.map(exp);
        let (over, normalisers) = self.known.entry(steps).or_insert((0, Products::new()));
        for (counts, most_terms) in self.telling.iter().skip(*over) {
            normalisers.push(counts, &psi, *most_terms, moments::least);
        }
        *over = self.telling.len();
        for (log, normaliser) in logs.iter_mut().zip(normalisers.ln()) {
            *log = self.canary_bad * *log - normaliser;
        }
        logs
    }

    /// The odds ratios on both sides of the best from which on the likelihood is not above `floor`. It is
    /// log-concave in ln psi, with the bounds, too, and above it at the best, because no mixture exceeds its largest part: so there is one end on
    /// each side.
    fn ends(&mut self, Bracket { mut left, mut right }: Bracket, floor: f64) -> (f64, f64) {
        while left.is_open() || right.is_open() {
            let probes = (left.probes(), right.probes());
            let ([one, two, three, four], [five, six, seven, eight]) = probes;
            let logs = self.at([-one, -two, -three, -four, five, six, seven, eight]);
            let (of_left, of_right) = logs.split_at(4);
            left.narrow(&probes.0, of_left, floor);
            right.narrow(&probes.1, of_right, floor);
        }
        let (low, high) = (-left.from, right.from);
        (
            if low < -FARTHEST {
                0.0
            } else {
                exp(f64::from(low) / STEPS)
            },
            if high > FARTHEST {
                f64::INFINITY
            } else {
                exp(f64::from(high) / STEPS)
            },
        )
    }
}

/// Between which steps each end lies, by what is known of the grid already. The left one is looked for among the steps'
/// negatives.
#[derive(Clone, Copy, Debug)]
struct Bracket {
    left: Search,
    right: Search,
}

/// Looks for the first step whose likelihood is not above a floor, where no later one's is: it is from `from` to `to`.
#[derive(Clone, Copy, Debug)]
struct Search {
    from: i32,
    to: i32,
}

impl Search {
    fn is_open(self) -> bool {
        self.from < self.to
    }

    /// Steps that leave a fifth of them.
    fn probes(self) -> [i32; 4] {
        [1, 2, 3, 4].map(|part| self.from + (self.to - self.from) * part / 5)
    }

    fn narrow(&mut self, probes: &[i32; 4], logs: &[f64], floor: f64) {
        // Once it is found, the probes are behind it.
        let probes = probes.iter().zip(logs).filter(|(probe, _)| **probe < self.to);
        let mut found = *self;
        for (probe, log) in probes {
            if *log <= floor {
                found.to = found.to.min(*probe);
            } else {
                found.from = found.from.max(probe + 1);
            }
        }
        *self = found;
    }
}

/// An odds ratio of the grid: `ln psi`, the logarithm of its likelihood, and its weight.
type Point = (f64, f64, f64);

impl Bracket {
    fn of(grid: &[Point], floor: f64) -> Self {
        let best = grid.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        let best = best.map_or(0.0, |(ln_psi, ..)| *ln_psi);
        let side = |sign: f64| {
            let beyond = grid.iter().filter(|(ln_psi, ..)| sign * ln_psi >= sign * best);
            let (inside, outside): (Vec<&Point>, Vec<&Point>) = beyond.partition(|(_, log, _)| *log > floor);
            let step = |ln_psi: f64| first(-FARTHEST, FARTHEST, |step| f64::from(step) / STEPS >= ln_psi);
            let from = inside
                .iter()
                .map(|(ln_psi, ..)| sign * ln_psi)
                .fold(sign * best, f64::max);
            let to = outside.iter().map(|(ln_psi, ..)| sign * ln_psi).reduce(f64::min);
            Search {
                from: step(from),
                to: to.map_or(FARTHEST + 1, step),
            }
        };
        Self {
            left: side(-1.0),
            right: side(1.0),
        }
    }
}

/// The first number from `low` on that `holds`, where all after it do, too; `high` where none before it does.
fn first(mut low: i32, mut high: i32, mut holds: impl FnMut(i32) -> bool) -> i32 {
    while low < high {
        // Below `high` for negative numbers, too.
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// When the regression began most likely, and how much worse the canary is since then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// How many of the windows are since then.
    pub windows: usize,
    /// The estimate by Mantel and Haenszel of these; infinite where only the canary had bad requests.
    pub ratio: f64,
}

/// The likeliest beginning of a regression; `None` where it is the first window that tells something, or none speaks for a
/// regression. It is chosen after the data was seen, so the ratio since then has no interval.
#[must_use]
pub fn since_start(windows: &[Counts]) -> Option<Start> {
    let first = windows.iter().position(Counts::tells)?;
    let start = harm::likeliest_start(windows).filter(|start| *start > first)?;
    let since = windows.get(start..)?;
    let mut sums = MantelHaenszel::default();
    for counts in since.iter().filter(|counts| counts.tells()) {
        sums.add(counts);
    }
    Some(Start {
        windows: since.len(),
        ratio: sums.ratio(),
    })
}

/// `sum e_c (n_b - e_b) / n` and `sum e_b (n_c - e_c) / n`.
#[derive(Clone, Copy, Debug, Default)]
struct MantelHaenszel {
    for_canary: f64,
    for_baseline: f64,
}

impl MantelHaenszel {
    fn add(&mut self, counts: &Counts) {
        let requests = real(counts.requests());
        self.for_canary += real(counts.canary_bad()) * real(counts.baseline() - counts.baseline_bad()) / requests;
        self.for_baseline += real(counts.baseline_bad()) * real(counts.canary() - counts.canary_bad()) / requests;
    }

    fn ratio(&self) -> f64 {
        if self.for_baseline > 0.0 {
            self.for_canary / self.for_baseline
        } else if self.for_canary > 0.0 {
            f64::INFINITY
        } else {
            1.0
        }
    }
}
