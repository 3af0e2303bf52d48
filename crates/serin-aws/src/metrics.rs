//! CloudWatch's counts of both sides, all metrics of a plan in one request.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricStat},
};
use jiff::Timestamp;
use serin_core::{
    analysis::{Analysis, Bad, MetricKind, Source, Window},
    document::Document,
    evidence::latency,
};
use serin_steps::ports::{Called, Metrics};

use crate::{call, cloudwatch::CloudWatch};

impl Metrics for CloudWatch {
    async fn requests(
        &self,
        document: &Document,
        analysis: &Analysis,
        from: Timestamp,
        to: Timestamp,
    ) -> Called<Vec<Window>> {
        let series = series(document, analysis);
        let call = self
            .client
            .get_metric_data()
            .set_metric_data_queries(Some(series.iter().map(|series| series.query.clone()).collect()))
            .start_time(DateTime::from_secs(from.as_second()))
            .end_time(DateTime::from_secs(to.as_second()));
        let mut windows = BTreeMap::<i64, Counted>::new();
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call::error("GetMetricData", error))?;
            for result in page.metric_data_results() {
                let Some(series) = series.iter().find(|series| series.query.id() == result.id()) else {
                    continue;
                };
                for (time, value) in result.timestamps().iter().zip(result.values()) {
                    let window = windows
                        .entry(time.secs())
                        .or_insert_with(|| Counted::new(analysis.metrics.len()));
                    window.add(series, *value);
                }
            }
        }
        Ok(windows
            .into_iter()
            .filter_map(|(start, counted)| counted.window(start, analysis))
            .collect())
    }
}

/// Which side a series counts. What a stage's own series counts may include the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Canary,
    Other,
}

/// One series of the request.
#[derive(Clone, Debug)]
struct Series {
    side: Side,
    /// The plan's metric that it counts, or requests.
    metric: Option<usize>,
    query: MetricDataQuery,
}

/// Requests and every metric of the plan, for both sides.
fn series(document: &Document, analysis: &Analysis) -> Vec<Series> {
    let kinds = analysis.metrics.iter().map(|metric| Some(metric.kind));
    let counted: Vec<_> = [None].into_iter().chain(kinds).enumerate().collect();
    let sides = [(Side::Canary, "canary"), (Side::Other, "other")];
    sides
        .into_iter()
        .flat_map(|(side, name)| {
            counted.iter().map(move |(number, kind)| Series {
                side,
                metric: number.checked_sub(1),
                query: query(
                    &format!("{name}{number}"),
                    where_from(document, analysis, side, *kind),
                    *kind,
                    analysis,
                ),
            })
        })
        .collect()
}

/// The metric of CloudWatch's that counts it on that side.
fn where_from(document: &Document, analysis: &Analysis, side: Side, kind: Option<MetricKind>) -> Metric {
    match &analysis.source {
        Source::StageMetrics { canary_stage, .. } => {
            let name = match kind {
                None => "Count",
                Some(MetricKind::ServerErrors) => "5XXError",
                Some(MetricKind::ClientErrors) => "4XXError",
                Some(MetricKind::Latency { .. }) => "Latency",
            };
            let stage = if side == Side::Canary {
                canary_stage
            } else {
                &document.stage.stage_name
            };
            let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
            Metric::builder()
                .namespace("AWS/ApiGateway")
                .metric_name(name)
                .dimensions(dimension("ApiName", &document.api_name))
                .dimensions(dimension("Stage", stage))
                .build()
        }
        Source::AccessLogs { namespace, .. } => {
            let side = if side == Side::Canary { "Canary" } else { "Baseline" };
            let what = match kind {
                None => "Requests",
                Some(MetricKind::ServerErrors) => "ServerErrors",
                Some(MetricKind::ClientErrors) => "ClientErrors",
                Some(MetricKind::Latency { .. }) => "Latency",
            };
            Metric::builder()
                .namespace(namespace)
                .metric_name(format!("{side}{what}"))
                .build()
        }
    }
}

