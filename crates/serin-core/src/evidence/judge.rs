//! The evidence of a rollout, window after window: several metrics, one error budget.

use serde::{Deserialize, Serialize};

use super::{
    counts::Counts,
    harm::Harm,
    health,
    odds::{self, Likelihoods, Odds},
    real::{ceil, count, ln, ln_sum_exp, real},
};
use crate::{
    analysis::{Analysis, Metric, Mode, Window},
    decimal::Decimal,
};

/// What the windows say, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// How many windows were judged.
    pub windows: u64,
    /// The logarithm of the largest evidence of harm so far.
    #[serde(rename = "lnE")]
    pub ln_e: Decimal,
    /// The logarithm of the evidence that rolls back, 1/alpha.
    pub ln_threshold: Decimal,
    /// Whether it was reached.
    pub harmful: bool,
    /// Each metric.
    pub metrics: Vec<MetricEvidence>,
}

/// What the windows say by one metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricEvidence {
    /// The metric, for people.
    pub metric: String,
    /// The canary's requests and bad ones.
    pub canary: Side,
    /// The baseline's.
    pub baseline: Side,
    /// The logarithm of the evidence of harm by this metric alone.
    #[serde(rename = "lnE")]
    pub ln_e: Decimal,
    /// How much worse the canary is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odds_ratio: Option<OddsRatio>,
    /// Since when it has been worse, where there is evidence of harm and the likeliest beginning is not the first window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Since>,
    /// Whether it is good enough, where a step waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// Requests of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// All.
    pub requests: u64,
    /// The bad ones.
    pub bad: u64,
}

/// An odds ratio with its interval at 1 - alpha; what is missing is infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OddsRatio {
    /// The estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Decimal>,
    /// The lower end.
    pub low: Decimal,
    /// The upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Decimal>,
}

/// The likeliest beginning of a regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// How many of the latest windows are since then.
    pub windows: u64,
    /// The odds ratio in these. It has no interval, because they were chosen by what they hold. Infinite where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Decimal>,
}

/// The evidence that a canary is good enough at the present share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The logarithm of the evidence that the rate is below the tolerated one.
    pub ln_rate_below: Decimal,
    /// The logarithm of the evidence that the odds ratio is below the tolerated one.
    pub ln_odds_below: Decimal,
    /// The logarithm of the weighted mean of both, which decides. A document of before it was told has 0.
    #[serde(default)]
    pub ln_either: Decimal,
    /// The logarithm of the evidence that suffices, 1/beta.
    pub ln_threshold: Decimal,
    /// The rate that is tolerated.
    pub tolerated_rate: Decimal,
    /// Whether the mean has reached what suffices.
    pub healthy: bool,
    /// The odds ratio that is tolerated. A document of before it was told has 0.
    #[serde(default)]
    pub tolerated_odds_ratio: Decimal,
    /// How many more requests the canary needs if it goes on as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_needed: Option<u64>,
    /// Which of the two it reaches with these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_for: Option<Goal>,
}

/// What a canary can be good enough by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// Its rate of bad requests.
    Rate,
    /// Its odds ratio to the baseline.
    OddsRatio,
}

/// Gathers evidence.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    analysis: &'a Analysis,
    gathered: Vec<Gathered>,
    peak: f64,
}

/// What is gathered by one metric.
#[derive(Clone, Debug, Default)]
struct Gathered {
    harm: Harm,
    seen: Vec<Counts>,
    odds: Likelihoods,
}

impl<'a> Judge<'a> {
    /// Before the first window.
    #[must_use]
    pub fn new(analysis: &'a Analysis) -> Self {
        Self {
            analysis,
            gathered: vec![Gathered::default(); analysis.metrics.len()],
            peak: 0.0,
        }
    }

    /// Adds a window.
    pub fn push(&mut self, window: &Window) {
        self.add(window, Harm::push);
    }

    /// Adds a window, and keeps all forms of the evidence, for people who compare them.
    pub fn push_all(&mut self, window: &Window) {
        self.add(window, Harm::push_all);
    }

    fn add(&mut self, window: &Window, push: fn(&mut Harm, &Counts)) {
        for (index, gathered) in self.gathered.iter_mut().enumerate() {
            let counts = window.counts(index);
            push(&mut gathered.harm, &counts);
            gathered.seen.push(counts);
        }
        self.peak = self.peak.max(self.ln_e());
    }

    /// `ln E` now: the mean of the metrics' evidence, which is valid whatever their dependence.
    #[must_use]
    pub fn ln_e(&self) -> f64 {
        self.mean(Harm::ln_mixed)
    }

    /// `ln E` now, of another form of the evidence.
    #[must_use]
    pub fn mean(&self, form: fn(&Harm) -> f64) -> f64 {
        match self.gathered.as_slice() {
            [] => 0.0,
            [only] => form(&only.harm),
            all => ln_sum_exp(all.iter().map(|gathered| form(&gathered.harm))) - ln(count(all.len())),
        }
    }

