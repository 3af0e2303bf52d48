//! What happens when the canary hurts, or cannot be told not to.

use serde_json::{Value, json};
use serin_core::alarm::AlarmState;
use serin_tests::simulation::{API, Simulation, hook_arn};

use super::{assert_at_baseline, assert_succeeded, seconds_to_last_change};

const CANARY: &str = "serin-a1b2c3-prod-canary-5xx";
const STAGE: &str = "serin-a1b2c3-prod-stage-5xx";

fn release() -> Value {
    json!({
        "restApiId": API, "stageName": "prod",
        "canary": { "stageVariableOverrides": { "alias": "recommendation-v3" } },
    })
}

#[test]
fn an_alarm_at_any_step_takes_the_canary_to_zero_at_once() {
    for (second, share) in [(100, "5"), (900, "25"), (1500, "50")] {
        let mut world = Simulation::new();
        world.start("r1", release());
        world.alarm_at(second, CANARY);
        world.run();
        let shares = world.shares();
        assert_eq!(
            shares[shares.len() - 2..],
            [share.to_owned(), "-".to_owned()],
            "at {second} s"
        );
        let (error, cause) = world.failure("r1");
        assert_eq!(error, "RolledBack");
        assert_eq!(
            cause,
            "alarm serin-a1b2c3-prod-canary-5xx went into ALARM: 3 errors in 2 of 3 minutes"
        );
        assert_at_baseline(&world);
        let reset = world
            .moments
            .last()
            .unwrap()
            .at
            .duration_since(world.moments[0].at)
            .as_secs();
        assert_eq!(reset, second, "the reset is the alarm's own invocation");
    }
}

#[test]
fn the_first_api_gateway_call_of_a_rollback_is_the_only_one() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.alarm_at(100, CANARY);
    world.run();
    let (_, calls) = world
        .invocations
        .iter()
        .find(|(function, _)| function == "rollback")
        .unwrap();
    assert_eq!(
        *calls,
        [
            "Query",
            "UpdateItem",
            "UpdateStage",
            "DeleteSchedule",
            "TransactWriteItems",
            "PutItem"
        ]
    );
}

#[test]
fn an_alarm_whose_action_never_arrives_is_seen_at_the_next_tick() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.at(700, |world| world.set_alarm(CANARY, AlarmState::Alarm));
    world.run();
    assert_eq!(
        world.failure("r1").1,
        "alarm serin-a1b2c3-prod-canary-5xx is in ALARM: 3 errors in 2 of 3 minutes"
    );
    assert_at_baseline(&world);
    let gone = seconds_to_last_change(&world);
    assert!((700..=765).contains(&gone), "{gone} s");
}

#[test]
fn an_alarm_after_promotion_restores_the_baseline() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.alarm_at(2000, STAGE);
    world.run();
    assert_eq!(world.failure("r1").0, "RolledBack");
    assert_eq!(world.shares(), ["-", "0", "5", "25", "50", "-"]);
    assert_at_baseline(&world);
}

#[test]
fn a_variable_that_the_baseline_did_not_have_is_removed_again() {
    let mut world = Simulation::new();
    let mut input = release();
    input["canary"]["stageVariableOverrides"]["engine"] = json!("v3");
    world.start("r1", input);
    world.alarm_at(2000, STAGE);
    world.run();
    assert_at_baseline(&world);
    assert!(!world.stage().variables.contains_key("engine"));
}

#[test]
fn an_alarm_that_is_ok_again_or_nobody_s_changes_nothing() {
    let mut world = Simulation::new();
    world.set_alarm("somebody-else", AlarmState::Ok);
    world.start("r1", release());
    world.alarm_at(300, "somebody-else");
    world.at(400, |world| {
        let action = serin_tests::simulation::alarm_action(CANARY, "OK", world.now());
        world.invoke("rollback", action).unwrap();
    });
    world.run();
    assert_succeeded(&world, "r1");
    let (_, calls) = world
        .invocations
        .iter()
        .find(|(function, _)| function == "rollback")
        .unwrap();
    assert_eq!(*calls, ["Query"], "an alarm of nobody's costs one read");
}

#[test]
fn an_alarm_that_is_deleted_leaves_the_rollout_unguarded_and_ends_it() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.at(700, |world| {
        world.aws.account().alarms.remove(CANARY);
    });
    world.run();
    assert!(world.failure("r1").1.contains("no longer exists"));
    assert_at_baseline(&world);
}

#[test]
fn an_incident_can_be_fixed_while_its_alarm_is_on() {
    let mut world = Simulation::new();
    world.set_alarm(STAGE, AlarmState::Alarm);
    let mut input = release();
    input["alarms"] = json!([CANARY, { "name": STAGE, "ifAlreadyInAlarm": "ignoreUntilOk" }]);
    world.start("r1", input);
    world.run();
    assert_succeeded(&world, "r1");
}

#[test]
fn an_ignored_alarm_counts_again_once_it_was_ok() {
    let mut world = Simulation::new();
    world.set_alarm(STAGE, AlarmState::Alarm);
    let mut input = release();
    input["alarms"] = json!([{ "name": STAGE, "ifAlreadyInAlarm": "ignoreUntilOk" }]);
    world.start("r1", input);
    world.at(300, |world| world.set_alarm(STAGE, AlarmState::Ok));
    world.at(500, |world| world.set_alarm(STAGE, AlarmState::Alarm));
    world.run();
    assert_eq!(world.failure("r1").0, "RolledBack");
    assert_at_baseline(&world);
}

