//! Two rollouts on one stage, one after the other, and what is late of the first.

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use serin_core::{claim::Phase, percent::Percent};
use serin_steps::{
    fakes::{Fault, NewCanary},
    rollback::rollback,
};
use serin_tests::simulation::{API, Simulation, alarm_action};

use super::{assert_at_baseline, assert_succeeded};

const CANARY: &str = "serin-a1b2c3-prod-canary-5xx";

fn short() -> Value {
    json!({ "restApiId": API, "stageName": "prod", "plan": "Canary10Percent5Minutes", "finalBakeSeconds": 60 })
}

#[test]
fn a_rollout_that_starts_while_the_last_one_drains_waits_and_then_begins() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.at(420, |world| {
        assert_eq!(world.phase(), Some(Phase::Finished));
        world.start("b", short());
    });
    world.run();
    assert_succeeded(&world, "a");
    assert_succeeded(&world, "b");
    let claim = world.claim().unwrap();
    assert_eq!(claim.rollout_id.as_str(), "b");
    assert_eq!(
        claim.baseline.unwrap().deployment_id.as_str(),
        "d1",
        "b began on what a left"
    );
    assert_eq!(world.shares(), ["-", "0", "10", "-", "0", "10", "-"]);
}

#[test]
fn a_rollout_that_starts_just_before_the_other_is_promoted_is_refused() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.at(300, |world| world.start("b", short()));
    world.at(330, |world| world.start("c", short()));
    world.run();
    assert_succeeded(&world, "a");
    for late in ["b", "c"] {
        assert_eq!(world.failure(late).0, "StageBusy");
    }
    assert_eq!(world.stage().deployment_id.as_str(), "d1");
}

#[test]
fn a_late_alarm_of_the_first_rollout_does_not_touch_the_second() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.alarm_at(100, CANARY);
    world.at(200, |world| world.set_alarm(CANARY, serin_core::alarm::AlarmState::Ok));
    world.at(400, |world| world.start("b", short()));
    world.at(500, |world| {
        let then = world.moments[0].at + jiff::SignedDuration::from_secs(100);
        let answer = world.invoke("rollback", alarm_action(CANARY, "ALARM", then)).unwrap();
        assert_eq!(answer["results"][0]["stages"], json!([]));
    });
    world.run();
    assert_eq!(world.failure("a").0, "RolledBack");
    assert_succeeded(&world, "b");
}

#[test]
fn an_alarm_of_the_second_rollout_rolls_back_to_what_the_first_left() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.at(420, |world| world.start("b", short()));
    world.alarm_at(800, CANARY);
    world.run();
    assert_succeeded(&world, "a");
    assert_eq!(world.failure("b").0, "RolledBack");
    assert_eq!(world.stage().deployment_id.as_str(), "d1");
    assert_eq!(world.stage().canary, None);
}

#[test]
fn a_name_that_another_rollout_had_is_refused_and_says_so() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.run();
    world.start("b", short());
    world.run();
    world.start("a", short());
    world.run();
    let (error, cause) = world.failure("a");
    assert_eq!(error, "StageBusy");
    assert!(cause.contains("a rollout claims a stage once"), "{cause}");
}

#[test]
fn two_triggers_at_once_roll_back_once() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.at(100, |world| {
        let action = alarm_action(CANARY, "ALARM", world.now());
        world.invoke("rollback", action.clone()).unwrap();
        world.invoke("rollback", action).unwrap();
    });
    world.run();
    let changes = world.invocations.iter().filter(|(function, _)| function == "rollback");
    let changes: usize = changes
        .map(|(_, calls)| calls.iter().filter(|call| **call == "UpdateStage").count())
        .sum();
    assert_eq!(changes, 1);
    assert_eq!(world.failure("a").0, "RolledBack");
}

