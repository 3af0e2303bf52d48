//! Fisher's noncentral hypergeometric distribution: its normaliser, for several odds ratios at once.

use super::{
    counts::Counts,
    real::{ln, real},
};

/// What takes the place of a sum that is not worked out: [`super::moments::least`] or [`super::moments::most`].
pub(super) type Bound = fn(&Counts, f64) -> f64;

/// The most terms of a sum that is worked out to decide. Beyond it a bound takes the sum's place.
pub(super) const MOST_TERMS: u64 = 4_096;

/// The most terms of a sum that is worked out for people who compare the forms: some milliseconds.
pub(super) const MOST_TERMS_SHOWN: u64 = 1 << 20;

/// Where the largest of several sums has grown so much, all but the small ones are scaled down by as much. No sum grows
/// faster than the largest, and none grows by more than 10^37 at once, so none overflows before that happens again.
const LARGE: f64 = 1e200;
const LN_LARGE: f64 = 460.517_018_598_809_1;
const SMALL: f64 = 1e50;

/// Sums that grow term by term, one for each odds ratio.
struct Sums<const N: usize> {
    term: [f64; N],
    sum: [f64; N],
    scaled: [f64; N],
}

impl<const N: usize> Sums<N> {
    fn new() -> Self {
        Self {
            term: [1.0; N],
            sum: [1.0; N],
            scaled: [0.0; N],
        }
    }

    /// Adds the next terms, which are the last ones times `ratio` times the odds ratios.
    fn add(&mut self, ratio: f64, psi: &[f64; N]) {
        for ((term, sum), psi) in self.term.iter_mut().zip(&mut self.sum).zip(psi) {
            *term *= ratio * psi;
            *sum += *term;
        }
    }

    fn scale(&mut self) {
        for ((term, sum), scaled) in self.term.iter_mut().zip(&mut self.sum).zip(&mut self.scaled) {
            if *sum > SMALL {
                *term /= LARGE;
                *sum /= LARGE;
                *scaled += LN_LARGE;
            }
        }
    }

    fn ln(&self) -> [f64; N] {
        let mut logs = self.scaled;
        for (log, sum) in logs.iter_mut().zip(&self.sum) {
            *log += ln(*sum);
        }
        logs
    }
}

/// How many terms the sum of a window has.
pub(super) fn terms(counts: &Counts) -> u64 {
    let (first, last) = counts.support();
    last - first + 1
}

/// [`ln_normalisers`], or the bound of each where the sum has more than `most` terms.
pub(super) fn ln_normalisers_or<const N: usize>(counts: &Counts, psi: &[f64; N], most: u64, bound: Bound) -> [f64; N] {
    ln_normalisers(counts, psi, most).unwrap_or_else(|| psi.map(|psi| bound(counts, ln(psi))))
}

/// `ln sum_k h(k) psi^k` for each odds ratio, where `h` is the hypergeometric mass of the canary's share of the bad
/// requests. `None` where there are more than `most` terms.
///
/// Neighbours follow `h(k+1)/h(k) = (n_c-k)(e-k) / ((k+1)(n_b-e+k+1))`, so the sum is built up relative to its first term,
/// and so is the sum at psi = 1 that it is divided by: no factorial of 10^9 is needed. All terms are positive, nothing
/// cancels.
pub(super) fn ln_normalisers<const N: usize>(counts: &Counts, psi: &[f64; N], most: u64) -> Option<[f64; N]> {
    let (tilted, guide) = sums(counts, psi, most)?;
    let [central, _] = guide.ln();
    let mut logs = tilted.ln();
    let (first, _) = counts.support();
    for (log, psi) in logs.iter_mut().zip(psi) {
        let skipped = if first > 0 { real(first) * ln(*psi) } else { 0.0 };
        *log += skipped - central;
    }
    Some(logs)
}

/// The sums of all terms relative to the first: those of the odds ratios, and those of 1 and of the largest of them.
fn sums<const N: usize>(counts: &Counts, psi: &[f64; N], most: u64) -> Option<(Sums<N>, Sums<2>)> {
    if terms(counts) > most {
        return None;
    }
    let (first, last) = counts.support();
    let mut tilted = Sums::new();
    // The sum of the largest odds ratio is the largest and the last to be complete: it says when to scale and when to stop.
    // It goes with that of psi = 1, in one vector.
    let mut guide = Sums::<2>::new();
    let largest = psi.iter().copied().fold(1.0, f64::max);
    let mut canary_left = real(counts.canary() - first);
    let mut bad_left = real(counts.bad() - first);
    let mut taken = real(first + 1);
    let mut baseline_good = real((counts.baseline() + first + 1).saturating_sub(counts.bad()));
    for _ in first..last {
        let ratio = canary_left * bad_left / (taken * baseline_good);
        tilted.add(ratio, psi);
        guide.add(ratio, &[1.0, largest]);
        let ([_, term], [_, sum]) = (guide.term, guide.sum);
        if sum > LARGE {
            tilted.scale();
            guide.scale();
        }
        // Each further term is less than half of the one before, and what is left cannot be seen in the sum.
        if ratio * largest < 0.5 && term < sum * 1e-18 {
            break;
        }
        canary_left -= 1.0;
        bad_left -= 1.0;
        taken += 1.0;
        baseline_good += 1.0;
    }
    Some((tilted, guide))
}

/// The normalisers of many windows, multiplied: a logarithm of each would take longer than the rest of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products<const N: usize> {
    product: [f64; N],
    /// The logarithms of what is not in the products any more.
    ln: [f64; N],
}

impl<const N: usize> Products<N> {
    /// Of no window.
    pub(super) fn new() -> Self {
        Self {
            product: [1.0; N],
            ln: [0.0; N],
        }
    }

    /// Takes in a window's normalisers, or their bounds where they have more than `most` terms.
    pub(super) fn push(&mut self, counts: &Counts, psi: &[f64; N], most: u64, bound: Bound) {
        let plain = sums(counts, psi, most).filter(|(tilted, guide)| {
            let is_plain = |scaled: &f64| *scaled <= 0.0;
            counts.support().0 == 0 && tilted.scaled.iter().chain(&guide.scaled).all(is_plain)
        });
        if let Some((tilted, guide)) = plain {
            let [central, _] = guide.sum;
            for ((product, ln_sum), sum) in self.product.iter_mut().zip(&mut self.ln).zip(tilted.sum) {
                // Both are from 1 to 10^200, and a little above, so the product neither overflows nor vanishes.
                *product *= sum / central;
                if !(1e-100..=1e100).contains(product) {
                    *ln_sum += ln(*product);
                    *product = 1.0;
                }
            }
        } else {
            let logs = ln_normalisers_or(counts, psi, most, bound);
            for (ln_sum, log) in self.ln.iter_mut().zip(logs) {
                *ln_sum += log;
            }
        }
    }

    /// The logarithms of the products.
    pub(super) fn ln(&self) -> [f64; N] {
        let mut logs = self.ln;
        for (log, product) in logs.iter_mut().zip(&self.product) {
            *log += ln(*product);
        }
        logs
    }
}
