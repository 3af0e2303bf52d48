//! The published numbers, the properties that make the tests valid, and healthy releases by the thousand.

mod healthy;
mod numbers;
mod properties;
mod ratios;

use super::{Counts, harm::Harm};

/// `[n_c, n_b, e_c, e_b]`.
type Row = [u64; 4];

fn counts([canary, baseline, canary_bad, baseline_bad]: Row) -> Counts {
    Counts::new(canary, baseline, canary_bad, baseline_bad)
}

fn harm(windows: &[Row]) -> Harm {
    let mut harm = Harm::new();
    for window in windows {
        harm.push_all(&counts(*window));
    }
    harm
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1.0)
}

/// A small generator (SplitMix64), seeded: the same runs everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform from 0 to 1.
    fn unit(&mut self) -> f64 {
        super::real::real(self.next() >> 11) / 9_007_199_254_740_992.0
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// How many of so many come true, by inversion.
    fn binomial(&mut self, trials: u64, probability: f64) -> u64 {
        let mut left = self.unit();
        let odds = probability / (1.0 - probability);
        let mut mass = (1.0 - probability).powf(super::real::real(trials));
        if mass <= 0.0 {
            return (0..trials)
                .filter(|_| self.chance(probability))
                .count()
                .try_into()
                .unwrap();
        }
        for hits in 0..trials {
            if left < mass {
                return hits;
            }
            left -= mass;
            mass *= odds * super::real::real(trials - hits) / super::real::real(hits + 1);
        }
        trials
    }
}
