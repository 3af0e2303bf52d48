//! How many of so many requests fail, drawn exactly.

use fastrand::Rng;

/// Draws from binomial distributions of up to so many trials.
///
/// By inversion that begins at the mode: masses are subtracted from a uniform number, the mode's first and then outwards on
/// both sides, until it is used up. That is the distribution itself, up to the rounding of its masses and the 2^-52 of the
/// uniform number, and takes about as many steps as the standard deviation. Rejection samplers are quicker for many trials,
/// but those that follow the usual paper (BTPE, 1988) inherit a wrong sign from it.
#[derive(Debug)]
pub struct Binomial {
    /// `ln k!`.
    ln_factorials: Vec<f64>,
}

impl Binomial {
    /// For up to so many trials.
    #[must_use]
    pub fn new(most_trials: u32) -> Self {
        let mut sum = 0.0;
        let rest = (1..=most_trials).map(|number| {
            sum += f64::from(number).ln();
            sum
        });
        Self {
            ln_factorials: std::iter::once(0.0).chain(rest).collect(),
        }
    }

    fn ln_factorial(&self, number: u32) -> f64 {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        self.ln_factorials.get(index).copied().unwrap_or(f64::NAN)
    }

    /// The chance of so many hits.
    fn mass(&self, trials: u32, probability: f64, hits: u32) -> f64 {
        let ways = self.ln_factorial(trials) - self.ln_factorial(hits) - self.ln_factorial(trials - hits);
        (ways + f64::from(hits) * probability.ln() + f64::from(trials - hits) * (-probability).ln_1p()).exp()
    }

    /// How many of the trials hit. More trials than it was made for hit as often as that many.
    pub fn draw(&self, random: &mut Rng, trials: u32, probability: f64) -> u32 {
        let trials = trials.min(u32::try_from(self.ln_factorials.len() - 1).unwrap_or(u32::MAX));
        if trials == 0 || probability <= 0.0 {
            return 0;
        }
        if probability >= 1.0 {
            return trials;
        }
        let mode = mode(trials, probability);
        let odds = probability / (1.0 - probability);
        let (mut low, mut high) = (mode, mode);
        let mut low_mass = self.mass(trials, probability, mode);
        let mut high_mass = low_mass;
        let mut left = random.f64() - low_mass;
        while left >= 0.0 && (low > 0 || high < trials) {
            if high < trials {
                high_mass *= f64::from(trials - high) / f64::from(high + 1) * odds;
                high += 1;
                left -= high_mass;
                if left < 0.0 {
                    return high;
                }
            }
            if low > 0 {
                low_mass *= f64::from(low) / f64::from(trials - low + 1) / odds;
                low -= 1;
                left -= low_mass;
                if left < 0.0 {
                    return low;
                }
            }
        }
        mode
    }
}

/// The likeliest number of hits.
fn mode(trials: u32, probability: f64) -> u32 {
    let mode = ((f64::from(trials) + 1.0) * probability).floor();
    // A whole number from 0 to `trials`, so its text is one too.
    format!("{mode:.0}").parse().unwrap_or(0).min(trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pearson's statistic of 100,000 draws over the outcomes that are expected ten times or more, against its mean plus
    /// five of its standard deviations.
    fn assert_distributed(trials: u32, probability: f64) {
        let binomial = Binomial::new(10_000);
        let mut random = Rng::with_seed(7);
        let draws = 100_000;
        let mut seen = vec![0_u32; usize::try_from(trials).unwrap() + 1];
        for _ in 0..draws {
            seen[usize::try_from(binomial.draw(&mut random, trials, probability)).unwrap()] += 1;
        }
        let (mut statistic, mut cells) = (0.0, 0.0);
        for (hits, seen) in (0..).zip(&seen) {
            let expected = f64::from(draws) * reference(trials, probability, hits);
            if expected >= 10.0 {
                statistic += (f64::from(*seen) - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        assert!(cells >= 2.0 || trials == 1, "{trials} {probability}");
        assert!(
            statistic < cells + 5.0 * (2.0_f64 * cells).sqrt(),
            "{trials} {probability}: {statistic} over {cells}"
        );
    }

    /// The mass as a product, without any logarithm.
    fn reference(trials: u32, probability: f64, hits: u32) -> f64 {
        let mut mass = 1.0;
        let (mut taken, mut missed) = (0, 0);
        // Factors are taken in an order that keeps the product near 1.
        while taken < hits || missed < trials - hits {
            if taken < hits && (mass < 1.0 || missed == trials - hits) {
                mass *= f64::from(trials - taken) / f64::from(hits - taken) * probability;
                taken += 1;
            } else {
                mass *= 1.0 - probability;
                missed += 1;
            }
        }
        mass
    }

    #[test]
    fn draws_have_the_distribution() {
        for (trials, probability) in [
            (1, 0.5),
            (6, 0.1),
            (60, 0.001),
            (60, 0.5),
            (600, 0.1),
            (540, 0.01),
            (6_000, 0.1),
            (5_400, 0.001),
            (3_000, 0.97),
        ] {
            assert_distributed(trials, probability);
        }
    }

    #[test]
    fn the_ends_are_certain() {
        let binomial = Binomial::new(100);
        let mut random = Rng::with_seed(1);
        assert_eq!(binomial.draw(&mut random, 0, 0.5), 0);
        assert_eq!(binomial.draw(&mut random, 100, 0.0), 0);
        assert_eq!(binomial.draw(&mut random, 100, 1.0), 100);
        assert!((0..1_000).all(|_| binomial.draw(&mut random, 100, 1e-300) == 0));
    }
}
