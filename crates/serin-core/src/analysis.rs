//! How a rollout gathers evidence, and from where.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::claim::later;

/// How evidence is gathered and judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Whether evidence is gathered at all.
    pub mode: Mode,
    /// The length of a window, in seconds; a multiple of 60.
    pub window_seconds: u32,
    /// How old a window must be before its numbers are taken as final, in seconds.
    pub settle_seconds: u32,
    /// Where the counts come from.
    pub source: Source,
}

/// What evidence is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Alarms and drift only.
    Off,
    /// Evidence of harm rolls back; otherwise the timer advances.
    Guard,
}

/// Where counts come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Source {
    /// The stage's metrics in the namespace AWS/ApiGateway.
    #[serde(rename_all = "camelCase")]
    StageMetrics {
        /// The value of the dimension `Stage` that counts the canary's requests. No page of AWS's states it, so it is
        /// configurable; `<stage>/Canary` by default.
        canary_stage: String,
        /// Whether the series of the stage includes the canary's requests.
        stage_includes_canary: bool,
    },
}

impl Source {
    /// What was read, for people.
    #[must_use]
    pub fn describe(&self, api_name: &str) -> String {
        match self {
            Self::StageMetrics { canary_stage, .. } => {
                format!("AWS/ApiGateway Count with ApiName={api_name}, Stage={canary_stage}")
            }
        }
    }
}

/// For documents without an analysis: none was asked for.
impl Default for Analysis {
    fn default() -> Self {
        Self {
            mode: Mode::Off,
            window_seconds: 60,
            settle_seconds: 120,
            source: Source::StageMetrics {
                canary_stage: String::new(),
                stage_includes_canary: true,
            },
        }
    }
}

/// The name under which CloudWatch knows an API: without its non-ASCII characters, and the id where nothing is left.
#[must_use]
pub fn metric_api_name(name: &str, rest_api_id: &str) -> String {
    let ascii: String = name.chars().filter(char::is_ascii).collect();
    if ascii.is_empty() {
        rest_api_id.to_owned()
    } else {
        ascii
    }
}

/// Requests of both sides in one settled window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// When it began.
    pub start: Timestamp,
    /// Requests that the canary served.
    pub canary_requests: u64,
    /// Requests that the baseline served.
    pub baseline_requests: u64,
}

impl Analysis {
    fn window(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.window_seconds.max(1)))
    }

    fn settle(&self) -> SignedDuration {
        SignedDuration::from_secs(self.settle_seconds.into())
    }

    /// The first and the last moment of the windows that are settled at `now` and hold no change of traffic since `since`:
    /// the one that straddles the change and the next are masked. `None` where there is no such window.
    #[must_use]
    pub fn clean_windows(&self, since: Timestamp, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let window = self.window().as_secs();
        let first = (since.as_second().div_euclid(window) + 2).checked_mul(window)?;
        let last = now
            .checked_sub(self.settle())
            .ok()?
            .as_second()
            .div_euclid(window)
            .checked_mul(window)?;
        if last <= first {
            return None;
        }
        Some((Timestamp::from_second(first).ok()?, Timestamp::from_second(last).ok()?))
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
}

/// How many clean windows in a row without a canary request, while the baseline has traffic, are a wiring fault.
pub const SILENT_WINDOWS: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn windows_around_a_change_are_masked_and_young_ones_wait() {
        let analysis = Analysis {
            mode: Mode::Guard,
            ..Analysis::default()
        };
        assert_eq!(
            analysis.clean_windows(at(30), at(299)),
            None,
            "the window 120-180 settles at 300"
        );
        assert_eq!(analysis.clean_windows(at(30), at(300)), Some((at(120), at(180))));
        assert_eq!(analysis.clean_windows(at(30), at(425)), Some((at(120), at(300))));
    }

    #[test]
    fn a_step_shorter_than_five_minutes_is_too_short_to_judge() {
        let analysis = Analysis {
            mode: Mode::Guard,
            ..Analysis::default()
        };
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
    fn a_name_without_ascii_falls_back_to_the_id() {
        assert_eq!(metric_api_name("café", "a1"), "caf");
        assert_eq!(metric_api_name("店", "a1"), "a1");
    }
}
