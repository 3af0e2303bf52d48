//! Many releases of one kind, on all cores; the outcome depends on the seed alone.

use std::thread;

use crate::{
    binomial::Binomial,
    rules::{self, RULES, Rules},
    setting::{Release, Setting},
};

/// What each rule did with one release.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// After how many minutes it rolled back; `None` where it never did.
    pub rolled_back: [Option<u32>; RULES],
    /// How many requests had failed because of the regression by then.
    pub harmed: [f64; RULES],
}

/// Simulates `setting.runs` releases, in their order.
#[must_use]
pub fn simulate(setting: &Setting, seed: u64) -> Vec<Outcome> {
    let binomial = Binomial::new(setting.per_minute);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = u32::try_from(threads).unwrap_or(1);
    let outcomes = thread::scope(|scope| {
        let parts = (0..threads).map(|part| {
            let binomial = &binomial;
            let begin = runs_before(setting.runs, part, threads);
            let end = runs_before(setting.runs, part + 1, threads);
            scope.spawn(move || {
                (begin..end)
                    .map(|run| release(setting, binomial, seed_of(seed, run)))
                    .collect::<Vec<_>>()
            })
        });
        // All threads are started before the first is waited for.
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect::<Vec<_>>()
    });
    let parts = outcomes.into_iter().map(|part| match part {
        Ok(part) => part,
        Err(panic) => std::panic::resume_unwind(panic),
    });
    parts.flatten().collect()
}

fn runs_before(runs: u32, part: u32, parts: u32) -> u32 {
    u32::try_from(u64::from(runs) * u64::from(part) / u64::from(parts)).unwrap_or(runs)
}

/// A seed for each run, far from its neighbours' (the finaliser of SplitMix64).
pub(crate) fn seed_of(seed: u64, run: u32) -> u64 {
    let mut mixed = seed.wrapping_add(u64::from(run).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn release(setting: &Setting, binomial: &Binomial, seed: u64) -> Outcome {
    let analysis = rules::analysis();
    let mut rules = Rules::new(&analysis);
    let mut outcome = Outcome {
        rolled_back: [None; RULES],
        harmed: [0.0; RULES],
    };
    for (minute, (counts, harmed)) in (0..).zip(Release::new(setting, binomial, seed)) {
        let open = outcome.rolled_back.map(|at| at.is_none());
        if open == [false; RULES] {
            break;
        }
        let decided = rules.look(minute, &counts, &open);
        let places = outcome.rolled_back.iter_mut().zip(&mut outcome.harmed);
        for ((at, sum), (open, rolls_back)) in places.zip(open.into_iter().zip(decided)) {
            if open {
                *sum += harmed;
                *at = rolls_back.then_some(minute + 1);
            }
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting;

    #[test]
    fn the_outcome_is_the_seed_s_alone() {
        let setting = Setting {
            runs: 7,
            ..setting::regressions().remove(2)
        };
        let outcomes = simulate(&setting, 1);
        assert_eq!(outcomes.len(), 7);
        assert_eq!(outcomes, simulate(&setting, 1));
        assert_ne!(outcomes, simulate(&setting, 2));
        let binomial = Binomial::new(setting.per_minute);
        assert_eq!(outcomes.get(6), Some(&release(&setting, &binomial, seed_of(1, 6))));
    }

    #[test]
    fn what_is_rolled_back_harms_nobody_after_that() {
        let setting = Setting {
            runs: 50,
            ..setting::regressions().remove(0)
        };
        for outcome in simulate(&setting, 3) {
            let [serin, ..] = outcome.rolled_back;
            let [harmed, ..] = outcome.harmed;
            assert!(
                serin.is_some_and(|minutes| harmed < f64::from(minutes) * 600.0 * 0.2),
                "{outcome:?}"
            );
        }
    }
}
