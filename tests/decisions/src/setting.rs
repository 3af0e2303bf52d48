//! The releases that are simulated.

use fastrand::Rng;
use serin_core::evidence::power::Scenario;

use crate::{binomial::Binomial, rules::ALPHA};

/// A kind of release: a stage, a share, and what happens to it. Requests fail independently of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is, for people.
    pub name: String,
    /// Requests a minute of both sides together.
    pub per_minute: u32,
    /// The share of them that the canary really gets.
    pub share: f64,
    /// The share that fails on the baseline.
    pub baseline_rate: f64,
    /// What is wrong with the canary; nothing where it is healthy.
    pub regression: Option<Regression>,
    /// The chance, each minute, that an outage of both sides begins. It lasts five minutes, in which half of all requests
    /// fail.
    pub outages: f64,
    /// How long the release is watched, in minutes.
    pub minutes: u32,
    /// How many releases of this kind are simulated.
    pub runs: u32,
}

/// A canary that is worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// The share of its requests that fail.
    pub rate: f64,
    /// From which minute on, counted from 0.
    pub from: u32,
}

/// The minutes of an outage.
const OUTAGE: u32 = 5;

/// Counts of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Requests of the canary.
    pub canary: u32,
    /// Requests of the baseline.
    pub baseline: u32,
    /// The canary's failed ones.
    pub canary_bad: u32,
    /// The baseline's failed ones.
    pub baseline_bad: u32,
}

impl Setting {
    fn new(name: &str, per_minute: u32, share: f64, baseline_rate: f64) -> Self {
        Self {
            name: name.to_owned(),
            per_minute,
            share,
            baseline_rate,
            regression: None,
            outages: 0.0,
            minutes: 60,
            runs: 20_000,
        }
    }

    fn with_outages(mut self) -> Self {
        self.outages = 0.02;
        self
    }

    fn lasting(mut self, minutes: u32) -> Self {
        self.minutes = minutes;
        self
    }

    fn times(mut self, runs: u32) -> Self {
        self.runs = runs;
        self
    }

    fn worse(mut self, rate: f64, from: u32) -> Self {
        self.regression = Some(Regression { rate, from });
        self.runs = 4_000;
        self
    }

    /// The same release with a canary that is no worse.
    #[must_use]
    pub fn healthy_twin(&self) -> Self {
        Self {
            regression: None,
            runs: self.runs / 2,
            ..self.clone()
        }
    }

    /// The fewest minutes, in expectation, in which any test that keeps to alpha surely notices the regression, from its
    /// beginning on and if it knew when that is. The minutes of an outage, in which both sides fail alike, tell nothing.
    #[must_use]
    pub fn bound(&self) -> Option<f64> {
        let scenario = Scenario {
            per_minute: f64::from(self.per_minute),
            baseline_rate: self.baseline_rate,
            canary_rate: self.regression?.rate,
            alpha: ALPHA,
            metrics: 1.0,
        };
        let telling = scenario.bound(self.share) / scenario.per_minute;
        // An outage begins so often per minute without one.
        Some(telling * (1.0 + self.outages * f64::from(OUTAGE)))
    }
}

/// Draws the minutes of one release.
#[derive(Debug)]
pub struct Release<'a> {
    setting: &'a Setting,
    binomial: &'a Binomial,
    random: Rng,
    minute: u32,
    outage_left: u32,
}

impl<'a> Release<'a> {
    /// The release that a seed makes.
    #[must_use]
    pub fn new(setting: &'a Setting, binomial: &'a Binomial, seed: u64) -> Self {
        Self {
            setting,
            binomial,
            random: Rng::with_seed(seed),
            minute: 0,
            outage_left: 0,
        }
    }
}

impl Iterator for Release<'_> {
    /// The counts, and how many of the canary's requests fail because of the regression, in expectation.
    type Item = (Minute, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let Setting {
            per_minute,
            share,
            baseline_rate,
            regression,
            outages,
            minutes,
            ..
        } = *self.setting;
        if self.minute == minutes {
            return None;
        }
        if self.outage_left == 0 && outages > 0.0 && self.random.f64() < outages {
            self.outage_left = OUTAGE;
        }
        let rates = match regression {
            _ if self.outage_left > 0 => (0.5, 0.5),
            Some(Regression { rate, from }) if self.minute >= from => (rate, baseline_rate),
            _ => (baseline_rate, baseline_rate),
        };
        self.outage_left = self.outage_left.saturating_sub(1);
        self.minute += 1;
        let canary = self.binomial.draw(&mut self.random, per_minute, share);
        let baseline = per_minute - canary;
        let counts = Minute {
            canary,
            baseline,
            canary_bad: self.binomial.draw(&mut self.random, canary, rates.0),
            baseline_bad: self.binomial.draw(&mut self.random, baseline, rates.1),
        };
        Some((counts, f64::from(canary) * (rates.0 - rates.1)))
    }
}