fn query(id: &str, metric: Metric, kind: Option<MetricKind>, analysis: &Analysis) -> MetricDataQuery {
    let stat = match (kind, &analysis.source) {
        // The sample count of `Count` is the number of requests; a log's filter counts each as 1.
        (None, Source::StageMetrics { .. }) => "SampleCount".to_owned(),
        (None, Source::AccessLogs { .. }) | (Some(MetricKind::ServerErrors | MetricKind::ClientErrors), _) => {
            "Sum".to_owned()
        }
        // The trimmed count: the samples above the threshold.
        (Some(MetricKind::Latency { threshold_milliseconds }), _) => format!("TC({threshold_milliseconds}:)"),
    };
    let period = i32::try_from(analysis.window_seconds).unwrap_or(i32::MAX);
    let stat = MetricStat::builder().metric(metric).period(period).stat(stat).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

/// What a window's series said.
#[derive(Clone, Debug, PartialEq)]
struct Counted {
    canary: f64,
    other: f64,
    /// By the plan's metrics: the canary's and the other series'.
    bad: Vec<(f64, f64)>,
}

impl Counted {
    fn new(metrics: usize) -> Self {
        Self {
            canary: 0.0,
            other: 0.0,
            bad: vec![(0.0, 0.0); metrics],
        }
    }

    fn add(&mut self, series: &Series, value: f64) {
        let place = match (series.metric, series.side) {
            (None, Side::Canary) => Some(&mut self.canary),
            (None, Side::Other) => Some(&mut self.other),
            (Some(metric), Side::Canary) => self.bad.get_mut(metric).map(|bad| &mut bad.0),
            (Some(metric), Side::Other) => self.bad.get_mut(metric).map(|bad| &mut bad.1),
        };
        if let Some(place) = place {
            *place += value;
        }
    }

    /// The window, with what the stage's series has of the canary taken off. A metric without a datapoint had nothing bad.
    fn window(self, start: i64, analysis: &Analysis) -> Option<Window> {
        let includes_canary = matches!(
            analysis.source,
            Source::StageMetrics {
                stage_includes_canary: true,
                ..
            }
        );
        let baseline = |other: f64, canary: f64| if includes_canary { other - canary } else { other };
        let canary_requests = whole(self.canary);
        let baseline_requests = whole(baseline(self.other, self.canary));
        let bad = self.bad.iter().map(|(canary, other)| Bad {
            canary: latency::canary(*canary, canary_requests),
            baseline: latency::baseline(baseline(*other, *canary), baseline_requests),
        });
        let start = Timestamp::from_second(start).ok()?;
        Some(Window {
            start,
            canary_requests,
            baseline_requests,
            bad: bad.collect(),
        })
    }
}

/// A count that came as a double; 0 for what is none.
fn whole(count: f64) -> u64 {
    format!("{:.0}", count.max(0.0)).parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(analysis: &serde_json::Value) -> Document {
        serde_json::from_value(json!({
            "version": 1, "rolloutId": "r1", "executionArn": "arn", "apiName": "recommendations",
            "stage": { "restApiId": "a1b2c3", "stageName": "prod" },
            "beganAt": "2026-03-01T03:00:00Z", "deadline": "2026-03-01T05:00:00Z",
            "baseline": { "deploymentId": "d0" }, "canary": { "deploymentId": "d1" },
            "plan": { "steps": [], "finalBakeSeconds": 0, "tickSeconds": 60, "approvalTimeoutSeconds": 60 },
            "alarms": [], "analysis": analysis,
            "progress": { "step": 0, "percent": 5, "since": "2026-03-01T03:00:00Z" }, "decision": "bake", "waitSeconds": 60,
        }))
        .unwrap()
    }

    fn analysis(source: &serde_json::Value) -> serde_json::Value {
        let metrics = json!([
            { "kind": "serverErrors", "toleratedRate": 0.01, "toleratedOddsRatio": 2 },
            { "kind": { "latency": { "thresholdMilliseconds": 300 } }, "toleratedRate": 0.01, "toleratedOddsRatio": 2 },
        ]);
        json!({ "mode": "guard", "windowSeconds": 60, "settleSeconds": 120, "metrics": metrics, "source": source })
    }

    fn asked(document: &Document) -> Vec<String> {
        let series = series(document, &document.analysis);
        let told = |series: &Series| {
            let stat = series.query.metric_stat().unwrap();
            let metric = stat.metric().unwrap();
            let dimensions = metric.dimensions().iter().map(|dimension| dimension.value().unwrap());
            let path = [metric.namespace().unwrap(), metric.metric_name().unwrap()]
                .into_iter()
                .chain(dimensions);
            format!(
                "{} {} {}",
                series.query.id().unwrap(),
                path.collect::<Vec<_>>().join(" "),
                stat.stat().unwrap()
            )
        };
        series.iter().map(told).collect()
    }

    #[test]
    fn all_metrics_of_both_sides_are_asked_for_at_once() {
        let stage = json!({ "kind": "stageMetrics", "canaryStage": "prod/Canary", "stageIncludesCanary": true });
        assert_eq!(
            asked(&document(&analysis(&stage))),
            [
                "canary0 AWS/ApiGateway Count recommendations prod/Canary SampleCount",
                "canary1 AWS/ApiGateway 5XXError recommendations prod/Canary Sum",
                "canary2 AWS/ApiGateway Latency recommendations prod/Canary TC(300:)",
                "other0 AWS/ApiGateway Count recommendations prod SampleCount",
                "other1 AWS/ApiGateway 5XXError recommendations prod Sum",
                "other2 AWS/ApiGateway Latency recommendations prod TC(300:)",
            ]
        );
        let logs =
            json!({ "kind": "accessLogs", "namespace": "Serin/a1b2c3/prod", "logGroup": "/serin/a1b2c3/prod/access" });
        assert_eq!(
            asked(&document(&analysis(&logs))),
            [
                "canary0 Serin/a1b2c3/prod CanaryRequests Sum",
                "canary1 Serin/a1b2c3/prod CanaryServerErrors Sum",
                "canary2 Serin/a1b2c3/prod CanaryLatency TC(300:)",
                "other0 Serin/a1b2c3/prod BaselineRequests Sum",
                "other1 Serin/a1b2c3/prod BaselineServerErrors Sum",
                "other2 Serin/a1b2c3/prod BaselineLatency TC(300:)",
            ]
        );
    }

    #[test]
    fn what_a_stage_counts_of_its_canary_is_taken_off_and_what_is_interpolated_is_rounded_against_harm() {
        let stage = json!({ "kind": "stageMetrics", "canaryStage": "prod/Canary", "stageIncludesCanary": true });
        let document = document(&analysis(&stage));
        let mut counted = Counted::new(2);
        for (series, value) in series(&document, &document.analysis)
            .iter()
            .zip([60.0, 3.0, 7.6, 600.0, 5.0, 20.2])
        {
            counted.add(series, value);
        }
        let window = counted.window(1_772_334_000, &document.analysis).unwrap();
        assert_eq!((window.canary_requests, window.baseline_requests), (60, 540));
        assert_eq!(
            window.bad,
            [
                Bad { canary: 3, baseline: 2 },
                Bad {
                    canary: 7,
                    baseline: 13
                }
            ]
        );
    }
}
