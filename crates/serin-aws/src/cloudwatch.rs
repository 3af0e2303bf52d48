//! CloudWatch's alarms. Its metrics are in `metrics`.

use aws_sdk_cloudwatch::{
    Client,
    operation::describe_alarms::DescribeAlarmsOutput,
    types::{AlarmType, StateValue},
};
use serin_core::alarm::{AlarmKind, AlarmReading, AlarmState};
use serin_steps::ports::{Alarms, CallError, Called};

use crate::{call, config::Config};

/// CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    pub(crate) client: Client,
}

impl CloudWatch {
    /// A client with Serin's timeouts and retries.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            client: Client::new(&config.sdk),
        }
    }
}

/// Without types, DescribeAlarms leaves composite alarms out.
fn types(kinds: &[AlarmKind]) -> Vec<AlarmType> {
    let named = |kind: &AlarmKind| match kind {
        AlarmKind::Metric => AlarmType::MetricAlarm,
        AlarmKind::Composite => AlarmType::CompositeAlarm,
    };
    kinds.iter().map(named).collect()
}

impl Alarms for CloudWatch {
    async fn named(&self, kinds: &[AlarmKind], names: &[&str]) -> Called<Vec<AlarmReading>> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let call = self
            .client
            .describe_alarms()
            .set_alarm_names(Some(names))
            .set_alarm_types(Some(types(kinds)));
        readings(
            call.max_records(100)
                .send()
                .await
                .map_err(|error| call::error("DescribeAlarms", error))?,
        )
    }

    async fn with_prefix(&self, kinds: &[AlarmKind], prefix: &str) -> Called<Vec<AlarmReading>> {
        let call = self
            .client
            .describe_alarms()
            .alarm_name_prefix(prefix)
            .set_alarm_types(Some(types(kinds)));
        readings(
            call.max_records(100)
                .send()
                .await
                .map_err(|error| call::error("DescribeAlarms", error))?,
        )
    }
}

fn readings(answer: DescribeAlarmsOutput) -> Called<Vec<AlarmReading>> {
    let metric = answer.metric_alarms.unwrap_or_default().into_iter();
    let metric = metric.map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason));
    let composite = answer.composite_alarms.unwrap_or_default().into_iter();
    let composite = composite.map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason));
    metric
        .chain(composite)
        .map(|(name, state, reason)| reading(name, state.as_ref(), reason))
        .collect()
}

fn reading(name: Option<String>, state: Option<&StateValue>, reason: Option<String>) -> Called<AlarmReading> {
    let name = name.unwrap_or_default();
    let state = state.map_or("nothing", StateValue::as_str);
    let state = AlarmState::parse(state)
        .ok_or_else(|| CallError::Rejected(format!("DescribeAlarms: alarm {name} is in the unknown state {state}")))?;
    Ok(AlarmReading {
        name,
        state,
        reason: reason.unwrap_or_default(),
    })
}
