//! Windows of time: which of them are clean, and what was counted in them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Analysis;
use crate::{evidence::Counts, timing::later};

/// The most windows of a rollout. A long plan has longer windows than it asks for, so that its whole history can be read,
/// judged and stored at every look.
pub const MAX_WINDOWS: u32 = 2_880;

/// How often a metric of standard resolution gets a value, in seconds: API Gateway's own do, and those that a metric filter
/// makes. A shorter window needs metrics of high resolution (ADR 0009).
pub const STANDARD_SECONDS: u32 = 60;

/// How long CloudWatch keeps values of periods below a minute (CloudWatch user guide, "Metrics retention").
const FINE_DATA: SignedDuration = SignedDuration::from_hours(3);

/// How many clean windows in a row without a canary request, while the baseline has traffic, are a wiring fault.
pub const SILENT_WINDOWS: i32 = 3;

/// Requests of both sides in one settled window, and the bad ones among them.
///
/// It is written as `[start, canary, baseline, [[canary, baseline], ...]]`, with the start in seconds since 1970: a decision
/// is recorded with all windows that it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Compact", into = "Compact")]
pub struct Window {
    /// When it began.
    pub start: Timestamp,
    /// Requests that the canary served.
    pub canary_requests: u64,
    /// Requests that the baseline served.
    pub baseline_requests: u64,
    /// Bad requests, by the plan's metrics and in their order.
    pub bad: Vec<Bad>,
}

/// Bad requests of both sides by one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// The canary's.
    pub canary: u64,
    /// The baseline's.
    pub baseline: u64,
}

type Compact = (i64, u64, u64, Vec<(u64, u64)>);

impl From<Window> for Compact {
    fn from(window: Window) -> Self {
        let bad = window.bad.into_iter().map(|bad| (bad.canary, bad.baseline)).collect();
        (
            window.start.as_second(),
            window.canary_requests,
            window.baseline_requests,
            bad,
        )
    }
}

impl From<Compact> for Window {
    fn from((start, canary_requests, baseline_requests, bad): Compact) -> Self {
        let bad = bad.into_iter().map(|(canary, baseline)| Bad { canary, baseline });
        Self {
            start: Timestamp::from_second(start).unwrap_or(Timestamp::MIN),
            canary_requests,
            baseline_requests,
            bad: bad.collect(),
        }
    }
}

impl Window {
    /// The counts by the metric of that number. A metric without a datapoint had nothing bad: there were requests.
    #[must_use]
    pub fn counts(&self, metric: usize) -> Counts {
        let bad = self.bad.get(metric).copied().unwrap_or_default();
        Counts::new(self.canary_requests, self.baseline_requests, bad.canary, bad.baseline)
    }
}

/// A time in which the canary's share did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// When the share was acknowledged.
    pub from: Timestamp,
    /// When the next one was decided on.
    pub to: Timestamp,
}

impl Analysis {
    fn window(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.window_seconds.max(1)))
    }

    fn settle(&self) -> SignedDuration {
        SignedDuration::from_secs(self.settle_seconds.into())
    }

    /// The first and the last moment of the windows that are settled at `now` and lie in the span: the window of the change
    /// before it and the next are masked, and so is the window of the change after it. `None` where there is none.
    #[must_use]
    pub fn clean(&self, span: Span, now: Timestamp) -> Option<Span> {
        let window = self.window().as_secs();
        let first = (span.from.as_second().div_euclid(window) + 2).checked_mul(window)?;
        let settled = now.checked_sub(self.settle()).ok()?.min(span.to);
        let last = settled.as_second().div_euclid(window).checked_mul(window)?;
        if last <= first {
            return None;
        }
        Some(Span {
            from: Timestamp::from_second(first).ok()?,
            to: Timestamp::from_second(last).ok()?,
        })
    }

    /// The clean windows since the last change of traffic.
    #[must_use]
    pub fn clean_windows(&self, since: Timestamp, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let clean = self.clean(Span { from: since, to: now }, now)?;
        Some((clean.from, clean.to))
    }

    /// Those of the windows that lie in the span and are clean.
    #[must_use]
    pub fn within<'a>(&self, windows: &'a [Window], span: Span, now: Timestamp) -> &'a [Window] {
        let Some(clean) = self.clean(span, now) else { return &[] };
        let first = windows.partition_point(|window| window.start < clean.from);
        let last = windows.partition_point(|window| window.start < clean.to);
        windows.get(first..last).unwrap_or_default()
    }

    /// Whether a bake can hold a clean window wherever it begins within a window.
    #[must_use]
    pub fn can_judge(&self, bake_seconds: u32) -> bool {
        let bake = SignedDuration::from_secs(bake_seconds.into());
        bake >= self.shortest_bake()
    }

    /// The shortest bake that certainly holds a clean window: two masked, one clean, and the time to settle.
    #[must_use]
    pub fn shortest_bake(&self) -> SignedDuration {
        self.window().saturating_mul(3).saturating_add(self.settle())
    }

    /// How long traffic that does not arrive is waited for before the rollout goes back: as long again as it took to notice.
    #[must_use]
    pub fn patience(&self, since: Timestamp) -> Timestamp {
        later(
            since,
            self.shortest_bake()
                .saturating_add(self.window().saturating_mul(2 * SILENT_WINDOWS)),
        )
    }

    /// Windows so long that a rollout of that length has no more than [`MAX_WINDOWS`] of them, and can read them all to
    /// its end.
    #[must_use]
    pub fn fitting(mut self, longest: SignedDuration) -> Self {
        if longest > FINE_DATA {
            let minutes = u32::try_from(longest.as_mins()).unwrap_or(u32::MAX);
            let shortest = minutes.div_ceil(MAX_WINDOWS).saturating_mul(STANDARD_SECONDS);
            self.window_seconds = self.window_seconds.max(shortest);
        }
        self
    }
}

