//! Bounds of the normaliser of Fisher's noncentral hypergeometric distribution, in constant time.
//!
//! Given a window's totals, the number of bad requests of the canary is distributed like a sum of independent events (Vatutin
//! and Mikhailov 1982: its generating polynomial has real zeros only). Their chances p have the mean of that number as their
//! sum, and its variance says the sum of their squares. `ln E[psi^k] = sum ln(1 + p (psi - 1))`, and the third derivative of
//! that in p has one sign. So among all chances with these two sums it is largest, and smallest, where they have two values,
//! of which one is 0 or 1 (the principal representations of Chebyshev and Markov; Karlin and Studden 1966).
//!
//! The same is true of the baseline's bad requests, and of the good ones of either side: so the better of two counts, those of
//! the rarer kind. As mean and variance are met, what is given away is of the third order in `ln psi`: next to nothing where
//! the windows are so large that the sum itself would take too long.

use super::{
    counts::Counts,
    real::{exp_m1, ln_1p, real},
};

/// A sum of independent events, and what its generating function is multiplied by to be that of the canary's bad requests.
struct Image {
    mean: f64,
    variance: f64,
    /// At least as many as there are events.
    events: f64,
    /// By which power of psi.
    power: f64,
    /// Whether it counts by psi, or by its reciprocal.
    upright: bool,
}

impl Image {
    /// `ln E[z^k]` if no event had another chance than 0 and one value.
    fn with_zero(&self, ln_z: f64) -> f64 {
        let squares = self.mean - self.variance;
        self.mean * self.mean / squares * ln_1p(squares / self.mean * exp_m1(ln_z))
    }

    /// `ln E[z^k]` if no event had another chance than one value and 1.
    fn with_one(&self, ln_z: f64) -> f64 {
        let others = self.events - self.mean;
        let chance = self.variance / others;
        let sure = (self.mean - self.events * chance) / (1.0 - chance);
        others / (1.0 - chance) * ln_1p(chance * exp_m1(ln_z)) + sure * ln_z
    }

    fn ln_z(&self, ln_psi: f64) -> f64 {
        if self.upright { ln_psi } else { -ln_psi }
    }

    /// The least that `ln E[psi^k]` of the canary's bad requests can be by this image.
    fn least(&self, ln_psi: f64) -> f64 {
        let ln_z = self.ln_z(ln_psi);
        let least = if ln_z > 0.0 {
            self.with_zero(ln_z)
        } else {
            self.with_one(ln_z)
        };
        least + self.power * ln_psi
    }

    /// The most that it can be.
    fn most(&self, ln_psi: f64) -> f64 {
        let ln_z = self.ln_z(ln_psi);
        let most = if ln_z > 0.0 {
            self.with_one(ln_z)
        } else {
            self.with_zero(ln_z)
        };
        most + self.power * ln_psi
    }
}

/// The least that `ln sum_k h(k) psi^k` can be. Every window has bounds in which both sides have good and bad requests; where
/// one of the four is missing, the number of the canary's bad requests is known, and the sum has one term.
pub(super) fn least(counts: &Counts, ln_psi: f64) -> f64 {
    let [one, other] = images(counts).map(|image| image.least(ln_psi));
    one.max(other)
}

/// The most that it can be.
pub(super) fn most(counts: &Counts, ln_psi: f64) -> f64 {
    let [one, other] = images(counts).map(|image| image.most(ln_psi));
    one.min(other)
}

fn images(counts: &Counts) -> [Image; 2] {
    let [canary, baseline, bad] = [counts.canary(), counts.baseline(), counts.bad()].map(real);
    let (all, good) = (canary + baseline, real(counts.requests() - counts.bad()));
    let variance = bad / all * (good / all) * canary * (baseline / (all - 1.0));
    let image = |of: f64, side: f64, power: f64, upright: bool| Image {
        mean: of / all * side,
        variance,
        events: of.min(side),
        power,
        upright,
    };
    if bad <= good {
        [image(bad, canary, 0.0, true), image(bad, baseline, bad, false)]
    } else {
        [
            image(good, canary, canary, false),
            image(good, baseline, bad - baseline, true),
        ]
    }
}