#[test]
fn a_rollback_whose_call_died_at_once_is_taken_over_by_the_alarm_s_second_message() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    world.at(100, |world| {
        let action = alarm_action(CANARY, "ALARM", world.now());
        world.aws.fail_next("UpdateItem", Fault::CrashAfter);
        // Lambda runs both at the same time; the simulation counts no time for the one that dies.
        world.invocation_time = jiff::SignedDuration::ZERO;
        let began = world.now();
        let _ = world.invoke("rollback", action.clone());
        world.aws.account().now = began;
        world.invoke("rollback", action).unwrap();
        let took = world.now().duration_since(began);
        assert_eq!(took, serin_core::timing::ROLLBACK_LEASE, "it waited for a sign of life");
        assert_at_baseline(world);
    });
    world.run();
    assert_rolled_back(&world);
}

#[test]
fn a_rollout_claims_a_stage_once_and_never_again() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.alarm_at(100, CANARY);
    world.run();
    world.set_alarm(CANARY, serin_core::alarm::AlarmState::Ok);
    let later = world.now() + jiff::SignedDuration::from_mins(30);
    world.aws.account().now = later;
    let begin = json!({
        "request": short(),
        "execution": { "Id": serin_tests::simulation::execution_arn("a"), "Name": "a" },
    });
    let failure = world.invoke("begin", begin).unwrap_err();
    assert_eq!(failure.error, "ClaimLost", "a redriven Begin finds its own rollback");
    assert_eq!(world.stage().canary, None);
}

/// An alarm's rollback, run by another process just before the next call of that name.
fn roll_back_before(world: &Simulation, operation: &'static str) {
    world.aws.before_next(operation, |aws| {
        let action = alarm_action(CANARY, "ALARM", aws.account().now);
        rollback(aws, aws, aws, aws, action).now_or_never().unwrap().unwrap();
    });
}

fn assert_rolled_back(world: &Simulation) {
    assert_eq!(world.failure("a").0, "RolledBack");
    assert_at_baseline(world);
}

#[test]
fn an_advance_in_flight_during_a_rollback_leaves_no_canary() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    // Begin attaches first; the next change of the stage is the advance's.
    world.aws.before_next("UpdateStage", |aws| {
        aws.before_next("UpdateStage", |aws| {
            let action = alarm_action(CANARY, "ALARM", aws.account().now);
            rollback(aws, aws, aws, aws, action).now_or_never().unwrap().unwrap();
        });
    });
    world.run();
    assert_rolled_back(&world);
    assert_eq!(world.largest_share_after(world.moments[0].at).to_string(), "0");
}

#[test]
fn an_attach_in_flight_during_a_rollback_is_taken_back() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    roll_back_before(&world, "UpdateStage");
    world.run();
    assert_rolled_back(&world);
}

#[test]
fn a_promotion_in_flight_during_a_rollback_fails() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    world.at(280, |world| roll_back_before(world, "UpdateStage"));
    world.run();
    assert_rolled_back(&world);
    let (states, _) = &world.histories["a"];
    assert!(
        states.iter().any(|state| state == "Promote"),
        "the rollback met the promotion: {states:?}"
    );
}

#[test]
fn something_else_that_is_promoted_by_accident_is_put_back() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    world.at(280, |world| {
        world.aws.before_next("UpdateStage", |aws| {
            let ten = Percent::parse("10").map(NewCanary::at);
            aws.account()
                .api(API)
                .unwrap()
                .create_deployment("console", Some("prod"), ten)
                .unwrap();
        });
    });
    world.run();
    let (error, cause) = world.failure("a");
    assert_eq!(error, "RolledBack");
    assert!(
        cause.contains("Drift: something else was promoted at the same time"),
        "{cause}"
    );
    assert_eq!(world.stage().deployment_id.as_str(), "baseline");
    assert_eq!(
        world.stage().canary,
        None,
        "once promoted it could not be told from a ghost"
    );
    let kept = world.aws.account().apis[API].deployments.contains_key(&"d2".into());
    assert!(kept, "deployments are never deleted");
}