#[test]
fn an_alarm_without_data_is_neither_good_nor_bad_and_is_reported() {
    let mut world = Simulation::new();
    world.set_alarm(CANARY, AlarmState::InsufficientData);
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
    assert!(
        world
            .timeline()
            .iter()
            .any(|line| line.contains("alarm serin-a1b2c3-prod-canary-5xx has too little data"))
    );
}

#[test]
fn no_canary_request_while_the_baseline_has_traffic_is_a_wiring_fault() {
    let mut world = Simulation::new();
    world.set_traffic(0, 600);
    world.start("r1", release());
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "RolledBack");
    assert!(cause.contains("no canary request in the last"), "{cause}");
    assert!(
        cause.contains("AWS/ApiGateway Count with ApiName=recommendations, Stage=prod/Canary"),
        "{cause}"
    );
    assert_eq!(world.shares(), ["-", "0", "5", "-"], "it never advanced");
    assert!(
        world.timeline().iter().any(|line| line.contains("hold: ")),
        "it was held before it went back"
    );
    assert_at_baseline(&world);
}

/// At 5 %, one request in two minutes is due to the canary.
fn quiet_release(world: &mut Simulation) {
    world.set_traffic(0, 10);
    let mut input = release();
    input["plan"] = json!({ "steps": [{ "percent": 5, "bakeSeconds": 600 }] });
    world.start("r1", input);
}

#[test]
fn a_quiet_stage_is_held_until_its_canary_has_had_a_request() {
    let mut world = Simulation::new();
    world.at(960, |world| world.set_traffic(1, 9));
    quiet_release(&mut world);
    world.run();
    assert_succeeded(&world, "r1");
    let told = world.timeline();
    let held = |line: &&String| line.contains("hold: ") && line.contains("held: no canary request yet: of ");
    assert!(told.iter().any(|line| held(&line)), "{told:?}");
}

#[test]
fn a_quiet_stage_never_promotes_a_canary_that_no_request_reached() {
    let mut world = Simulation::new();
    quiet_release(&mut world);
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "RolledBack");
    assert!(cause.starts_with("no canary request in the last 20 windows"), "{cause}");
    assert_eq!(world.shares(), ["-", "0", "5", "-"]);
    assert_at_baseline(&world);
}

#[test]
fn a_stage_without_any_traffic_is_not_called_a_fault() {
    let mut world = Simulation::new();
    world.set_traffic(0, 0);
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
}

#[test]
fn a_step_too_short_to_judge_says_so_from_the_start_and_is_judged_by_alarms() {
    let mut world = Simulation::new();
    world.set_traffic(0, 600);
    let mut input = release();
    input["plan"] = json!({ "steps": [{ "percent": 5, "bakeSeconds": 240 }] });
    world.start("r1", input);
    world.run();
    assert_succeeded(&world, "r1");
    let begun = world.aws.account().timeline[0].clone();
    assert_eq!(
        begun.findings[0].text,
        "5 % for 240 s is too short to judge: alarms only (evidence needs 300 s)"
    );
    assert!(
        world
            .timeline()
            .iter()
            .any(|line| line.contains("too short to judge: alarms only"))
    );
}

#[test]
fn a_step_of_all_traffic_says_from_the_start_that_nothing_can_be_compared() {
    let mut world = Simulation::new();
    let mut input = release();
    input["plan"] = json!({ "steps": [{ "percent": 5, "bakeSeconds": 600 }, { "percent": 100, "bakeSeconds": 600 }] });
    world.start("r1", input);
    world.run();
    let begun = world.aws.account().timeline[0].clone();
    assert_eq!(
        (begun.findings[0].subject.as_str(), begun.findings[0].text.as_str()),
        (
            "step 2",
            "100 % for 600 s leaves the baseline no traffic to compare with: alarms judge whether it does harm"
        )
    );
}

#[test]
fn a_hook_that_fails_ends_the_rollout_before_any_traffic() {
    for answer in [
        json!({ "outcome": "fail", "reason": "5 of 9 probes failed" }),
        json!({ "outcome": "PASS" }),
        json!("pass"),
        Value::Null,
    ] {
        let mut world = Simulation::new();
        world.hook("serin-hook-smoke", answer.clone());
        let mut input = release();
        input["hooks"] = json!({ "beforeTraffic": hook_arn("serin-hook-smoke") });
        world.start("r1", input);
        world.run();
        let (error, cause) = world.failure("r1");
        assert_eq!(error, "RolledBack", "{answer}");
        assert!(cause.starts_with("a hook did not pass: "), "{cause}");
        assert_eq!(world.shares(), ["-", "0", "-"]);
        assert_at_baseline(&world);
    }
}

#[test]
fn a_hook_that_fails_after_promotion_restores_the_baseline() {
    let mut world = Simulation::new();
    world.hook(
        "serin-hook-e2e",
        json!({ "outcome": "fail", "reason": "checkout is slow" }),
    );
    let mut input = release();
    input["hooks"] = json!({ "afterPromotion": hook_arn("serin-hook-e2e") });
    world.start("r1", input);
    world.run();
    assert_eq!(world.failure("r1").1, "a hook did not pass: checkout is slow");
    assert_at_baseline(&world);
}
