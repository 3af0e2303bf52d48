//! What evidence does to a rollout, from each source of counts: no alarm has a part in it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use serin_core::{decide::Replay, decision::Finding, evidence::judge::Evidence};
use serin_local::{Api, Entry, Execution, Load, METRIC_SECONDS, Monitoring, Result, Rollout, World};

use super::{assert_unlocked, quick};

/// The longest of these stories takes a minute; a machine that is busy with something else may need more.
const PATIENCE: Duration = Duration::from_mins(4);

/// One step at 25 %, judged by the shortest windows that there are here; guarded by the stage's own alarms.
fn judged(api: &Api, version: &str, bake_seconds: u32, source: &Value) -> Value {
    let mut input = quick(api, version);
    input["plan"] = json!({ "steps": [{ "percent": 25, "bakeSeconds": bake_seconds }] });
    // Every answer takes longer than the threshold, so that its count can be checked.
    let metrics = json!([{ "kind": "serverErrors" }, { "kind": "latency", "thresholdMilliseconds": 1 }]);
    input["analysis"] =
        json!({ "windowSeconds": METRIC_SECONDS, "settleSeconds": 3, "metrics": metrics, "source": source });
    input
}

/// The evidence that rolled back, and every decision before it.
async fn told(rollout: &Rollout) -> Result<(Evidence, Vec<Entry>)> {
    let entries = rollout.timeline().await?;
    let decisions: Vec<_> = entries.into_iter().filter(|entry| entry.by == "evaluate").collect();
    let mut evidence = decisions
        .iter()
        .flat_map(findings)
        .filter_map(|finding| finding.evidence);
    Ok((*evidence.next_back().expect("a decision with evidence"), decisions))
}

fn findings(entry: &Entry) -> Vec<Finding> {
    serde_json::from_str(&entry.stored["findings"]).expect("findings are JSON")
}

/// The rollout went back because of what the counts say, and says it in numbers.
fn assert_harmed(end: &Execution, evidence: &Evidence) {
    assert_eq!(
        (end.status.as_str(), end.error.as_str()),
        ("FAILED", "RolledBack"),
        "{}",
        end.cause
    );
    let errors = &evidence.metrics[0];
    assert!(
        evidence.harmful && evidence.ln_e >= evidence.ln_threshold,
        "{evidence:?}"
    );
    for part in [
        format!(
            "{}: canary {} of {}",
            errors.metric, errors.canary.bad, errors.canary.requests
        ),
        format!("baseline {} of ", errors.baseline.bad),
        " [".to_owned(),
        "1,000 rolls back; a healthy release gets there with a chance of 0.1 %".to_owned(),
    ] {
        assert!(end.cause.contains(&part), "{part} in {}", end.cause);
    }
}

/// What CloudWatch counts above a threshold is counted on both sides.
fn assert_slow(evidence: &Evidence) {
    let slow = &evidence.metrics[1];
    assert_eq!(slow.metric, "above 1 ms");
    assert_eq!(
        (slow.canary.bad, slow.baseline.bad),
        (slow.canary.requests, slow.baseline.requests)
    );
}

/// The counts are of one side each: the canary's are a quarter of all, within five standard deviations.
fn assert_split(evidence: &Evidence) {
    let errors = &evidence.metrics[0];
    let canary = f64::from(u32::try_from(errors.canary.requests).unwrap());
    let all = canary + f64::from(u32::try_from(errors.baseline.requests).unwrap());
    let deviation = (0.25_f64 * 0.75 / all).sqrt();
    assert!(
        all > 50.0 && (canary / all - 0.25).abs() < 5.0 * deviation,
        "{canary} of {all}"
    );
}

/// A decision made again from what the table holds, on this machine, comes out the same to the byte.
fn assert_replayable(decisions: &[Entry]) {
    for entry in decisions {
        let replay: Replay = serde_json::from_str(&entry.stored["replay"]).expect("a replay is JSON");
        let again = replay.decide();
        let findings = json!(again.findings).to_string();
        assert_eq!(findings, entry.stored["findings"]);
        assert_eq!(Some(again.decision.name()), entry.decision.as_deref());
    }
}

/// A queue that gets the events of an API's rollbacks.
struct Queue<'a> {
    world: &'a World,
    url: String,
}