/// Releases whose canary is no worse.
#[must_use]
pub fn healthy() -> Vec<Setting> {
    vec![
        Setting::new("600/min, 10 %, 0.1 % fail", 600, 0.1, 0.001),
        Setting::new("600/min, 10 %, 1 % fail", 600, 0.1, 0.01),
        Setting::new("600/min, 50 %, 1 % fail", 600, 0.5, 0.01),
        Setting::new("60/min, 10 %, 0.1 % fail", 60, 0.1, 0.001),
        Setting::new("6,000/min, 10 %, 0.1 % fail", 6_000, 0.1, 0.001),
        Setting::new("6,000/min, 1 %, 0.1 % fail", 6_000, 0.01, 0.001),
        Setting::new("600/min, 10 %, 0.1 % fail, shared outages", 600, 0.1, 0.001).with_outages(),
        Setting::new("6,000/min, 10 %, 0.1 % fail, shared outages", 6_000, 0.1, 0.001)
            .with_outages()
            .times(10_000),
        Setting::new("600/min, 12 % though 10 % were set, 1 % fail", 600, 0.12, 0.01),
        Setting::new("600/min, 10 %, 1 % fail, for six hours", 600, 0.1, 0.01)
            .lasting(360)
            .times(10_000),
    ]
}

/// Releases whose canary is worse.
#[must_use]
pub fn regressions() -> Vec<Setting> {
    let setting = |name, per_minute, share, from: f64, to| Setting::new(name, per_minute, share, from).worse(to, 0);
    vec![
        setting("600/min, 10 %, 0.1 -> 50 %", 600, 0.1, 0.001, 0.5),
        setting("600/min, 10 %, 0.1 -> 5 %", 600, 0.1, 0.001, 0.05),
        setting("600/min, 10 %, 0.1 -> 1 %", 600, 0.1, 0.001, 0.01),
        setting("600/min, 10 %, 1 -> 5 %", 600, 0.1, 0.01, 0.05),
        setting("600/min, 10 %, 1 -> 2 %", 600, 0.1, 0.01, 0.02).lasting(180),
        setting("600/min, 5 %, 0.1 -> 1 %", 600, 0.05, 0.001, 0.01).lasting(120),
        setting("60/min, 10 %, 0.1 -> 5 %", 60, 0.1, 0.001, 0.05),
        setting("60/min, 10 %, 0.1 -> 1 %", 60, 0.1, 0.001, 0.01).lasting(480),
        setting("6,000/min, 1 %, 0.1 -> 1 %", 6_000, 0.01, 0.001, 0.01),
        setting("6,000/min, 10 %, 0.1 -> 0.2 %", 6_000, 0.1, 0.001, 0.002).lasting(180),
        setting("600/min, 10 %, 0.1 -> 1 %, shared outages", 600, 0.1, 0.001, 0.01).with_outages(),
        setting("600/min, 12 % though 10 % were set, 1 -> 2 %", 600, 0.12, 0.01, 0.02).lasting(180),
        Setting::new("600/min, 10 %, 0.1 -> 5 % after 4 h", 600, 0.1, 0.001)
            .worse(0.05, 240)
            .lasting(300),
        Setting::new("600/min, 10 %, 0.5 -> 2 % after 4 h", 600, 0.1, 0.005)
            .worse(0.02, 240)
            .lasting(360),
    ]
}

/// Regressions that begin after so many hours, with what is there from the first minute beside them.
#[must_use]
pub fn late() -> Vec<Setting> {
    let kinds = [
        ("600/min, 10 %, 0.1 -> 5 %", 600, 0.001, 0.05),
        ("600/min, 10 %, 0.5 -> 2 %", 600, 0.005, 0.02),
        ("6,000/min, 10 %, 0.5 -> 2 %", 6_000, 0.005, 0.02),
    ];
    let begins = [0, 1, 4, 8].map(|hours| hours * 60);
    let kinds = kinds.into_iter();
    let settings = kinds.flat_map(|(name, per_minute, from, to)| {
        begins.map(|begin| {
            let setting = Setting::new(name, per_minute, 0.1, from).worse(to, begin);
            setting.lasting(begin + 180).times(1_000)
        })
    });
    settings.collect()
}
