//! A test by ranks of the minutes' error rates, as Kayenta makes it.

use crate::setting::Minute;

/// What a standard normal exceeds with a chance of 0.01: one side of Kayenta's confidence of 98 %.
const Z: f64 = 2.326_347_874_040_841;

/// The effect must be so much of the estimated shift (Kayenta's tolerance).
const TOLERANCE: f64 = 0.25;

/// How often it looks, in minutes; Kayenta's interval is configured, and it recommends fifty minutes of data for the last.
const EVERY: u32 = 10;

/// Kayenta's `MannWhitneyClassifier` with the confidence of 98 % and the tolerance of 0.25 that `NetflixACAJudge` gives it,
/// on the rates of all minutes so far. The canary fails where the lower end of the interval of the shift between both sides
/// exceeds the tolerated part of its estimate. The interval is the usual one for large samples, with ties and continuity
/// corrected.
#[derive(Debug, Default)]
pub(super) struct MannWhitney {
    canary: Vec<f64>,
    baseline: Vec<f64>,
}

impl MannWhitney {
    pub(super) fn look(&mut self, minute: u32, counts: &Minute) -> bool {
        let push = |rates: &mut Vec<f64>, bad: u32, requests: u32| {
            if requests > 0 {
                rates.push(f64::from(bad) / f64::from(requests));
            }
        };
        push(&mut self.canary, counts.canary_bad, counts.canary);
        push(&mut self.baseline, counts.baseline_bad, counts.baseline);
        if !(minute + 1).is_multiple_of(EVERY) {
            return false;
        }
        // The estimate is not negative where this holds, so it must hold for any tolerance.
        score(&self.canary, &self.baseline, 0.0) > Z
            && score(
                &self.canary,
                &self.baseline,
                TOLERANCE * shift(&self.canary, &self.baseline).abs(),
            ) > Z
    }
}

/// The standardised sum of ranks of the canary's rates, taken back by `shift`, among both sides' rates.
fn score(canary: &[f64], baseline: &[f64], shift: f64) -> f64 {
    let ours = canary.iter().map(|rate| (rate - shift, true));
    let mut all: Vec<_> = ours.chain(baseline.iter().map(|rate| (*rate, false))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let size = size(equal);
        let ours = equal.iter().filter(|(_, is_ours)| *is_ours).count();
        ranks += (before + f64::midpoint(size, 1.0)) * f64::from(u32::try_from(ours).unwrap_or(u32::MAX));
        ties += size * size * size - size;
        before += size;
    }
    let (ours, theirs) = (size(canary), size(baseline));
    let both = ours + theirs;
    let above_mean = ranks - ours * (both + 1.0) / 2.0;
    let variance = ours * theirs / 12.0 * (both + 1.0 - ties / (both * (both - 1.0)));
    (above_mean - 0.5 * above_mean.signum()) / variance.sqrt()
}

fn size<T>(items: &[T]) -> f64 {
    f64::from(u32::try_from(items.len()).unwrap_or(u32::MAX))
}

/// The median of all differences between a rate of the canary and one of the baseline (Hodges and Lehmann).
fn shift(canary: &[f64], baseline: &[f64]) -> f64 {
    let pairs = canary
        .iter()
        .flat_map(|ours| baseline.iter().map(move |theirs| ours - theirs));
    let mut differences: Vec<_> = pairs.collect();
    let middle = differences.len() / 2;
    if differences.is_empty() {
        return 0.0;
    }
    let (_, median, _) = differences.select_nth_unstable_by(middle, f64::total_cmp);
    *median
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: ranks of the canary 2.5, 5, 6 of 6, one tie of two; W = 13.5 - 10.5 = 3 above its mean,
    /// variance 3 * 3 / 12 * (7 - 6 / 30) = 5.1.
    #[test]
    fn ranks_are_summed_with_ties_and_continuity_corrected() {
        let score = score(&[0.2, 0.4, 0.5], &[0.1, 0.2, 0.3], 0.0);
        assert!((score - 2.5 / 5.1_f64.sqrt()).abs() < 1e-12, "{score}");
    }

    #[test]
    fn the_shift_is_the_median_of_differences() {
        assert!((shift(&[0.3, 0.5], &[0.1, 0.2, 0.1]) - 0.4).abs() < 0.11);
        assert!(shift(&[], &[0.1]).abs() < 1e-12);
    }

    fn looks(canary_bad: impl Fn(u32) -> u32) -> Vec<u32> {
        let mut rule = MannWhitney::default();
        let minutes = (0..60).filter(|minute| {
            let counts = Minute {
                canary: 100,
                baseline: 900,
                canary_bad: canary_bad(*minute),
                baseline_bad: minute % 5,
            };
            rule.look(*minute, &counts)
        });
        minutes.collect()
    }

    #[test]
    fn it_looks_every_ten_minutes_and_sees_a_shift() {
        assert_eq!(looks(|minute| 10 + minute % 3).first(), Some(&9));
        assert!(looks(|_| 0).is_empty());
        assert!(looks(|minute| u32::from(minute % 9 == 0)).is_empty());
    }

    #[test]
    fn a_silent_side_decides_nothing() {
        let mut rule = MannWhitney::default();
        assert!((0..30).all(|minute| !rule.look(
            minute,
            &Minute {
                baseline: 9,
                ..Minute::default()
            }
        )));
    }
}