impl<'a> Queue<'a> {
    async fn of(world: &'a World, api: &Api) -> Result<Self> {
        let name = format!("serin-events-{}", api.id);
        let url = format!("{}/000000000000/{name}", world.endpoint());
        let queue = Self { world, url };
        queue.sqs(&["create-queue", "--queue-name", &name]).await?;
        let attributes = ["--attribute-names", "QueueArn", "--query", "Attributes.QueueArn"];
        let asked = [&["get-queue-attributes", "--queue-url", &queue.url], &attributes[..]].concat();
        let target = format!("Id=queue,Arn={}", queue.sqs(&asked).await?);
        let pattern = json!({ "source": ["serin"], "detail": { "stage": { "restApiId": [api.id] } } }).to_string();
        for call in [
            ["put-rule", "--name", &name, "--event-pattern", &pattern],
            ["put-targets", "--rule", &name, "--targets", &target],
        ] {
            world.aws(&[&["events"], &call[..]].concat()).await?;
        }
        Ok(queue)
    }

    /// Calls it where the stack is: the CLI would look for a queue at an address of its own.
    async fn sqs(&self, arguments: &[&str]) -> Result<String> {
        let where_to = ["--endpoint-url", self.world.endpoint(), "--output", "text"];
        let printed = self.world.aws(&[&["sqs"], arguments, &where_to].concat()).await?;
        Ok(printed.trim().to_owned())
    }

    /// The event of the rollback, with the findings of the last decision as data and the cause as its reason.
    async fn assert_told(&self, end: &Execution, decisions: &[Entry]) -> Result<()> {
        let receive = ["receive-message", "--queue-url", &self.url, "--wait-time-seconds", "20"];
        let event = self
            .sqs(&[&receive[..], &["--query", "Messages[0].Body"]].concat())
            .await?;
        let event: Value = serde_json::from_str(&event).expect("an event is JSON");
        assert_eq!(event["detail-type"], "Serin Rollout Rolled Back");
        let detail = &event["detail"];
        assert_eq!(
            (detail["decision"].as_str(), detail["reason"]["text"].as_str()),
            (Some("rollBack"), Some(&*end.cause))
        );
        let last = decisions.last().expect("a decision");
        let findings: Value = serde_json::from_str(&last.stored["findings"]).expect("findings are JSON");
        assert_eq!(detail["findings"], findings);
        Ok(())
    }
}

async fn worse_canary(world: &World, api: &Api, input: &Value) -> Result<()> {
    let queue = Queue::of(world, api).await?;
    let load = Load::start(api, 40);
    let rollout = world.start_rollout(input).await?;
    let end = rollout.end(PATIENCE).await?;
    drop(load);
    let (evidence, decisions) = told(&rollout).await?;
    assert_harmed(&end, &evidence);
    queue.assert_told(&end, &decisions).await?;
    assert_split(&evidence);
    assert_slow(&evidence);
    assert_replayable(&decisions);
    assert_unlocked(api).await
}

/// A canary that turns all its callers away. Nothing breaks, so only client errors tell, and they tell it apart from callers'
/// own mistakes, which both sides have.
async fn refusing_canary(world: &World, api: &Api, input: &mut Value) -> Result<()> {
    input["canary"]["stageVariableOverrides"]["catalogue"] = json!("moved");
    input["analysis"]["metrics"] = json!([{ "kind": "clientErrors" }, { "kind": "serverErrors" }]);
    // The alarm of many client errors stays out of it.
    let load = Load::start(api, 8);
    let rollout = world.start_rollout(input).await?;
    let end = rollout.end(PATIENCE).await?;
    drop(load);
    let (evidence, decisions) = told(&rollout).await?;
    assert_harmed(&end, &evidence);
    let (refused, failed) = (&evidence.metrics[0], &evidence.metrics[1]);
    assert_eq!(
        (refused.metric.as_str(), failed.metric.as_str()),
        ("client errors", "server errors")
    );
    assert_eq!((refused.canary.bad, refused.baseline.bad), (refused.canary.requests, 0));
    assert_eq!(failed.canary.bad, 0);
    assert_replayable(&decisions);
    assert_unlocked(api).await
}

/// A canary that nothing is known of while the baseline has traffic is held, and then taken back with where was looked.
async fn silent_canary(world: &World, api: &Api, input: &Value, looked: &str) -> Result<()> {
    let load = Load::start(api, 20);
    let rollout = world.start_rollout(input).await?;
    let end = rollout.end(PATIENCE).await?;
    assert!(
        load.total().of("recommendation-v2").responses > 20,
        "the canary did have traffic"
    );
    drop(load);
    assert_eq!(
        (end.status.as_str(), end.error.as_str()),
        ("FAILED", "RolledBack"),
        "{}",
        end.cause
    );
    assert!(end.cause.starts_with("no canary request in the last "), "{}", end.cause);
    assert!(end.cause.contains(looked), "{looked} in {}", end.cause);
    let decisions = rollout.timeline().await?.into_iter().filter_map(|entry| entry.decision);
    let mut decisions: Vec<_> = decisions.collect();
    decisions.dedup();
    assert_eq!(decisions, ["advance", "bake", "hold", "rollBack"]);
    assert_unlocked(api).await
}

