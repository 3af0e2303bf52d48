//! Stories on LocalStack: what `sam deploy` deploys, under real requests. `make end-to-end` runs them.

#![expect(clippy::indexing_slicing, reason = "indexing a JSON value by name does not panic")]

mod evidence;

use std::time::Duration;

use serde_json::{Value, json};
use serin_local::{Api, Entry, Load, Result, Rollout, World, until};

const PATIENCE: Duration = Duration::from_secs(90);

/// A release with short bakes, so that a story takes half a minute.
fn quick(api: &Api, version: &str) -> Value {
    let mut input = api.release(version);
    input["plan"] = json!({ "steps": [{ "percent": 10, "bakeSeconds": 6 }, { "percent": 50, "bakeSeconds": 6 }] });
    input["tickSeconds"] = json!(5);
    input["finalBakeSeconds"] = json!(5);
    input
}

/// The stage has no canary and an ordinary deployment to it succeeds.
async fn assert_unlocked(api: &Api) -> Result<()> {
    assert_eq!(api.view().await?.canary, None);
    api.deploy_to_stage().await.map(drop)
}

/// The dead man's switch is set for a stage of that API, some time ahead.
async fn assert_armed(rollout: &Rollout, api: &Api) -> Result<()> {
    let switch = rollout.switch().await?.unwrap_or_default();
    let (expression, input) = switch.split_once(' ').unwrap_or_default();
    assert!(expression.starts_with("at(20"), "{switch}");
    let input: Value = serde_json::from_str(input).unwrap_or_default();
    let expected = json!({
        "RestApiId": api.id, "StageName": "prod", "PatchOperations": [{ "Op": "remove", "Path": "/canarySettings" }],
    });
    assert_eq!(input, expected);
    Ok(())
}

async fn timeline(rollout: &Rollout) -> Result<Vec<String>> {
    let entries = rollout.timeline().await?;
    Ok(entries
        .into_iter()
        .map(|entry| format!("{}: {}", entry.by, entry.text))
        .collect())
}

#[tokio::test]
async fn a_healthy_version_takes_over_step_by_step() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow("healthy").await?;
    let load = Load::start(&api, 40);
    let rollout = world.start_rollout(&quick(&api, "recommendation-v2")).await?;
    let advanced = |entry: &serin_local::Entry| entry.by == "advance";
    rollout.entry("the first step", PATIENCE, advanced).await?;
    assert_armed(&rollout, &api).await?;
    let end = rollout.end(PATIENCE).await?;
    assert_eq!(end.status, "SUCCEEDED", "{}: {}", end.error, end.cause);
    assert_eq!(rollout.switch().await?, None, "the switch is gone");
    assert_eq!(end.output["result"]["variables"]["alias"], "recommendation-v2");

    let promoted = load.elapsed();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = load.since(promoted + Duration::from_secs(1));
    assert!(after.all().responses > 20, "{after:?}");
    assert_eq!(
        after.of("recommendation-v2").responses,
        after.all().responses,
        "{after:?}"
    );
    assert_eq!(
        load.total().of("").responses,
        0,
        "a version answered each: {:?}",
        load.total()
    );
    assert_unlocked(&api).await?;

    let told = timeline(&rollout).await?;
    let steps: Vec<_> = told.iter().filter(|line| line.starts_with("advance:")).collect();
    assert_eq!(
        steps,
        ["advance: step 1: 10 % for 6 s", "advance: step 2: 50 % for 6 s"]
    );
    Ok(())
}

#[tokio::test]
async fn a_broken_version_is_taken_back_by_its_alarm() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow("broken").await?;
    let load = Load::start(&api, 40);
    let mut input = quick(&api, "recommendation-v3");
    input["plan"] = json!({ "steps": [{ "percent": 25, "bakeSeconds": 80 }] });
    let rollout = world.start_rollout(&input).await?;
    let end = rollout.end(PATIENCE).await?;
    assert_eq!(
        (end.status.as_str(), end.error.as_str()),
        ("FAILED", "RolledBack"),
        "{}",
        end.cause
    );
    assert!(end.cause.contains(&api.alarm("canary-5xx")), "{}", end.cause);
    assert_eq!(rollout.switch().await?, None, "the switch is gone");
    assert!(
        load.total().of("recommendation-v3").responses > 0,
        "the canary did have traffic"
    );

    let reset = load.elapsed();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = load.since(reset + Duration::from_secs(1));
    assert_eq!(after.of("recommendation-v3").responses, 0, "{after:?}");
    assert!(after.of("recommendation-v1").responses > 20, "{after:?}");
    assert_unlocked(&api).await
}

