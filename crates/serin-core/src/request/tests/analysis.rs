//! The analysis of a request: what it becomes, and every fault that it can have.

use super::*;
use crate::{
    analysis::{Metric, MetricKind, OnInconclusive, Source},
    decimal::Decimal,
};

fn analysis(analysis: impl Into<Value>) -> Value {
    with(json!({ "analysis": analysis.into() }))
}

fn decimal(number: f64) -> Decimal {
    Decimal::nearest(number).unwrap()
}

#[test]
fn a_rollout_is_guarded_by_server_errors_unless_it_says_otherwise() {
    let usual = read(&smallest()).analysis;
    assert_eq!((usual.mode, usual.alpha), (Mode::Guard, decimal(0.001)));
    assert_eq!(usual.metrics, [Metric::new(MetricKind::ServerErrors)]);
    assert_eq!(
        (usual.window_seconds, usual.settle_seconds, usual.max_hold_seconds),
        (60, 120, 0)
    );
    assert_eq!(read(&analysis(json!({}))).analysis, usual);
}

#[test]
fn a_gate_says_what_is_good_enough_and_how_long_it_waits() {
    let gate = read(&analysis(json!({
        "mode": "gate", "alpha": 0.01, "maxHoldSeconds": 1_800, "onInconclusive": "rollBack",
        "metrics": [{ "kind": "clientErrors" }, { "kind": "latency", "thresholdMilliseconds": 300, "toleratedRate": 0.1, "toleratedOddsRatio": 1.5 }],
    })))
    .analysis;
    assert_eq!(
        (gate.mode, gate.on_inconclusive),
        (Mode::Gate, OnInconclusive::RollBack)
    );
    assert_eq!(gate.max_hold_seconds, 1_800);
    let latency = Metric {
        kind: MetricKind::Latency {
            threshold_milliseconds: 300,
        },
        tolerated_rate: decimal(0.1),
        tolerated_odds_ratio: decimal(1.5),
    };
    assert_eq!(gate.metrics, [Metric::new(MetricKind::ClientErrors), latency]);
    assert_eq!(
        read(&analysis(json!({ "mode": "gate" }))).analysis.max_hold_seconds,
        3_600
    );
}

#[test]
fn counts_come_from_the_metrics_of_the_stage_or_of_its_access_log() {
    let logs = read(&analysis(json!({ "source": { "kind": "accessLogs" } })))
        .analysis
        .source;
    let usual = Source::AccessLogs {
        namespace: "Serin/a1b2c3/prod".to_owned(),
        log_group: "/serin/a1b2c3/prod/access".to_owned(),
    };
    assert_eq!(logs, usual);
    assert_eq!(
        logs.describe("shop"),
        "Serin/a1b2c3/prod CanaryRequests, which a metric filter makes of log group /serin/a1b2c3/prod/access"
    );
    let own = json!({ "source": { "kind": "accessLogs", "namespace": "Shop/Edge", "logGroup": "/shop/access" } });
    assert!(
        matches!(read(&analysis(own)).analysis.source, Source::AccessLogs { namespace, .. } if namespace == "Shop/Edge")
    );
}

#[test]
fn windows_are_as_short_as_the_metrics_of_the_deployment_can_tell_apart() {
    let window = |seconds: u32, metric_seconds| {
        let mut surroundings = surroundings();
        surroundings.settings.metric_seconds = metric_seconds;
        let input = analysis(json!({ "windowSeconds": seconds }));
        parse(&input, &surroundings).map(|request| request.analysis.window_seconds)
    };
    for (seconds, metric_seconds) in [
        (60, 60),
        (180, 60),
        (10, 10),
        (30, 10),
        (120, 10),
        (5, 5),
        (20, 5),
        (60, 30),
    ] {
        assert_eq!(window(seconds, metric_seconds), Ok(seconds), "{metric_seconds}");
    }
    for (seconds, metric_seconds) in [(30, 60), (5, 10), (15, 5), (40, 20), (30, 20), (70, 10)] {
        let faults = window(seconds, metric_seconds).unwrap_err().to_string();
        assert!(
            faults.contains("analysis.windowSeconds"),
            "{seconds} {metric_seconds}: {faults}"
        );
    }
    let faults = window(15, 5).unwrap_err().to_string();
    assert!(
        faults.contains("a multiple of 5 seconds that is 5, 10, 20, 30 or a multiple of 60"),
        "{faults}"
    );
}

