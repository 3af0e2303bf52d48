//! How a rollout gathers evidence, from where, and what it does with it.

mod windows;

use serde::{Deserialize, Serialize};

use crate::{decimal::Decimal, plan::Hold};

pub use windows::{Bad, MAX_WINDOWS, SILENT_WINDOWS, STANDARD_SECONDS, Span, Window, is_period};

/// The most metrics of a plan. Requests and two metrics of both sides are six series: GetMetricData is paid by the series,
/// and six of them cost more than the state machine's transitions.
pub const MAX_METRICS: usize = 2;

/// How evidence is gathered and judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// What evidence is used for.
    pub mode: Mode,
    /// The chance, per rollout, that evidence rolls back a release that is no worse than its baseline.
    #[serde(default = "default_alpha")]
    pub alpha: Decimal,
    /// What counts as bad, one or two ways. A document of before there was evidence has none, and is not judged by any.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// The length of a window, in seconds; a period of CloudWatch's.
    pub window_seconds: u32,
    /// How old a window must be before its numbers are taken as final, in seconds.
    pub settle_seconds: u32,
    /// How long a step may be held beyond its bake for evidence of health, in seconds. Nothing where the mode is not `gate`.
    #[serde(default)]
    pub max_hold_seconds: u32,
    /// What happens to a step that was held so long.
    #[serde(default)]
    pub on_inconclusive: OnInconclusive,
    /// Where the counts come from.
    pub source: Source,
}

impl Analysis {
    /// What it may add to each bake of a plan.
    #[must_use]
    pub fn hold(&self) -> Hold {
        if self.mode != Mode::Gate {
            return Hold::default();
        }
        Hold {
            max_seconds: self.max_hold_seconds,
            then_asks: self.on_inconclusive == OnInconclusive::Hold,
        }
    }
}

/// A rollout in a thousand is rolled back by chance.
#[must_use]
pub fn default_alpha() -> Decimal {
    Decimal::from_millionths(1_000)
}

/// What evidence is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Alarms and drift only.
    Off,
    /// Evidence of harm rolls back; otherwise the timer advances.
    Guard,
    /// As `Guard`, and a step is left only on evidence of health.
    Gate,
}

/// What happens where a step was held as long as it may be, and there is evidence neither of harm nor of health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnInconclusive {
    /// A person is asked, as for an approval.
    Hold,
    /// On to the next step.
    Advance,
    /// Back to the baseline: what is not known to be good does not go on.
    #[default]
    RollBack,
}

/// Something that a request can be on either side, and that is bad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// What is counted.
    pub kind: MetricKind,
    /// A canary below this rate is good enough, for `gate`.
    pub tolerated_rate: Decimal,
    /// So is one whose odds ratio to the baseline is below this.
    pub tolerated_odds_ratio: Decimal,
}

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MetricKind {
    /// Answers with a status from 500 on.
    ServerErrors,
    /// Answers with a status from 400 to 499.
    ClientErrors,
    /// Answers that took longer than a threshold.
    #[serde(rename_all = "camelCase")]
    Latency {
        /// The threshold.
        threshold_milliseconds: u32,
    },
}

impl MetricKind {
    /// The metric's name in requests and findings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerErrors => "serverErrors",
            Self::ClientErrors => "clientErrors",
            Self::Latency { .. } => "latency",
        }
    }

    /// What it counts, for people.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::ServerErrors => "server errors".to_owned(),
            Self::ClientErrors => "client errors".to_owned(),
            Self::Latency { threshold_milliseconds } => format!("above {threshold_milliseconds} ms"),
        }
    }
}

impl Metric {
    /// With what is tolerated where a request does not say: 1 % of server errors, 5 % of anything else, twice the odds.
    #[must_use]
    pub fn new(kind: MetricKind) -> Self {
        let rate = match kind {
            MetricKind::ServerErrors => 10_000,
            MetricKind::ClientErrors | MetricKind::Latency { .. } => 50_000,
        };
        Self {
            kind,
            tolerated_rate: Decimal::from_millionths(rate),
            tolerated_odds_ratio: Decimal::from_millionths(2_000_000),
        }
    }
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
    /// The metrics that the filters of `infra/monitoring.yaml` make of the stage's access log.
    #[serde(rename_all = "camelCase")]
    AccessLogs {
        /// Their namespace.
        namespace: String,
        /// The log group that they are made of, for people to look at.
        log_group: String,
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
            Self::AccessLogs { namespace, log_group } => {
                format!("{namespace} CanaryRequests, which a metric filter makes of log group {log_group}")
            }
        }
    }

    /// What was read of the baseline, for people.
    #[must_use]
    pub fn describe_baseline(&self, api_name: &str, stage_name: &str) -> String {
        match self {
            Self::StageMetrics { .. } => {
                format!("AWS/ApiGateway Count with ApiName={api_name}, Stage={stage_name}")
            }
            Self::AccessLogs { namespace, log_group } => {
                format!("{namespace} BaselineRequests, which a metric filter makes of log group {log_group}")
            }
        }
    }
}

/// For documents without an analysis: none was asked for.
impl Default for Analysis {
    fn default() -> Self {
        Self {
            mode: Mode::Off,
            alpha: default_alpha(),
            metrics: Vec::new(),
            window_seconds: STANDARD_SECONDS,
            settle_seconds: 120,
            max_hold_seconds: 0,
            on_inconclusive: OnInconclusive::RollBack,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_ascii_falls_back_to_the_id() {
        assert_eq!(metric_api_name("café", "a1"), "caf");
        assert_eq!(metric_api_name("店", "a1"), "a1");
    }

    #[test]
    fn an_analysis_of_before_there_was_evidence_is_judged_by_none() {
        let old = serde_json::json!({
            "mode": "guard", "windowSeconds": 60, "settleSeconds": 120,
            "source": { "kind": "stageMetrics", "canaryStage": "prod/Canary", "stageIncludesCanary": true },
        });
        let analysis: Analysis = serde_json::from_value(old).unwrap();
        assert_eq!((analysis.mode, analysis.metrics.len()), (Mode::Guard, 0));
        assert_eq!(analysis.alpha, default_alpha());
    }
}