#[tokio::test]
async fn a_step_waits_for_a_person_and_goes_on_once_approved() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow("approval").await?;
    let mut input = quick(&api, "recommendation-v2");
    input["plan"]["steps"][0]["approval"] = json!(true);
    let rollout = world.start_rollout(&input).await?;
    let waits = |entry: &serin_local::Entry| entry.decision.as_deref() == Some("awaitApproval");
    rollout.entry("a wait for approval", PATIENCE, waits).await?;
    let ten = api.view().await?.canary.map(|canary| canary.percent);
    assert_eq!(ten, Some(10.0));

    let approval = json!({ "rolloutId": rollout.id, "instruction": "approve", "by": "mira", "reason": "looks fine" });
    let answer = world.invoke("instruct", &approval).await?;
    assert_eq!(answer["text"], "step 1: approved by mira: looks fine");
    let again = world.invoke("instruct", &approval).await.unwrap_err().to_string();
    assert!(again.contains("InvalidInput"), "{again}");

    let end = rollout.end(PATIENCE).await?;
    assert_eq!(end.status, "SUCCEEDED", "{}: {}", end.error, end.cause);
    assert_unlocked(&api).await
}

#[tokio::test]
async fn a_stopped_execution_leaves_the_stage_at_its_baseline() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow("stopped").await?;
    let before = api.view().await?;
    let mut input = quick(&api, "recommendation-v2");
    input["plan"] = json!({ "steps": [{ "percent": 30, "bakeSeconds": 600 }] });
    let rollout = world.start_rollout(&input).await?;
    rollout
        .entry("the first step", PATIENCE, |entry| entry.by == "advance")
        .await?;
    rollout.stop("Stopped", "wrong build").await?;
    let stopped = rollout.end(PATIENCE).await?;
    assert_eq!((&*stopped.error, &*stopped.cause), ("Stopped", "wrong build"));

    until("the stage without a canary", PATIENCE, || async {
        Ok(api.view().await?.canary.is_none())
    })
    .await?;
    let after = api.view().await?;
    assert_eq!(
        (after.deployment_id, after.variables),
        (before.deployment_id, before.variables)
    );
    until("the end of its switch", PATIENCE, || async {
        Ok(rollout.switch().await?.is_none())
    })
    .await?;
    let told =
        |entry: &Entry| entry.by == "rollback" && entry.text.starts_with("rolled back from shifting: the execution");
    until("the rollback's own words", PATIENCE, || async {
        Ok(rollout.timeline().await?.iter().any(told))
    })
    .await?;
    assert_unlocked(&api).await
}

#[tokio::test]
async fn a_second_start_is_refused_and_the_first_goes_on_unharmed() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow("refused").await?;
    let first = world.start_rollout(&quick(&api, "recommendation-v2")).await?;
    first
        .entry("the first step", PATIENCE, |entry| entry.by == "advance")
        .await?;
    let second = world
        .start_rollout(&quick(&api, "recommendation-v3"))
        .await?
        .end(PATIENCE)
        .await?;
    assert_eq!(
        (second.status.as_str(), second.error.as_str()),
        ("FAILED", "StageBusy"),
        "{}",
        second.cause
    );
    assert!(
        second.cause.contains(&format!("belongs to rollout {}", first.id)),
        "{}",
        second.cause
    );

    let end = first.end(PATIENCE).await?;
    assert_eq!(end.status, "SUCCEEDED", "{}: {}", end.error, end.cause);
    assert_eq!(api.view().await?.variables["alias"], "recommendation-v2");
    assert_unlocked(&api).await
}

#[tokio::test]
async fn bad_input_is_refused_with_every_fault_and_a_foreign_canary_is_left_alone() -> Result<()> {
    let world = World::find_or_start().await?;
    let api = world.fashionflow("bad-input").await?;
    let bad = json!({ "restApiId": api.id, "stageName": "prod", "alarm": [], "tickSeconds": 1 });
    let end = world.start_rollout(&bad).await?.end(PATIENCE).await?;
    assert_eq!((end.status.as_str(), end.error.as_str()), ("FAILED", "InvalidInput"));
    assert!(end.cause.starts_with("2 faults: "), "{}", end.cause);

    for input in [
        json!("prod"),
        json!({ "restApiId": "nosuchapi1", "stageName": "prod", "alarms": [] }),
    ] {
        let end = world.start_rollout(&input).await?.end(PATIENCE).await?;
        assert_eq!(
            (end.status.as_str(), end.error.as_str()),
            ("FAILED", "InvalidInput"),
            "{}",
            end.cause
        );
    }

    api.make_foreign_canary("10").await?;
    let before = api.view().await?;
    let end = world
        .start_rollout(&quick(&api, "recommendation-v2"))
        .await?
        .end(PATIENCE)
        .await?;
    assert_eq!(
        (end.status.as_str(), end.error.as_str()),
        ("FAILED", "StageBusy"),
        "{}",
        end.cause
    );
    assert_eq!(api.view().await?.canary, before.canary);
    api.remove_canary().await?;

    // The refusals freed the stage at once.
    let end = world
        .start_rollout(&quick(&api, "recommendation-v2"))
        .await?
        .end(PATIENCE)
        .await?;
    assert_eq!(end.status, "SUCCEEDED", "{}: {}", end.error, end.cause);
    Ok(())
}
