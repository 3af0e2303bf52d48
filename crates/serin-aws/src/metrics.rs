//! CloudWatch's counts of both sides, all metrics of a plan in one request.

mod answer;

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricStat},
};
use jiff::Timestamp;
use serin_core::{
    analysis::{Analysis, MetricKind, Source, Window},
    document::Document,
};
use serin_steps::ports::{Called, Metrics};

use self::answer::Answer;
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
        let mut answer = Answer::to(&series);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call::error("GetMetricData", error))?;
            answer.add(page.metric_data_results(), analysis);
        }
        answer.windows(analysis)
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

#[cfg(test)]
mod tests;
