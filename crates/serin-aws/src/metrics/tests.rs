//! What is asked of CloudWatch, and what is made of its answers, page by page.

use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_cbor::Encoder;
use serde_json::json;
use serin_core::analysis::Bad;
use serin_steps::ports::CallError;

use super::*;
use crate::replies::{Replies, Reply, Sent};

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

const NINE: i64 = 1_772_355_600;
const TEN: i64 = NINE + 60;

/// A series on a page: its id, its status, what is said about it, and its datapoints.
type Told<'a> = (&'a str, &'a str, &'a str, &'a [(i64, f64)]);

/// Replies of these pages. Each but the last names the next.
fn replies(pages: &[&[Told<'_>]]) -> Replies {
    let last = pages.len() - 1;
    Replies::of(pages.iter().enumerate().map(|(number, told)| Reply {
        status: 200,
        header: Some(("smithy-protocol", "rpc-v2-cbor")),
        body: page(told, (number < last).then(|| format!("page {}", number + 2))),
    }))
}

/// What the two minutes come to, if these are the replies.
async fn windows(replies: &Replies) -> Called<Vec<Window>> {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "a test"))
        .http_client(replies.http_client())
        .build();
    let client = aws_sdk_cloudwatch::Client::from_conf(config);
    let at = |second| Timestamp::from_second(second).unwrap();
    let cloudwatch = CloudWatch { client };
    let stage = json!({ "kind": "stageMetrics", "canaryStage": "prod/Canary", "stageIncludesCanary": true });
    let document = document(&analysis(&stage));
    cloudwatch
        .requests(&document, &document.analysis, at(NINE), at(TEN + 60))
        .await
}

fn page(told: &[Told<'_>], next: Option<String>) -> Vec<u8> {
    let mut page = Encoder::new(Vec::new());
    page.begin_map().str("MetricDataResults").array(told.len());
    for (id, status, message, points) in told {
        page.map(5).str("Id").str(id).str("StatusCode").str(status);
        page.str("Messages").array(1).map(1).str("Value").str(message);
        page.str("Timestamps").array(points.len());
        for (time, _) in *points {
            page.timestamp(&DateTime::from_secs(*time));
        }
        page.str("Values").array(points.len());
        for (_, value) in *points {
            page.double(*value);
        }
    }
    if let Some(next) = next {
        page.str("NextToken").str(&next);
    }
    page.end();
    page.into_writer()
}

/// Counts of one window that are all there, with what the stage counts including its canary.
const COMPLETE: [Told<'_>; 6] = [
    ("canary0", "Complete", "", &[(NINE, 60.0)]),
    ("canary1", "Complete", "", &[(NINE, 3.0)]),
    ("canary2", "Complete", "", &[(NINE, 7.6)]),
    ("other0", "Complete", "", &[(NINE, 600.0)]),
    ("other1", "Complete", "", &[(NINE, 5.0)]),
    ("other2", "Complete", "", &[(NINE, 20.2)]),
];

/// The same, with one series told otherwise.
fn but(told: Told<'static>) -> Vec<Told<'static>> {
    let others = COMPLETE.into_iter().filter(|(id, ..)| *id != told.0);
    others.chain([told]).collect()
}

fn nine() -> Window {
    let (errors, slow) = (
        Bad { canary: 3, baseline: 2 },
        Bad {
            canary: 7,
            baseline: 13,
        },
    );
    Window {
        start: Timestamp::from_second(NINE).unwrap(),
        canary_requests: 60,
        baseline_requests: 540,
        bad: vec![errors, slow],
    }
}

#[tokio::test]
async fn what_a_stage_counts_of_its_canary_is_taken_off_and_what_is_interpolated_is_rounded_against_harm() {
    assert_eq!(windows(&replies(&[&COMPLETE])).await, Ok(vec![nine()]));
}

#[tokio::test]
async fn all_pages_are_read_and_a_later_one_completes_what_an_earlier_one_left_out() {
    let first = but(("canary1", "PartialData", "more to come", &[]));
    let second: [Told<'_>; 3] = [
        ("canary1", "Complete", "", &[(NINE, 3.0), (TEN, 1.0)]),
        ("canary0", "Complete", "", &[(TEN, 10.0)]),
        ("other0", "Complete", "", &[(TEN, 110.0)]),
    ];
    let replies = replies(&[&first, &second]);
    let none = Bad { canary: 0, baseline: 0 };
    let ten = Window {
        start: Timestamp::from_second(TEN).unwrap(),
        canary_requests: 10,
        baseline_requests: 100,
        bad: vec![Bad { canary: 1, ..none }, none],
    };
    assert_eq!(windows(&replies).await, Ok(vec![nine(), ten]));
    let names_page_two = |sent: &Sent| sent.body.windows(6).any(|part| part == b"page 2");
    let sent = replies.sent();
    assert_eq!(sent.iter().map(names_page_two).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn a_series_that_could_not_be_read_is_worth_another_try_and_never_counts_as_no_errors() {
    for (status, message) in [
        ("InternalError", "Internal error"),
        ("Forbidden", "Authentication too complex"),
        ("PartialData", "Some"),
        ("Unheard", "Of"),
    ] {
        let expected = Err(CallError::Unavailable(format!(
            "GetMetricData: canary1, AWS/ApiGateway 5XXError: {status}: {message}"
        )));
        let told: Told<'static> = ("canary1", status, message, &[]);
        assert_eq!(windows(&replies(&[&but(told)])).await, expected);
        let last = windows(&replies(&[&COMPLETE, &[told]])).await;
        assert_eq!(last, expected, "an earlier page said Complete");
    }
}

#[tokio::test]
async fn a_series_that_is_not_answered_is_not_one_without_errors() {
    let answered = COMPLETE
        .into_iter()
        .filter(|(id, ..)| !["canary2", "other1"].contains(id));
    let windows = windows(&replies(&[&answered.collect::<Vec<_>>()])).await;
    let expected = "GetMetricData: canary2, AWS/ApiGateway Latency: not answered; \
                    other1, AWS/ApiGateway 5XXError: not answered";
    assert_eq!(windows, Err(CallError::Unavailable(expected.to_owned())));
}

#[tokio::test]
async fn a_complete_series_without_a_datapoint_had_nothing_bad() {
    let windows = windows(&replies(&[&but(("canary1", "Complete", "", &[]))])).await;
    let mut without = nine();
    without.bad[0] = Bad { canary: 0, baseline: 5 };
    assert_eq!(windows, Ok(vec![without]));
}
