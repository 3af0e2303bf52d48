//! What is known of one window and one metric.

use super::real::real;

/// The most requests of a side in one window: more than anybody has counted, and sums of both sides stay exact.
pub const MOST_REQUESTS: u64 = 1_000_000_000_000_000;

/// Requests of both sides in one window, and how many of them were bad by one metric.
///
/// There are never more bad requests than requests: CloudWatch may interpolate, and a clock may cut a minute differently
/// for two metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    canary: u64,
    baseline: u64,
    canary_bad: u64,
    baseline_bad: u64,
}

impl Counts {
    /// `canary` requests with `canary_bad` bad ones, against the baseline's.
    #[must_use]
    pub fn new(canary: u64, baseline: u64, canary_bad: u64, baseline_bad: u64) -> Self {
        let (canary, baseline) = (canary.min(MOST_REQUESTS), baseline.min(MOST_REQUESTS));
        Self {
            canary,
            baseline,
            canary_bad: canary_bad.min(canary),
            baseline_bad: baseline_bad.min(baseline),
        }
    }

    /// Requests that the canary served.
    #[must_use]
    pub fn canary(&self) -> u64 {
        self.canary
    }

    /// Requests that the baseline served.
    #[must_use]
    pub fn baseline(&self) -> u64 {
        self.baseline
    }

    /// The canary's bad ones.
    #[must_use]
    pub fn canary_bad(&self) -> u64 {
        self.canary_bad
    }

    /// The baseline's bad ones.
    #[must_use]
    pub fn baseline_bad(&self) -> u64 {
        self.baseline_bad
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.canary + self.baseline
    }

    /// All bad requests.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.canary_bad + self.baseline_bad
    }

    /// The realised share of the canary; `None` without requests.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.requests() > 0).then(|| real(self.canary) / real(self.requests()))
    }

    /// Whether both sides served.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        self.canary > 0 && self.baseline > 0
    }

    /// Whether the window says something of which side is worse: both sides served, and something was bad.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.is_compared() && self.bad() > 0
    }

    /// The fewest and the most bad requests that the canary can have had, given the window's totals.
    pub(super) fn support(&self) -> (u64, u64) {
        (self.bad().saturating_sub(self.baseline), self.bad().min(self.canary))
    }
}
