//! CloudWatch's alarms and metrics.

use aws_sdk_cloudwatch::{
    Client,
    operation::describe_alarms::DescribeAlarmsOutput,
    primitives::DateTime,
    types::{AlarmType, Dimension, Metric, MetricDataQuery, MetricStat, StateValue},
};
use jiff::Timestamp;
use serin_core::{
    alarm::{AlarmKind, AlarmReading, AlarmState},
    analysis::{Analysis, Source, Window},
    document::Document,
};
use serin_steps::ports::{Alarms, CallError, Called, Metrics};

use crate::{call, config::Config};

/// CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    client: Client,
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

impl Metrics for CloudWatch {
    async fn requests(
        &self,
        document: &Document,
        analysis: &Analysis,
        from: Timestamp,
        to: Timestamp,
    ) -> Called<Vec<Window>> {
        let Source::StageMetrics {
            canary_stage,
            stage_includes_canary,
        } = &analysis.source
        else {
            return Err(CallError::Rejected("this source of counts is not read yet".to_owned()));
        };
        let series = [
            ("canary", canary_stage.as_str()),
            ("stage", document.stage.stage_name.as_str()),
        ];
        let queries = series.map(|(id, stage)| query(id, &document.api_name, stage, analysis.window_seconds));
        let call = self
            .client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.to_vec()));
        let call = call
            .start_time(DateTime::from_secs(from.as_second()))
            .end_time(DateTime::from_secs(to.as_second()));
        let mut counts = std::collections::BTreeMap::<i64, (u64, u64)>::new();
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            for result in page
                .map_err(|error| call::error("GetMetricData", error))?
                .metric_data_results()
            {
                for (time, count) in result.timestamps().iter().zip(result.values()) {
                    let window = counts.entry(time.secs()).or_default();
                    let side = if result.id() == Some("canary") {
                        &mut window.0
                    } else {
                        &mut window.1
                    };
                    *side = side.saturating_add(whole(*count));
                }
            }
        }
        let window = |(start, (canary, stage)): (i64, (u64, u64))| {
            let baseline = if *stage_includes_canary {
                stage.saturating_sub(canary)
            } else {
                stage
            };
            let start = Timestamp::from_second(start).ok()?;
            Some(Window {
                start,
                canary_requests: canary,
                baseline_requests: baseline,
                bad: Vec::new(),
            })
        };
        Ok(counts.into_iter().filter_map(window).collect())
    }
}

/// The sample count of `Count` is the number of requests.
fn query(id: &str, api_name: &str, stage: &str, window_seconds: u32) -> MetricDataQuery {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder()
        .namespace("AWS/ApiGateway")
        .metric_name("Count")
        .dimensions(dimension("ApiName", api_name))
        .dimensions(dimension("Stage", stage))
        .build();
    let period = i32::try_from(window_seconds).unwrap_or(i32::MAX);
    let stat = MetricStat::builder()
        .metric(metric)
        .period(period)
        .stat("SampleCount")
        .build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

/// A count that came as a double.
fn whole(count: f64) -> u64 {
    format!("{count:.0}").parse().unwrap_or(0)
}
