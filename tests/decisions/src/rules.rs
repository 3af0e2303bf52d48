//! Who decides: Serin, and four ways in which others do. Each sees the same counts, once a minute.

mod mann_whitney;

use jiff::{SignedDuration, Timestamp};
use serin_core::{
    analysis::{Analysis, Bad, Metric, MetricKind, Mode, Window},
    evidence::judge::Judge,
};

use self::mann_whitney::MannWhitney;
use crate::setting::Minute;

/// The chance of rolling back a healthy release that Serin has by default, and the level of the z-test.
pub const ALPHA: f64 = 0.001;

/// How many rules there are.
pub const RULES: usize = 5;

/// Their names, Serin's first.
pub const NAMES: [&str; RULES] = [
    "Serin",
    "alarm, any error 2 min running",
    "threshold, over 1 % in 5 min",
    "z-test every minute",
    "Mann-Whitney every 10 min",
];

/// The analysis of a request that says nothing of it.
#[must_use]
pub fn analysis() -> Analysis {
    Analysis {
        mode: Mode::Guard,
        metrics: vec![Metric::new(MetricKind::ServerErrors)],
        ..Analysis::default()
    }
}

/// All rules, watching one release.
#[derive(Debug)]
pub struct Rules<'a> {
    judge: Judge<'a>,
    alarm: Alarm,
    threshold: Threshold,
    z_test: ZTest,
    mann_whitney: MannWhitney,
}

impl<'a> Rules<'a> {
    /// Before the first minute.
    #[must_use]
    pub fn new(analysis: &'a Analysis) -> Self {
        Self {
            judge: Judge::new(analysis),
            alarm: Alarm::default(),
            threshold: Threshold::default(),
            z_test: ZTest::default(),
            mann_whitney: MannWhitney::default(),
        }
    }

    /// Which rules roll back after this minute; one that has rolled back before may say anything.
    pub fn look(&mut self, minute: u32, counts: &Minute, wanted: &[bool; RULES]) -> [bool; RULES] {
        let [serin, alarm, threshold, z_test, mann_whitney] = *wanted;
        [
            serin && self.serin(minute, counts),
            alarm && self.alarm.look(counts),
            threshold && self.threshold.look(counts),
            z_test && self.z_test.look(counts),
            mann_whitney && self.mann_whitney.look(minute, counts),
        ]
    }

    /// The judge that `evaluate` asks.
    fn serin(&mut self, minute: u32, counts: &Minute) -> bool {
        self.judge.push(&window(minute, counts));
        self.judge.is_harmful()
    }
}

/// A minute's counts as the judge takes them.
pub(crate) fn window(minute: u32, counts: &Minute) -> Window {
    let offset = SignedDuration::from_mins(i64::from(minute));
    Window {
        start: Timestamp::UNIX_EPOCH.checked_add(offset).unwrap_or(Timestamp::MAX),
        canary_requests: counts.canary.into(),
        baseline_requests: counts.baseline.into(),
        bad: vec![Bad {
            canary: counts.canary_bad.into(),
            baseline: counts.baseline_bad.into(),
        }],
    }
}

/// "Errors > 0 for 2 x 60 s" on the canary: the alarm that examples of weighted aliases and canaries are published with.
#[derive(Debug, Default)]
struct Alarm {
    running: u32,
}

impl Alarm {
    fn look(&mut self, counts: &Minute) -> bool {
        self.running = if counts.canary_bad > 0 { self.running + 1 } else { 0 };
        self.running >= 2
    }
}

/// The sample of Flagger's documentation: every minute at least 99 % of the canary's requests of that minute must succeed,
/// and the fifth check that fails rolls back. A minute without requests is not checked.
#[derive(Debug, Default)]
struct Threshold {
    failed: u32,
}

impl Threshold {
    fn look(&mut self, counts: &Minute) -> bool {
        if f64::from(counts.canary_bad) > 0.01 * f64::from(counts.canary) {
            self.failed += 1;
        }
        self.failed >= 5
    }
}

/// The usual test of two proportions (pooled, one-sided) of everything so far, repeated every minute at [`ALPHA`].
#[derive(Debug, Default)]
struct ZTest {
    canary: f64,
    baseline: f64,
    canary_bad: f64,
    baseline_bad: f64,
}

/// What a standard normal exceeds with a chance of 0.001.
const Z_ALPHA: f64 = 3.090_232_306_167_813;

impl ZTest {
    fn look(&mut self, counts: &Minute) -> bool {
        self.canary += f64::from(counts.canary);
        self.baseline += f64::from(counts.baseline);
        self.canary_bad += f64::from(counts.canary_bad);
        self.baseline_bad += f64::from(counts.baseline_bad);
        let rate = (self.canary_bad + self.baseline_bad) / (self.canary + self.baseline);
        let variance = rate * (1.0 - rate) * (1.0 / self.canary + 1.0 / self.baseline);
        let difference = self.canary_bad / self.canary - self.baseline_bad / self.baseline;
        // Neither holds where a side has no request yet: then this is not a number.
        difference > Z_ALPHA * variance.sqrt() && variance > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(canary: u32, baseline: u32, canary_bad: u32, baseline_bad: u32) -> Minute {
        Minute {
            canary,
            baseline,
            canary_bad,
            baseline_bad,
        }
    }

    #[test]
    fn serin_decides_as_its_published_example_says() {
        let analysis = analysis();
        assert!((analysis.alpha.get() - ALPHA).abs() < 1e-12);
        let mut rules = Rules::new(&analysis);
        let decided = [1, 2, 1].map(|bad| rules.serin(0, &minute(60, 540, bad, 0)));
        assert_eq!(decided, [false, false, true]);
    }

    #[test]
    fn an_alarm_needs_errors_in_two_minutes_running() {
        let mut alarm = Alarm::default();
        let decided = [1, 0, 3, 1].map(|bad| alarm.look(&minute(60, 540, bad, 0)));
        assert_eq!(decided, [false, false, false, true]);
    }

    #[test]
    fn a_threshold_fails_five_checks_that_need_not_follow_each_other() {
        let mut threshold = Threshold::default();
        let decided = [2, 1, 2, 2, 0, 2, 2].map(|bad| threshold.look(&minute(100, 500, bad, 0)));
        assert_eq!(decided, [false, false, false, false, false, false, true]);
        assert!(!Threshold { failed: 4 }.look(&minute(0, 500, 0, 9)));
    }

    #[test]
    fn a_z_test_compares_all_requests_so_far() {
        // 10 of 100 against 20 of 1,000: z = 0.08 / sqrt(0.0273 * 0.9727 * 0.011) = 4.68.
        assert!(ZTest::default().look(&minute(100, 1_000, 10, 20)));
        // 5 of 100: z = 0.03 / sqrt(0.0227 * 0.9773 * 0.011) = 1.92.
        assert!(!ZTest::default().look(&minute(100, 1_000, 5, 20)));
        assert!(!ZTest::default().look(&minute(0, 0, 0, 0)));
        assert!(!ZTest::default().look(&minute(100, 0, 100, 0)));
    }
}
