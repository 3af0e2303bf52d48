//! Outcomes of many releases in a few numbers, each with its 95 % confidence interval.

use crate::{setting::Setting, simulation::Outcome};

/// A standard normal is within this of 0 with a chance of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A number and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What a rule did with all releases of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The share that was rolled back without a reason: of healthy ones all, of others those before their regression.
    pub false_rollbacks: Estimate,
    /// The share of regressions that was never noticed, of those that were not rolled back before.
    pub missed: Estimate,
    /// How long it took from the regression's beginning until it was rolled back.
    pub delay: Delay,
    /// The mean number of requests that failed because of the regression while it was watched.
    pub harmed: Estimate,
}

/// How long a rule takes to notice a regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Nearly all releases were rolled back before the regression began: there is nothing to say.
    NoneLeft,
    /// It misses more than half of them.
    Never,
    /// The median, in minutes, where a missed one takes for ever.
    Median(Estimate),
}

impl Delay {
    /// In minutes; infinite where it is never noticed.
    #[must_use]
    pub fn minutes(&self) -> f64 {
        match self {
            Self::NoneLeft | Self::Never => f64::INFINITY,
            Self::Median(median) => median.value,
        }
    }
}

/// So many releases must have reached their regression for a median to mean something.
const FEW: usize = 30;

/// Sums up what the rule of that number did.
#[must_use]
pub fn summary(setting: &Setting, outcomes: &[Outcome], rule: usize) -> Summary {
    let rolled_back = |outcome: &Outcome| outcome.rolled_back.get(rule).copied().flatten();
    let is_false = |minutes: u32| setting.regression.is_none_or(|regression| minutes <= regression.from);
    let from = setting.regression.map_or(0, |regression| regression.from);
    let falsely = outcomes
        .iter()
        .filter_map(rolled_back)
        .filter(|minutes| is_false(*minutes))
        .count();
    let mut delays = Vec::new();
    let mut harmed = Vec::new();
    for outcome in outcomes {
        let minutes = rolled_back(outcome);
        if !minutes.is_some_and(is_false) {
            delays.push(minutes.map_or(f64::INFINITY, |minutes| f64::from(minutes - from)));
            harmed.extend(outcome.harmed.get(rule));
        }
    }
    let missed = delays.iter().filter(|delay| delay.is_infinite()).count();
    Summary {
        false_rollbacks: share(falsely, outcomes.len()),
        missed: share(missed, delays.len()),
        delay: delay(&mut delays),
        harmed: mean(&harmed),
    }
}

/// The median of so many delays, of which those that never end are infinite.
pub(crate) fn delay(delays: &mut [f64]) -> Delay {
    if delays.len() < FEW {
        return Delay::NoneLeft;
    }
    median(delays).map_or(Delay::Never, Delay::Median)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A share with Wilson's interval, which is right for few of many, too.
fn share(hits: usize, of: usize) -> Estimate {
    let (hits, of) = (count(hits), count(of).max(1.0));
    let value = hits / of;
    let middle = (value + Z * Z / (2.0 * of)) / (1.0 + Z * Z / of);
    let half = Z / (1.0 + Z * Z / of) * (value * (1.0 - value) / of + Z * Z / (4.0 * of * of)).sqrt();
    Estimate {
        value,
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
    }
}

/// The median, between the order statistics that hold the true one.
fn median(numbers: &mut [f64]) -> Option<Estimate> {
    numbers.sort_by(f64::total_cmp);
    let of = count(numbers.len());
    let at = |place: f64| {
        let wanted = place.clamp(0.0, (of - 1.0).max(0.0));
        let index = (0..numbers.len()).find(|index| count(*index) >= wanted)?;
        numbers.get(index).copied()
    };
    let half = Z * of.sqrt() / 2.0;
    let estimate = Estimate {
        value: at((of - 1.0) / 2.0)?,
        low: at((of / 2.0 - half).floor() - 1.0)?,
        high: at((of / 2.0 + half).ceil())?,
    };
    estimate.value.is_finite().then_some(estimate)
}

fn mean(numbers: &[f64]) -> Estimate {
    let of = count(numbers.len()).max(1.0);
    let value = numbers.iter().sum::<f64>() / of;
    let spread = numbers.iter().map(|number| (number - value).powi(2)).sum::<f64>() / (of - 1.0).max(1.0);
    let half = Z * (spread / of).sqrt();
    Estimate {
        value,
        low: value - half,
        high: value + half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rules::RULES, setting};

    #[test]
    fn few_of_many_have_an_interval_that_is_not_empty() {
        let none = share(0, 10_000);
        assert!(
            none.value.abs() < 1e-12 && none.low.abs() < 1e-12 && (3e-4..5e-4).contains(&none.high),
            "{none:?}"
        );
        let half = share(50, 100);
        assert!(
            (half.low - 0.4038).abs() < 1e-4 && (half.high - 0.5962).abs() < 1e-4,
            "{half:?}"
        );
    }

    #[test]
    fn a_median_lies_between_its_order_statistics() {
        let mut numbers: Vec<_> = (1..=100).rev().map(f64::from).collect();
        let middle = median(&mut numbers).unwrap();
        assert_eq!(format!("{middle:?}"), "Estimate { value: 51.0, low: 40.0, high: 61.0 }");
        assert_eq!(median(&mut [1.0, f64::INFINITY, f64::INFINITY]), None);
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn a_rollback_before_the_regression_is_a_false_one() {
        let setting = setting::regressions()
            .into_iter()
            .find(|setting| setting.regression.is_some_and(|regression| regression.from == 240))
            .unwrap();
        let outcome = |minutes| Outcome {
            rolled_back: [minutes; RULES],
            harmed: [8.0; RULES],
        };
        let mut outcomes = vec![outcome(Some(240)); 10];
        outcomes.extend(
            [outcome(Some(243)), outcome(Some(245)), outcome(None)]
                .into_iter()
                .cycle()
                .take(30),
        );
        let summary = super::summary(&setting, &outcomes, 0);
        assert!((summary.false_rollbacks.value - 0.25).abs() < 1e-12);
        assert!((summary.missed.value - 1.0 / 3.0).abs() < 1e-12);
        assert!((summary.delay.minutes() - 5.0).abs() < 1e-12);
        let all_before = super::summary(&setting, &vec![outcome(Some(7)); 40], 0);
        assert_eq!(all_before.delay, Delay::NoneLeft);
        let all_missed = super::summary(&setting, &vec![outcome(None); 40], 0);
        assert_eq!(all_missed.delay, Delay::Never);
        assert!((summary.harmed.value - 8.0).abs() < 1e-12);
    }
}
