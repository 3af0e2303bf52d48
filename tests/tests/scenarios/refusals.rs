//! Bad input ends in `Refused`, says what and where, and touches nothing: the stage is as it was, the claim free or still its
//! owner's.

use serde_json::{Value, json};
use serin_core::{alarm::AlarmState, claim::Phase, percent::Percent};
use serin_steps::fakes::NewCanary;
use serin_tests::simulation::{API, Simulation, hook_arn};

use super::assert_succeeded;

const CANARY: &str = "serin-a1b2c3-prod-canary-5xx";

fn minimal() -> Value {
    json!({ "restApiId": API, "stageName": "prod" })
}

fn with(field: &str, value: Value) -> Value {
    let mut input = minimal();
    input[field] = value;
    input
}

fn steps(percents: &[Value]) -> Value {
    let steps: Vec<_> = percents
        .iter()
        .map(|percent| json!({ "percent": percent, "bakeSeconds": 60 }))
        .collect();
    with("plan", json!({ "steps": steps }))
}

/// Runs a rollout that must be refused and tells the error and its cause.
fn refused(mut world: Simulation, input: Value) -> (String, String) {
    let before = world.stage();
    let deployments = world.aws.account().apis[API].deployments.len();
    world.start("r1", input);
    world.run();
    assert_eq!(world.stage(), before, "the stage is untouched");
    assert_eq!(
        world.aws.account().apis[API].deployments.len(),
        deployments,
        "no deployment was made"
    );
    assert_eq!(world.claim(), None, "the claim is free");
    assert!(world.aws.account().watched.is_empty() && world.aws.account().guards.is_empty());
    let (states, _) = &world.histories["r1"];
    assert_eq!(states.last().map(String::as_str), Some("Refused"));
    let (error, cause) = world.failure("r1");
    (error.to_owned(), cause.to_owned())
}

/// A refusal as invalid input whose cause says all of `parts`.
fn invalid(input: Value, parts: &[&str]) {
    let (error, cause) = refused(Simulation::new(), input);
    assert_eq!(error, "InvalidInput", "{cause}");
    for part in parts {
        assert!(cause.contains(part), "{part:?} is not in {cause:?}");
    }
}

#[test]
fn an_input_that_is_no_object_is_refused() {
    for input in [json!("prod"), json!(["a1b2c3", "prod"]), json!(7), Value::Null] {
        invalid(input, &["the request: ", "allowed: an object"]);
    }
}

#[test]
fn an_empty_object_is_told_everything_that_it_lacks() {
    invalid(
        json!({}),
        &["2 faults", "restApiId: given nothing", "stageName: given nothing"],
    );
}

#[test]
fn an_unknown_or_http_api_is_refused() {
    let input = json!({ "restApiId": "h2t3p4", "stageName": "prod" });
    invalid(
        with_alarms(input),
        &["restApiId: given \"h2t3p4\"", "HTTP and WebSocket APIs have no canary"],
    );
}

fn with_alarms(mut input: Value) -> Value {
    input["alarms"] = json!([CANARY]);
    input
}

#[test]
fn an_unknown_stage_is_refused() {
    let input = json!({ "restApiId": API, "stageName": "production" });
    let mut world = Simulation::new();
    world.start("r2", input.clone());
    world.run();
    assert!(
        world.failure("r2").1.contains("stageName: given \"production\""),
        "also where it names no alarms"
    );
    world.start("r1", with_alarms(input));
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "InvalidInput");
    assert!(
        cause.contains("stageName: given \"production\", which API a1b2c3 does not have"),
        "{cause}"
    );
    assert!(world.aws.account().claims.is_empty() && world.aws.account().guards.is_empty());
    assert_eq!(world.aws.account().apis[API].deployments.len(), 1);
}

#[test]
fn missing_alarms_are_all_named() {
    let input = with("alarms", json!([CANARY, "typo-1", "typo-2"]));
    invalid(
        input,
        &[
            "alarms[1]: given \"typo-1\"",
            "alarms[2]: given \"typo-2\"",
            "which does not exist",
        ],
    );
}

#[test]
fn an_alarm_of_another_account_or_region_is_refused() {
    for arn in [
        "arn:aws:cloudwatch:eu-central-1:999999999999:alarm:x",
        "arn:aws:cloudwatch:us-east-1:111122223333:alarm:x",
    ] {
        invalid(
            with("alarms", json!([arn])),
            &["alarms[0]", "an alarm of account 111122223333 in eu-central-1"],
        );
    }
}

#[test]
fn an_alarm_that_is_already_on_refuses_the_rollout() {
    let world = Simulation::new();
    world.set_alarm(CANARY, AlarmState::Alarm);
    let (error, cause) = refused(world, minimal());
    assert_eq!(error, "InvalidInput");
    assert!(
        cause.contains("serin-a1b2c3-prod-canary-5xx, already in ALARM"),
        "{cause}"
    );
    assert!(cause.contains("ignoreUntilOk"), "{cause}");
}