#[tokio::test]
async fn a_worse_canary_goes_back_by_the_stage_s_metrics_alone() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow_without_alarms("stage-metrics").await?;
    let mut input = judged(&api, "recommendation-v3", 300, &json!({ "kind": "stageMetrics" }));
    input["alarms"] = json!([]);
    worse_canary(&world, &api, &input).await
}

#[tokio::test]
async fn a_worse_canary_goes_back_where_the_stage_s_metrics_do_not_count_it() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow_without_alarms("disjoint-metrics").await?;
    api.tag("serin-local:canary-stage", "prod-canary").await?;
    api.tag("serin-local:stage-includes-canary", "false").await?;
    let source = json!({ "kind": "stageMetrics", "canaryStage": "prod-canary", "stageIncludesCanary": false });
    let mut input = judged(&api, "recommendation-v3", 300, &source);
    input["alarms"] = json!([]);
    worse_canary(&world, &api, &input).await
}

#[tokio::test]
async fn a_worse_canary_goes_back_by_the_access_log_alone() -> Result<()> {
    let world = World::find_or_start().await?;
    let out_of_reach = Monitoring {
        bad_5xx: 100_000,
        access_logs: true,
        ..Monitoring::default()
    };
    let api = world.fashionflow_with("access-log", out_of_reach).await?;
    let input = judged(&api, "recommendation-v3", 300, &json!({ "kind": "accessLogs" }));
    worse_canary(&world, &api, &input).await?;
    let alarms = world.alarms(&api.alarm("")).await?;
    assert_eq!(alarms.len(), 5);
    assert!(alarms.iter().all(|alarm| alarm.state != "ALARM"), "{alarms:?}");
    Ok(())
}

#[tokio::test]
async fn a_canary_that_refuses_its_callers_goes_back_by_the_client_errors_of_the_stage_s_metrics() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow_without_alarms("client-errors").await?;
    let mut input = judged(&api, "recommendation-v2", 300, &json!({ "kind": "stageMetrics" }));
    input["alarms"] = json!([]);
    refusing_canary(&world, &api, &mut input).await
}

#[tokio::test]
async fn a_canary_that_refuses_its_callers_goes_back_by_the_client_errors_of_the_access_log() -> Result<()> {
    let world = World::find_or_start().await?;
    let monitoring = Monitoring {
        access_logs: true,
        ..Monitoring::default()
    };
    let api = world.fashionflow_with("logged-client-errors", monitoring).await?;
    let mut input = judged(&api, "recommendation-v2", 300, &json!({ "kind": "accessLogs" }));
    refusing_canary(&world, &api, &mut input).await
}

#[tokio::test]
async fn a_canary_that_the_stage_s_metrics_do_not_show_is_held_and_goes_back_with_the_dimension() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow_without_alarms("wrong-dimension").await?;
    let source = json!({ "kind": "stageMetrics", "canaryStage": "prod-nowhere" });
    let mut input = judged(&api, "recommendation-v2", 20, &source);
    input["alarms"] = json!([]);
    let looked = "AWS/ApiGateway Count with ApiName=wrong-dimension, Stage=prod-nowhere";
    silent_canary(&world, &api, &input, looked).await
}

#[tokio::test]
async fn a_canary_that_the_access_log_does_not_show_is_held_and_goes_back_with_the_log_group() -> Result<()> {
    let world = World::find_or_start().await?;
    let monitoring = Monitoring {
        access_logs: true,
        ..Monitoring::default()
    };
    let api = world.fashionflow_with("lost-filter", monitoring).await?;
    let group = format!("/serin/{}/prod/access", api.id);
    let query = "metricFilters[?metricTransformations[0].metricName=='CanaryRequests'].filterName | [0]";
    let list = [
        "logs",
        "describe-metric-filters",
        "--log-group-name",
        &group,
        "--query",
        query,
    ];
    let filter = world.aws(&[&list[..], &["--output", "text"]].concat()).await?;
    let delete = [
        "logs",
        "delete-metric-filter",
        "--log-group-name",
        &group,
        "--filter-name",
    ];
    world.aws(&[&delete[..], &[filter.trim()]].concat()).await?;

    let input = judged(&api, "recommendation-v2", 20, &json!({ "kind": "accessLogs" }));
    let looked = format!(
        "Serin/{}/prod CanaryRequests, which a metric filter makes of log group {group}",
        api.id
    );
    silent_canary(&world, &api, &input, &looked).await
}