    /// The largest `ln E` so far: by Ville's inequality it may be compared with 1/alpha however often one looks.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.peak
    }

    /// Whether the evidence of harm has reached 1/alpha.
    #[must_use]
    pub fn is_harmful(&self) -> bool {
        self.peak >= self.threshold()
    }

    /// `ln (1/alpha)`.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        -ln(self.analysis.alpha.get())
    }

    /// What all windows say; health by the last `step` of them, those at the present share.
    pub fn evidence(&mut self, step: usize) -> Evidence {
        let (ln_threshold, harmful) = (self.threshold(), self.is_harmful());
        let windows = self.gathered.first().map_or(0, |gathered| gathered.seen.len());
        let metrics = self.analysis.metrics.iter().zip(&mut self.gathered);
        Evidence {
            windows: whole(windows),
            ln_e: Decimal::clamped(self.peak),
            ln_threshold: Decimal::clamped(ln_threshold),
            harmful,
            metrics: metrics
                .map(|(metric, gathered)| gathered.evidence(self.analysis, metric, step, harmful))
                .collect(),
        }
    }
}

impl Gathered {
    fn evidence(&mut self, analysis: &Analysis, metric: &Metric, step: usize, harmful: bool) -> MetricEvidence {
        let (canary, baseline) = totals(&self.seen);
        let present = self.seen.len().saturating_sub(step);
        let present = self.seen.get(present..).unwrap_or_default();
        MetricEvidence {
            metric: metric.kind.describe(),
            canary,
            baseline,
            ln_e: Decimal::clamped(self.harm.ln_mixed()),
            odds_ratio: self.odds.interval(&self.seen, analysis.alpha.get()).map(told),
            since: harmful
                .then(|| odds::since_start(&self.seen))
                .flatten()
                .map(|start| Since {
                    windows: whole(start.windows),
                    estimate: finite(start.ratio),
                }),
            health: (analysis.mode == Mode::Gate).then(|| health(metric, present)),
        }
    }
}

fn totals(seen: &[Counts]) -> (Side, Side) {
    let mut sides = (Side::default(), Side::default());
    for counts in seen {
        sides.0.requests = sides.0.requests.saturating_add(counts.canary());
        sides.0.bad = sides.0.bad.saturating_add(counts.canary_bad());
        sides.1.requests = sides.1.requests.saturating_add(counts.baseline());
        sides.1.bad = sides.1.bad.saturating_add(counts.baseline_bad());
    }
    sides
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn finite(number: f64) -> Option<Decimal> {
    number.is_finite().then(|| Decimal::clamped(number))
}

fn told(odds: Odds) -> OddsRatio {
    OddsRatio {
        estimate: finite(odds.ratio),
        low: Decimal::clamped(odds.low),
        high: finite(odds.high),
    }
}

/// Whether the canary is good enough by its rate or by its odds ratio, in the windows of the present share in which both
/// sides had requests: where the baseline has none, what is taken for the canary may be the whole stage.
fn health(metric: &Metric, present: &[Counts]) -> Health {
    let present: Vec<_> = present.iter().filter(|counts| counts.is_compared()).copied().collect();
    let (canary, _) = totals(&present);
    let tolerated = metric.tolerated_rate.get();
    let rate = health::ln_below(canary.requests, canary.bad, tolerated);
    let odds = health::ln_odds_below(&present, metric.tolerated_odds_ratio.get());
    let threshold = -ln(health::BETA);
    let either = health::ln_either(rate, odds);
    let healthy = canary.requests > 0 && either >= threshold;
    // Each alone needs more evidence. The odds' grows evenly, too: so much a request so far.
    let alone = |weight: f64| threshold - ln(weight);
    let by_odds = (odds > 0.0).then(|| {
        let missing = alone(health::ODDS_WEIGHT) - odds;
        missing.max(0.0) / odds * real(canary.requests)
    });
    let by_rate = health::requests_needed(canary.requests, canary.bad, tolerated, alone(health::RATE_WEIGHT));
    let goals = [(Goal::Rate, by_rate), (Goal::OddsRatio, by_odds)];
    let goals = goals.into_iter().filter_map(|(goal, needed)| Some((goal, needed?)));
    let nearest = goals.min_by(|one, other| one.1.total_cmp(&other.1));
    Health {
        ln_rate_below: Decimal::clamped(rate),
        ln_odds_below: Decimal::clamped(odds),
        ln_either: Decimal::clamped(either),
        ln_threshold: Decimal::clamped(threshold),
        tolerated_rate: metric.tolerated_rate,
        healthy,
        tolerated_odds_ratio: metric.tolerated_odds_ratio,
        requests_needed: if healthy {
            Some(0)
        } else {
            nearest.map(|(_, needed)| ceil(needed))
        },
        needed_for: nearest.filter(|_| !healthy).map(|(goal, _)| goal),
    }
}

impl Evidence {
    /// Whether every metric says that the canary is good enough. Each must, so no error budget is split.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.metrics.is_empty()
            && self
                .metrics
                .iter()
                .all(|metric| metric.health.is_some_and(|health| health.healthy))
    }

    /// The evidence of harm as a number, which is infinite for people above 10^308.
    #[must_use]
    pub fn e(&self) -> f64 {
        super::real::exp(self.ln_e.get())
    }
}
