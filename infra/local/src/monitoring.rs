//! What guards an API of a story: the parameters of `infra/monitoring.yaml` that set one story apart from another.

use crate::{
    api::Api,
    deploy::{Deployment, SERIN},
};

/// The alarms of a stage, with periods of 10 s, of which the latest three are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// So many 5xx make a period bad for the canary, and for the whole stage.
    pub bad_5xx: u32,
    /// So many of the three periods must be bad.
    pub bad_periods: u32,
    /// Whether the canary's alarms and counts come from the stage's access log, and not from its metrics.
    pub access_logs: bool,
}

/// An alarm at the first period with five errors: for a version that is broken outright.
impl Default for Monitoring {
    fn default() -> Self {
        Self {
            bad_5xx: 5,
            bad_periods: 1,
            access_logs: false,
        }
    }
}

impl Monitoring {
    /// The deployment that makes them.
    pub(crate) fn of(self, api: &Api) -> Deployment {
        Deployment::new("infra/monitoring.yaml", stack(api))
            .with("RestApiId", &api.id)
            .with("ApiName", &api.name)
            .with("StageName", api.stage)
            .with("SerinStackName", SERIN)
            .with("Period", 10)
            .with("EvaluationPeriods", 3)
            .with("DatapointsToAlarm", self.bad_periods)
            .with("Canary5xxCount", self.bad_5xx)
            .with("Stage5xxCount", self.bad_5xx.max(10))
            .with(
                "CanarySignal",
                if self.access_logs { "AccessLogs" } else { "StageMetrics" },
            )
            // LocalStack evaluates no percentiles.
            .with("LatencyStatistic", "Average")
    }
}

/// The name of the stack.
pub(crate) fn stack(api: &Api) -> String {
    format!("{}-monitoring", api.name)
}
