//! Releases that are no worse than their baseline, ten thousand of each kind: how many would go back.

use super::*;
use crate::evidence::odds;

const RELEASES: u32 = 10_000;
const ALPHA: f64 = 0.01;

struct Setting {
    name: &'static str,
    per_minute: u64,
    share: f64,
    rate: f64,
    /// The chance, per minute, that an outage of five minutes begins, in which half of all requests fail.
    outages: f64,
}

/// Sixty windows of both sides, with the same chance of an error on either.
fn release(random: &mut Random, setting: &Setting) -> bool {
    let mut harm = Harm::new();
    let mut outage = 0;
    for _ in 0..60 {
        if outage == 0 && random.chance(setting.outages) {
            outage = 5;
        }
        let rate = if outage > 0 { 0.5 } else { setting.rate };
        outage = u32::max(outage, 1) - 1;
        let canary = random.binomial(setting.per_minute, setting.share);
        let baseline = setting.per_minute - canary;
        let window = [
            canary,
            baseline,
            random.binomial(canary, rate),
            random.binomial(baseline, rate),
        ];
        harm.push(&counts(window));
        if harm.ln_mixed() >= -ALPHA.ln() {
            return true;
        }
    }
    false
}

#[test]
fn healthy_releases_go_back_no_more_often_than_was_promised() {
    let setting = |name, per_minute, share, rate, outages| Setting {
        name,
        per_minute,
        share,
        rate,
        outages,
    };
    let settings = [
        setting("few errors", 60, 0.1, 0.001, 0.0),
        setting("many errors", 60, 0.1, 0.05, 0.0),
        setting("half of the traffic", 60, 0.5, 0.02, 0.0),
        setting("shared outages", 60, 0.1, 0.001, 0.02),
        setting("hardly any traffic", 5, 0.2, 0.05, 0.01),
    ];
    let deviation = (ALPHA * (1.0 - ALPHA) / f64::from(RELEASES)).sqrt();
    let most = (ALPHA + 3.0 * deviation) * f64::from(RELEASES);
    for (seed, setting) in (1..).zip(&settings) {
        let mut random = Random(seed);
        let rolled_back: u32 = (0..RELEASES).map(|_| u32::from(release(&mut random, setting))).sum();
        assert!(
            f64::from(rolled_back) <= most,
            "{}: {rolled_back} of {RELEASES}",
            setting.name
        );
    }
}

/// An interval misses the truth at any of its windows no more often than was promised.
#[test]
fn intervals_hold_the_true_odds_ratio() {
    let mut random = Random(11);
    let mut missed = 0;
    let (rate, ratio) = (0.05, 3.0);
    let canary_rate = ratio * rate / (1.0 - rate + ratio * rate);
    for _ in 0..500 {
        let mut windows = Vec::new();
        let outside = (0..10).any(|_| {
            let canary = random.binomial(60, 0.3);
            let window = [
                canary,
                60 - canary,
                random.binomial(canary, canary_rate),
                random.binomial(60 - canary, rate),
            ];
            windows.push(counts(window));
            odds::interval(&windows, 0.1).is_some_and(|odds| odds.low > ratio || odds.high < ratio)
        });
        missed += u32::from(outside);
    }
    assert!(missed <= 50, "{missed} of 500 at alpha 0.1");
}