#[test]
fn nobody_runs_unguarded_by_accident_but_may_on_purpose() {
    let world = Simulation::new();
    world.aws.account().alarms.clear();
    let (error, cause) = refused(world, minimal());
    assert_eq!(error, "InvalidInput");
    assert!(
        cause.contains("serin-a1b2c3-prod-") && cause.contains("[] to run unguarded on purpose"),
        "{cause}"
    );

    let mut world = Simulation::new();
    world.aws.account().alarms.clear();
    world.start("r1", with("alarms", json!([])));
    world.run();
    assert_succeeded(&world, "r1");
}

#[test]
fn somebody_else_s_canary_is_left_alone() {
    let world = Simulation::new();
    let ten = Percent::parse("10").map(NewCanary::at);
    world
        .aws
        .account()
        .api(API)
        .unwrap()
        .create_deployment("the team's own canary", Some("prod"), ten)
        .unwrap();
    let (error, cause) = refused(world, minimal());
    assert_eq!(error, "StageBusy");
    assert!(
        cause.contains("already has a canary: deployment baseline, canary d1 at 10 %"),
        "{cause}"
    );
}

#[test]
fn a_second_rollout_is_refused_and_the_first_goes_on_unharmed() {
    let mut world = Simulation::new();
    world.start("r1", minimal());
    world.at(700, |world| world.start("r2", minimal()));
    world.run();
    let (error, cause) = world.failure("r2");
    assert_eq!(error, "StageBusy");
    assert!(
        cause.contains("stage a1b2c3/prod belongs to rollout r1 (shifting, 25 %)"),
        "{cause}"
    );
    assert_succeeded(&world, "r1");
    assert_eq!(world.shares(), ["-", "0", "5", "25", "50", "-"]);
    assert_eq!(world.phase(), Some(Phase::Finished));
}

#[test]
fn a_deployment_of_another_api_is_refused() {
    let input = with("canary", json!({ "deploymentId": "z9z9z9" }));
    invalid(
        input,
        &["canary.deploymentId: given \"z9z9z9\", which API a1b2c3 does not have"],
    );
}

#[test]
fn a_release_of_what_is_there_already_is_refused() {
    let same = json!({ "deploymentId": "baseline", "stageVariableOverrides": { "alias": "recommendation-v1" } });
    invalid(
        with("canary", same),
        &["canary: given deployment baseline", "which the stage already has"],
    );
}

#[test]
fn percentages_must_rise_to_at_most_100_with_two_decimals() {
    invalid(
        steps(&[json!(25), json!(5)]),
        &["plan.steps[1].percent: given 5", "above 25 and at most 100"],
    );
    invalid(steps(&[json!(5), json!(5)]), &["plan.steps[1].percent: given 5"]);
    invalid(steps(&[json!(100.01)]), &["plan.steps[0].percent: given 100.01"]);
    invalid(
        steps(&[json!(5.125)]),
        &["plan.steps[0].percent: given 5.125", "at most two decimals"],
    );
    invalid(steps(&[json!(0)]), &["plan.steps[0].percent: given 0"]);
    invalid(steps(&[json!("5")]), &["plan.steps[0].percent: given \"5\""]);
}

#[test]
fn a_plan_needs_steps_and_must_end_within_14_days() {
    invalid(steps(&[]), &["plan.steps: given 0 of them", "1 to 100 steps"]);
    invalid(
        with("finalBakeSeconds", json!(1_209_600)),
        &["plan: given 336 hours", "at most 14 days"],
    );
    invalid(
        with("plan", json!("Canary20Percent5Minutes")),
        &["plan: given \"Canary20Percent5Minutes\"", "Canary10Percent5Minutes"],
    );
}

#[test]
fn a_hook_outside_the_pattern_or_the_account_is_refused() {
    for arn in [
        hook_arn("delete-everything"),
        hook_arn("serin-hook-x").replace("111122223333", "999999999999"),
        "serin-hook-x".to_owned(),
    ] {
        let input = with("hooks", json!({ "beforeTraffic": arn }));
        invalid(input, &["hooks.beforeTraffic", "whose name matches serin-hook-*"]);
    }
}

#[test]
fn a_misspelt_field_is_not_ignored() {
    invalid(
        with("alarm", json!([CANARY])),
        &["alarm: given an unknown field", "alarms"],
    );
    invalid(
        with("plan", json!({ "steps": [{ "percent": 5, "bakeSecond": 60 }] })),
        &["plan.steps[0].bakeSecond", "plan.steps[0].bakeSeconds: given nothing"],
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let input = json!({
        "restApiId": "a/b", "stageName": "prod", "tickSeconds": 1, "plan": { "steps": [{ "percent": 101, "bakeSeconds": 0 }] },
        "alarms": [7], "hooks": { "beforeTraffic": "x" }, "canary": { "useStageCache": "yes" }, "bogus": true,
    });
    invalid(
        input,
        &[
            "8 faults",
            "restApiId",
            "tickSeconds",
            "plan.steps[0].percent",
            "plan.steps[0].bakeSeconds",
            "alarms[0]",
            "hooks.beforeTraffic",
            "canary.useStageCache",
            "bogus",
        ],
    );
}
