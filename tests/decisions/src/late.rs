//! What looking for every beginning at once buys where a regression begins late, and what it costs where it does not.

use serin_core::evidence::{harm::Harm, judge::Judge};

use crate::{
    binomial::Binomial,
    rules::{self, window},
    setting::{Release, Setting},
    simulation::seed_of,
    summary::{Delay, delay},
};

/// How soon a regression is noticed by evidence that is mixed over start times, as Serin's is, and by evidence that is not.
#[derive(Clone, Debug)]
pub struct Late {
    /// The kind of release.
    pub setting: Setting,
    /// By the evidence that decides.
    pub mixed: Delay,
    /// By that of all windows from the first on.
    pub whole: Delay,
}

/// Simulates releases of that kind.
#[must_use]
pub fn compare(setting: Setting, seed: u64) -> Late {
    let from = setting.regression.map_or(0, |regression| regression.from);
    let binomial = Binomial::new(setting.per_minute);
    let (mut mixed, mut whole) = (Vec::new(), Vec::new());
    for run in 0..setting.runs {
        let noticed = noticed(Release::new(&setting, &binomial, seed_of(seed, run)));
        for (delays, minutes) in [&mut mixed, &mut whole].into_iter().zip(noticed) {
            match minutes {
                // Without a reason: it says nothing of how soon the regression is noticed.
                Some(minutes) if minutes <= from => {}
                Some(minutes) => delays.push(f64::from(minutes - from)),
                None => delays.push(f64::INFINITY),
            }
        }
    }
    Late {
        mixed: delay(&mut mixed),
        whole: delay(&mut whole),
        setting,
    }
}

/// After how many minutes a release is rolled back, by each of the two.
fn noticed(release: Release<'_>) -> [Option<u32>; 2] {
    let analysis = rules::analysis();
    let mut judge = Judge::new(&analysis);
    let forms: [fn(&Harm) -> f64; 2] = [Harm::ln_mixed, Harm::ln_exact];
    let mut noticed = [None; 2];
    for (minute, (counts, _)) in (0..).zip(release) {
        judge.push_all(&window(minute, &counts));
        for (at, form) in noticed.iter_mut().zip(forms) {
            if at.is_none() && judge.mean(form) >= judge.threshold() {
                *at = Some(minute + 1);
            }
        }
        if noticed.iter().all(Option::is_some) {
            break;
        }
    }
    noticed
}