#[test]
fn an_analysis_is_one_that_exists() {
    let table = [
        (json!({ "mode": "strict" }), "mode", "\"off\" or \"guard\" or \"gate\""),
        (json!({ "alpha": 0 }), "alpha", "from 0.000001 to 0.1"),
        (json!({ "alpha": "0.001" }), "alpha", "from 0.000001 to 0.1"),
        (json!({ "windowSeconds": 59 }), "windowSeconds", "from 60 to 3600"),
        (json!({ "windowSeconds": 30 }), "windowSeconds", "from 60 to 3600"),
        (
            json!({ "windowSeconds": 90 }),
            "windowSeconds",
            "a multiple of 60 seconds",
        ),
        (json!({ "settleSeconds": 3_601 }), "settleSeconds", "from 0 to 3600"),
        (json!({ "maxHoldSeconds": 60 }), "maxHoldSeconds", "only a gate holds"),
        (
            json!({ "mode": "off", "onInconclusive": "hold" }),
            "onInconclusive",
            "only a gate holds",
        ),
        (
            json!({ "mode": "gate", "maxHoldSeconds": -1 }),
            "maxHoldSeconds",
            "from 0 to 1209600",
        ),
        (
            json!({ "mode": "gate", "onInconclusive": "wait" }),
            "onInconclusive",
            "\"rollBack\"",
        ),
    ];
    assert_faults_of(&table);
}

#[test]
fn a_metric_is_one_that_exists() {
    let metric = |metric: Value| json!({ "metrics": [metric] });
    let table = [
        (json!({ "metrics": [] }), "metrics", "1 to 2 metrics"),
        (json!({ "metrics": ["serverErrors"] }), "metrics[0]", "an object"),
        (metric(json!({})), "metrics[0].kind", "\"latency\""),
        (
            metric(json!({ "kind": "errors" })),
            "metrics[0].kind",
            "\"serverErrors\"",
        ),
        (
            metric(json!({ "kind": "latency" })),
            "metrics[0].thresholdMilliseconds",
            "milliseconds",
        ),
        (
            metric(json!({ "kind": "latency", "thresholdMilliseconds": 0 })),
            "metrics[0].thresholdMilliseconds",
            "from 1 to 300000",
        ),
        (
            metric(json!({ "kind": "serverErrors", "thresholdMilliseconds": 5 })),
            "metrics[0].thresholdMilliseconds",
            "unless kind is \"latency\"",
        ),
        (
            metric(json!({ "kind": "serverErrors", "toleratedRate": 1 })),
            "metrics[0].toleratedRate",
            "to 0.5",
        ),
        (
            metric(json!({ "kind": "serverErrors", "toleratedOddsRatio": 1 })),
            "metrics[0].toleratedOddsRatio",
            "from 1.01",
        ),
        (
            metric(json!({ "kind": "serverErrors", "rate": 1 })),
            "metrics[0].rate",
            "toleratedRate",
        ),
        (
            json!({ "metrics": [{ "kind": "serverErrors" }, { "kind": "serverErrors" }] }),
            "metrics[1]",
            "each metric once",
        ),
    ];
    assert_faults_of(&table);
}

#[test]
fn a_source_is_one_that_exists_and_has_only_its_own_fields() {
    let source = |source: Value| json!({ "source": source });
    let table = [
        (
            source(json!({ "kind": "logs" })),
            "source.kind",
            "\"stageMetrics\" or \"accessLogs\"",
        ),
        (
            source(json!({ "canaryStage": "" })),
            "source.canaryStage",
            "dimension Stage",
        ),
        (
            source(json!({ "stageIncludesCanary": 1 })),
            "source.stageIncludesCanary",
            "true or false",
        ),
        (
            source(json!({ "namespace": "Shop" })),
            "source.namespace",
            "canaryStage",
        ),
        (
            source(json!({ "kind": "accessLogs", "canaryStage": "x" })),
            "source.canaryStage",
            "logGroup",
        ),
        (
            source(json!({ "kind": "accessLogs", "namespace": "AWS/ApiGateway" })),
            "source.namespace",
            "not of AWS's own",
        ),
        (
            source(json!({ "kind": "accessLogs", "logGroup": "a b" })),
            "source.logGroup",
            "log group",
        ),
        (source(json!(3)), "source", "an object"),
    ];
    assert_faults_of(&table);
}

/// The same as in a whole request, without the path of the analysis.
fn assert_faults_of(table: &[(Value, &str, &str)]) {
    let paths: Vec<_> = table.iter().map(|(_, path, _)| format!("analysis.{path}")).collect();
    let table = table.iter().zip(&paths);
    assert_faults(
        table
            .map(|((given, _, part), path)| (analysis(given.clone()), path.as_str(), *part))
            .collect(),
    );
}
