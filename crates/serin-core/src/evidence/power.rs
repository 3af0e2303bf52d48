//! How long it takes to notice a regression at a constant share: an expectation for people who plan a rollout.

use super::{
    harm::{GRID, ln_price_of_start},
    real::{ln, ln_1p, ln_sum_exp},
};

/// What is to be noticed, with which traffic.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Requests a minute of both sides together.
    pub per_minute: f64,
    /// The share of bad requests on the baseline.
    pub baseline_rate: f64,
    /// The share of bad requests on the canary.
    pub canary_rate: f64,
    /// The chance of rolling back a healthy release.
    pub alpha: f64,
    /// How many metrics share it.
    pub metrics: f64,
}

impl Scenario {
    /// The information of one request about which side is worse, when the canary has that share: no test that keeps to alpha
    /// and surely detects needs fewer than `ln(1/alpha) / information` requests in expectation.
    #[must_use]
    pub fn information(&self, share: f64) -> f64 {
        let mean = share * self.canary_rate + (1.0 - share) * self.baseline_rate;
        let nats = share * divergence(self.canary_rate, mean) + (1.0 - share) * divergence(self.baseline_rate, mean);
        nats.max(0.0)
    }

    /// The fewest requests of both sides that any test needs in expectation.
    #[must_use]
    pub fn bound(&self, share: f64) -> f64 {
        -ln(self.alpha) / self.information(share)
    }

    /// The evidence that each odds ratio of the grid gains by one request, in expectation and by the bound.
    fn growth(&self, share: f64) -> [f64; 8] {
        let mean = share * self.canary_rate + (1.0 - share) * self.baseline_rate;
        GRID.map(|psi| share * self.canary_rate * ln(psi) - mean * ln_1p(share * (psi - 1.0)))
    }
}

/// Evidence that is expected, gathered step after step.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    scenario: Scenario,
    gained: [f64; 8],
    /// What mixing over start times costs.
    ln_price: f64,
}

impl Expected {
    /// Of a regression that is there from the first request.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self::late(scenario, 0.0)
    }

    /// Of a regression that begins after so many windows in which something was bad.
    #[must_use]
    pub fn late(scenario: Scenario, windows_before: f64) -> Self {
        Self {
            scenario,
            gained: [0.0; 8],
            ln_price: ln_price_of_start(windows_before),
        }
    }

    /// The sum over the grid that has to be reached, as a logarithm.
    fn needed(&self) -> f64 {
        ln(8.0) + self.ln_price + ln(self.scenario.metrics) - ln(self.scenario.alpha)
    }

    /// How many minutes at that share it takes to notice, after what was gained before; infinite where it never does.
    #[must_use]
    pub fn minutes(&self, share: f64) -> f64 {
        let growth = self
            .scenario
            .growth(share)
            .map(|growth| growth * self.scenario.per_minute);
        let needed = self.needed();
        let sum = |minutes: f64| {
            let parts = self.gained.iter().zip(growth);
            ln_sum_exp(parts.map(|(gained, growth)| gained + growth * minutes))
        };
        if sum(0.0) >= needed {
            return 0.0;
        }
        // Each odds ratio alone would take so long; all together are there no later.
        let alone = self.gained.iter().zip(growth).filter(|(_, growth)| *growth > 0.0);
        let mut late = alone.fold(f64::INFINITY, |least, (gained, growth)| {
            least.min((needed - gained) / growth)
        });
        if !late.is_finite() {
            return late;
        }
        // The sum is convex and below what is needed at 0, so it crosses that once.
        let mut early = 0.0;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(early, late);
            if sum(middle) < needed {
                early = middle;
            } else {
                late = middle;
            }
        }
        late
    }

    /// After so many minutes at that share.
    pub fn gain(&mut self, share: f64, minutes: f64) {
        let growth = self.scenario.growth(share);
        for (gained, growth) in self.gained.iter_mut().zip(growth) {
            *gained += growth * minutes * self.scenario.per_minute;
        }
    }
}

/// To a millionth of the time.
const HALVINGS: u32 = 20;

/// `KL(p || q)` of one request.
fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * ln(p / q) } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the information bound at alpha = 0.001: total requests and the canary's.
    #[test]
    fn the_information_bound_is_the_published_one() {
        let table = [
            (0.001, 0.01, 0.1, 6356.0),
            (0.001, 0.01, 0.05, 11242.0),
            (0.001, 0.01, 0.01, 50522.0),
            (0.001, 0.05, 0.1, 751.0),
            (0.001, 0.5, 0.01, 316.0),
            (0.01, 0.02, 0.1, 20172.0),
            (0.01, 0.02, 0.01, 178_805.0),
            (0.01, 0.05, 0.05, 3685.0),
        ];
        for (baseline_rate, canary_rate, share, expected) in table {
            let scenario = Scenario {
                per_minute: 600.0,
                baseline_rate,
                canary_rate,
                alpha: 0.001,
                metrics: 1.0,
            };
            let bound = scenario.bound(share);
            assert!(
                (bound - expected).abs() < 1.0,
                "{baseline_rate} -> {canary_rate} at {share}: {bound}"
            );
            let expected = Expected::new(scenario);
            let ours = expected.minutes(share) * 600.0;
            assert!(
                ours > bound && ours < 2.2 * bound,
                "{ours} requests, the bound is {bound}"
            );
        }
    }

    #[test]
    fn what_is_no_regression_is_never_noticed() {
        let scenario = Scenario {
            per_minute: 600.0,
            baseline_rate: 0.01,
            canary_rate: 0.01,
            alpha: 0.001,
            metrics: 2.0,
        };
        let mut expected = Expected::new(scenario);
        expected.gain(0.1, 1e6);
        assert!(expected.minutes(0.1).is_infinite());
        assert!(scenario.bound(0.1) > 1e12);
    }
}
