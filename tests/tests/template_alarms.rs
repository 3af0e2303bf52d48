//! What the alarms watch and whom they tell: those that guard a stage, and those on Serin itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serin_tests::cfn::{Template, dimension, text, texts};

const NOTIFICATIONS: &str = "infra/notifications.yaml";
const MONITORING: &str = "infra/monitoring.yaml";
const EXAMPLE: &str = "infra/example-api/template.yaml";

const ALARM: &str = "AWS::CloudWatch::Alarm";

fn notifications(email: &str) -> Template {
    let given = [
        ("NamePrefix", "serin"),
        ("StateMachineArn", "RolloutStateMachine"),
        ("RollbackFunctionName", "RollbackFunction"),
        ("RollbackOnEventFunctionName", "RollbackOnEventFunction"),
        ("SweepFunctionName", "SweepFunction"),
        ("DeadLettersName", "DeadLetters.QueueName"),
        ("DeadLettersArn", "DeadLetters.Arn"),
        ("SwitchGroupName", "Switch.Outputs.GroupName"),
        ("SwitchDeadLettersName", "Switch.Outputs.DeadLettersName"),
        ("NotificationEmail", email),
    ];
    Template::read(NOTIFICATIONS, &given)
}

fn monitoring(more: &[(&str, &str)]) -> Template {
    let stage = [
        ("RestApiId", "a1b2c3"),
        ("ApiName", "fashionflow"),
        ("StageName", "prod"),
    ];
    Template::read(MONITORING, &[&stage, more].concat())
}

// --- Guarding a stage ---