/// Whether CloudWatch has periods of that length (`GetMetricData`, `Period`), from 5 s on.
#[must_use]
pub fn is_period(seconds: u32) -> bool {
    matches!(seconds, 5 | 10 | 20 | 30) || (seconds > 0 && seconds.is_multiple_of(STANDARD_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Mode;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn guard() -> Analysis {
        Analysis {
            mode: Mode::Guard,
            ..Analysis::default()
        }
    }

    fn window(second: i64) -> Window {
        Window {
            start: at(second),
            canary_requests: 10,
            baseline_requests: 90,
            bad: vec![Bad { canary: 1, baseline: 2 }],
        }
    }

    #[test]
    fn windows_around_a_change_are_masked_and_young_ones_wait() {
        let analysis = guard();
        assert_eq!(
            analysis.clean_windows(at(30), at(299)),
            None,
            "the window 120-180 settles at 300"
        );
        assert_eq!(analysis.clean_windows(at(30), at(300)), Some((at(120), at(180))));
        assert_eq!(analysis.clean_windows(at(30), at(425)), Some((at(120), at(300))));
    }

    #[test]
    fn the_window_of_the_next_change_is_masked_however_late_one_looks() {
        let analysis = guard();
        let windows: Vec<_> = (0..20).map(|minute| window(minute * 60)).collect();
        let span = Span {
            from: at(30),
            to: at(431),
        };
        let clean = analysis.within(&windows, span, at(100_000));
        assert_eq!(
            clean.iter().map(|window| window.start.as_second()).collect::<Vec<_>>(),
            [120, 180, 240, 300, 360]
        );
        assert!(analysis.within(&windows, span, at(299)).is_empty());
        assert!(analysis.within(&[], span, at(100_000)).is_empty());
    }

    #[test]
    fn a_step_shorter_than_five_minutes_is_too_short_to_judge() {
        let analysis = guard();
        assert!(!analysis.can_judge(299));
        assert!(analysis.can_judge(300));
        for offset in 0..60 {
            assert!(
                analysis.clean_windows(at(offset), at(offset + 300)).is_some(),
                "offset {offset}"
            );
        }
    }

    #[test]
    fn long_rollouts_have_longer_windows() {
        assert_eq!(guard().fitting(SignedDuration::from_hours(48)).window_seconds, 60);
        assert_eq!(guard().fitting(SignedDuration::from_hours(49)).window_seconds, 120);
        assert_eq!(guard().fitting(SignedDuration::from_hours(14 * 24)).window_seconds, 420);
    }

    #[test]
    fn windows_below_a_minute_are_for_rollouts_that_end_while_their_data_is_kept() {
        let fine = |hours| {
            let analysis = Analysis {
                window_seconds: 5,
                ..guard()
            };
            analysis.fitting(SignedDuration::from_hours(hours)).window_seconds
        };
        assert_eq!(fine(3), 5);
        assert!(FINE_DATA.as_secs() / 5 <= i64::from(MAX_WINDOWS));
        assert_eq!(fine(4), 60);
        assert_eq!(fine(49), 120);
    }

    #[test]
    fn a_window_is_written_in_short() {
        let json = serde_json::to_string(&window(120)).unwrap();
        assert_eq!(json, "[120,10,90,[[1,2]]]");
        assert_eq!(serde_json::from_str::<Window>(&json).unwrap(), window(120));
    }
}