#[test]
fn a_rollout_finds_the_alarms_of_its_stage_by_their_prefix() {
    let names = monitoring(&[])
        .resources(ALARM)
        .into_iter()
        .map(|(_, alarm)| text(&alarm["AlarmName"]).to_owned());
    let kinds = [
        "canary-5xx",
        "canary-4xx",
        "canary-latency",
        "stage-5xx",
        "stage-latency",
    ];
    let expected: BTreeSet<_> = kinds.iter().map(|kind| format!("serin-a1b2c3-prod-{kind}")).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn alarms_of_a_stage_roll_back_without_detour() {
    for (id, alarm) in monitoring(&[("SerinStackName", "canaries")]).resources(ALARM) {
        assert_eq!(
            alarm["AlarmActions"],
            json!([{"imported": "canaries-RollbackFunctionArn"}]),
            "{id}"
        );
    }
}

#[test]
fn canary_alarms_watch_the_canary_and_stage_alarms_the_stage() {
    for (id, alarm) in monitoring(&[]).resources(ALARM) {
        assert_eq!(dimension(&alarm, "ApiName"), "fashionflow", "{id}");
        let expected = if id.starts_with("Canary") {
            "prod/Canary"
        } else {
            "prod"
        };
        assert_eq!(dimension(&alarm, "Stage"), expected, "{id}");
    }
    let elsewhere = monitoring(&[("CanaryStageDimension", "prod-canary")]).properties("Canary5xx");
    assert_eq!(dimension(&elsewhere, "Stage"), "prod-canary");
}

#[test]
fn one_failed_request_is_no_alarm_and_silence_is_none() {
    for (id, alarm) in monitoring(&[]).resources(ALARM) {
        assert_eq!(
            (&alarm["DatapointsToAlarm"], &alarm["EvaluationPeriods"]),
            (&json!(2), &json!(3)),
            "{id}"
        );
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{id}");
        if text(&alarm["MetricName"]).ends_with("XXError") {
            assert_eq!(alarm["Statistic"], "Sum", "{id}");
            assert!(alarm["Threshold"].as_u64() >= Some(5), "{id}");
        }
    }
}

#[test]
fn latency_is_a_percentile_or_an_average() {
    let usual = monitoring(&[]).properties("CanaryLatency");
    assert_eq!(
        (&usual["Statistic"], &usual["ExtendedStatistic"]),
        (&Value::Null, &json!("p99"))
    );
    let average = monitoring(&[("LatencyStatistic", "Average")]).properties("CanaryLatency");
    assert_eq!(
        (&average["Statistic"], &average["ExtendedStatistic"]),
        (&json!("Average"), &Value::Null)
    );
    assert_eq!(average["EvaluateLowSampleCountPercentile"], Value::Null);
}

// --- Telling people ---

#[test]
fn alarms_and_rules_can_publish_to_the_topic() {
    let template = notifications("");
    assert_eq!(
        template.properties("Topic")["KmsMasterKeyId"],
        Value::Null,
        "alias/aws/sns would let neither publish"
    );
    let statements = &template.properties("TopicPolicy")["PolicyDocument"]["Statement"];
    assert_eq!(statements[0]["Principal"]["Service"], "cloudwatch.amazonaws.com");
    assert_eq!(
        statements[0]["Condition"]["StringEquals"]["aws:SourceAccount"],
        "123456789012"
    );
    assert_eq!(statements[1]["Principal"]["Service"], "events.amazonaws.com");
    let rules = template
        .resources("AWS::Events::Rule")
        .into_iter()
        .map(|(id, _)| format!("{id}.Arn"));
    let allowed = texts(&statements[1]["Condition"]["ArnEquals"]["aws:SourceArn"]);
    assert_eq!(rules.collect::<BTreeSet<_>>(), allowed.into_iter().collect());
}

#[test]
fn an_email_is_sent_only_when_there_is_an_address() {
    assert!(notifications("").resources("AWS::SNS::Subscription").is_empty());
    let subscription = notifications("ops@example.com").properties("EmailSubscription");
    assert_eq!(
        (&subscription["Protocol"], &subscription["Endpoint"]),
        (&json!("email"), &json!("ops@example.com"))
    );
}

#[test]
fn people_hear_how_every_rollout_ended_and_when_they_are_needed() {
    let template = notifications("");
    let ended = &template.properties("RolloutEndedRule")["EventPattern"]["detail"];
    assert_eq!(ended["status"], json!(["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]));
    let needed = &template.properties("NeedsHumanRule")["EventPattern"]["detail"];
    assert_eq!(needed["error"], json!(["NeedsHuman"]));
    for (id, rule) in template.resources("AWS::Events::Rule") {
        assert_eq!(
            rule["EventPattern"]["detail"]["stateMachineArn"],
            json!(["RolloutStateMachine"]),
            "{id}"
        );
        let target = &rule["Targets"][0];
        assert_eq!(
            (&target["Arn"], &target["DeadLetterConfig"]["Arn"]),
            (&json!("Topic"), &json!("DeadLetters.Arn"))
        );
        assert!(target["RetryPolicy"]["MaximumRetryAttempts"].is_u64(), "{id}");
        assert!(target["RetryPolicy"]["MaximumEventAgeInSeconds"].is_u64(), "{id}");
    }
}

#[test]
fn messages_are_json_whatever_a_cause_contains() {
    for (id, rule) in notifications("").resources("AWS::Events::Rule") {
        let transformer = &rule["Targets"][0]["InputTransformer"];
        let mut message = text(&transformer["InputTemplate"]).to_owned();
        for name in transformer["InputPathsMap"].as_object().unwrap().keys() {
            let unquoted = message.contains(&format!(": <{name}>"));
            assert!(
                unquoted || matches!(name.as_str(), "name" | "status"),
                "{id}: <{name}> may hold quotes"
            );
            message = message
                .replace(&format!(": <{name}>"), ": null")
                .replace(&format!("<{name}>"), name);
        }
        let read: Value = serde_json::from_str(&message).unwrap();
        assert!(text(&read["what"]).starts_with("Serin"), "{id}");
    }
}

#[test]
fn serin_watches_itself() {
    let alarms = notifications("").resources(ALARM);
    let watched = alarms.iter().map(|(_, alarm)| {
        let dimension = text(&alarm["Dimensions"][0]["Value"]).to_owned();
        (text(&alarm["MetricName"]).to_owned(), dimension)
    });
    let expected = [
        ("ApproximateNumberOfMessagesVisible", "DeadLetters.QueueName"),
        ("ApproximateNumberOfMessagesVisible", "Switch.Outputs.DeadLettersName"),
        ("Errors", "RollbackFunction"),
        ("Errors", "RollbackOnEventFunction"),
        ("Errors", "SweepFunction"),
        ("InvocationAttemptCount", "Switch.Outputs.GroupName"),
        ("Invocations", "SweepFunction"),
        ("MatchedEvents", "NeedsHumanRule"),
        ("Throttles", "RollbackFunction"),
        ("Throttles", "RollbackOnEventFunction"),
    ];
    let expected: BTreeSet<_> = expected.map(|(metric, of)| (metric.to_owned(), of.to_owned())).into();
    assert_eq!(watched.collect::<BTreeSet<_>>(), expected);
    for (id, alarm) in &alarms {
        assert_eq!(alarm["AlarmActions"], json!(["Topic"]), "{id}");
    }
}

// --- The example ---

#[test]
fn every_version_of_the_example_may_be_invoked_by_its_api() {
    let template = Template::read(EXAMPLE, &[]);
    let invocable = template
        .resources("AWS::Lambda::Permission")
        .into_iter()
        .map(|(_, permission)| {
            assert_eq!(permission["Principal"], "apigateway.amazonaws.com");
            text(&permission["FunctionName"]).to_owned()
        });
    let aliases = template.resources("AWS::Lambda::Alias").into_iter().map(|(id, _)| id);
    let aliases = aliases.chain(["Recommendations.Alias".to_owned()]);
    assert_eq!(invocable.collect::<BTreeSet<_>>(), aliases.collect::<BTreeSet<_>>());
}

#[test]
fn the_example_serves_the_version_that_its_stage_names() {
    let template = Template::read(EXAMPLE, &[]);
    assert_eq!(
        template.properties("Prod")["Variables"],
        json!({"alias": "recommendation-v1"})
    );
    let uri = template.properties("GetRecommendations")["Integration"]["Uri"].clone();
    assert!(
        text(&uri).ends_with("/functions/Recommendations.Arn:${stageVariables.alias}/invocations"),
        "{uri}"
    );
}

// --- Canary numbers from the access log ---

#[test]
fn canary_alarms_can_watch_the_access_log_instead_of_a_dimension_that_nobody_documents() {
    let template = monitoring(&[("CanarySignal", "AccessLogs")]);
    let watched = |id: &str| {
        let alarm = template.properties(id);
        assert!(alarm.get("Dimensions").is_none_or(Value::is_null), "{id}");
        (
            text(&alarm["Namespace"]).to_owned(),
            text(&alarm["MetricName"]).to_owned(),
        )
    };
    for (id, metric) in [
        ("Canary5xx", "CanaryServerErrors"),
        ("Canary4xx", "CanaryClientErrors"),
        ("CanaryLatency", "CanaryLatency"),
    ] {
        assert_eq!(watched(id), ("Serin/a1b2c3/prod".to_owned(), metric.to_owned()));
    }
    let stage = template.properties("Stage5xx");
    assert_eq!(
        stage["Namespace"], "AWS/ApiGateway",
        "the whole stage's stay as they are"
    );
}

#[test]
fn the_access_log_is_counted_by_side_under_the_names_that_a_rollout_reads() {
    let template = monitoring(&[("CanarySignal", "AccessLogs")]);
    let filters = template.resources("AWS::Logs::MetricFilter");
    let mut metrics = BTreeSet::new();
    for (id, filter) in &filters {
        let made = &filter["MetricTransformations"][0];
        assert_eq!(made["MetricNamespace"], "Serin/a1b2c3/prod", "{id}");
        assert!(
            made.get("Dimensions").is_none(),
            "{id}: with dimensions there is no default value"
        );
        let name = text(&made["MetricName"]);
        let latency = name.ends_with("Latency");
        assert_eq!(
            made.get("DefaultValue").is_some(),
            !latency,
            "{id}: a latency of 0 was never measured"
        );
        let side = if name.starts_with("Canary") { "true" } else { "false" };
        let pattern = text(&filter["FilterPattern"]);
        assert!(
            pattern.starts_with(&format!("{{ $.isCanaryRequest = \"{side}\"")),
            "{id}: {pattern}"
        );
        metrics.insert(name.to_owned());
    }
    let sides = ["Canary", "Baseline"];
    let whats = ["Requests", "ServerErrors", "ClientErrors", "Latency"];
    let expected = sides
        .iter()
        .flat_map(|side| whats.iter().map(move |what| format!("{side}{what}")));
    assert_eq!(metrics, expected.collect());
    assert_eq!(monitoring(&[]).resources("AWS::Logs::MetricFilter").len(), 0);
}
