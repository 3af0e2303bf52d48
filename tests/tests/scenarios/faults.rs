//! Calls that fail, answers that are lost, processes that die: whatever goes wrong, and wherever, every rollout ends and leaves
//! its stage safe.

use serde_json::{Value, json};
use serin_core::claim::Phase;
use serin_steps::{fakes::Fault, ports::CallError};
use serin_tests::{
    machine::End,
    simulation::{API, Simulation},
};

use super::assert_succeeded;

const CANARY: &str = "serin-a1b2c3-prod-canary-5xx";
const STAGE: &str = "serin-a1b2c3-prod-stage-5xx";

fn release() -> Value {
    json!({
        "restApiId": API, "stageName": "prod",
        "canary": { "stageVariableOverrides": { "alias": "recommendation-v2" } },
        "plan": { "steps": [{ "percent": 5, "bakeSeconds": 60 }, { "percent": 50, "bakeSeconds": 60 }] },
        "finalBakeSeconds": 60,
    })
}

/// A release whose step is long enough for its counts to be read.
fn judged_release() -> Value {
    let mut input = release();
    input["plan"] = json!({ "steps": [{ "percent": 5, "bakeSeconds": 600 }] });
    input
}

fn throttled() -> CallError {
    CallError::Throttled("TooManyRequestsException".to_owned())
}

fn unavailable() -> CallError {
    CallError::Unavailable("503".to_owned())
}

/// Whatever happened: the stage is safe and unlocked, as the rollout's end says, and the claim is over and soon free.
fn assert_safe(world: &Simulation, what: &str) {
    let stage = world.stage();
    assert_eq!(stage.canary, None, "{what}");
    assert!(world.can_be_deployed_to(), "{what}");
    let promoted = matches!(world.ended("r1"), End::Succeeded(_));
    let (deployment, alias) = if promoted {
        ("d1", "recommendation-v2")
    } else {
        ("baseline", "recommendation-v1")
    };
    assert_eq!(
        stage.deployment_id.as_str(),
        deployment,
        "{what}: {:?}",
        world.ended("r1")
    );
    assert_eq!(stage.variables["alias"], alias, "{what}");
    if let Some(claim) = world.claim() {
        assert!(claim.phase.is_terminal(), "{what}: {:?}", claim.phase);
        assert_eq!(claim.phase == Phase::Finished, promoted, "{what}");
        assert!(
            !world.aws.account().watched.contains(&claim.stage),
            "{what}: still watched"
        );
    }
    assert!(
        world.aws.account().schedules.is_empty() && world.fired.is_empty(),
        "{what}: a switch is left, or fired"
    );
    assert!(
        world.aws.account().guards.is_empty(),
        "{what}: alarms still point at the stage"
    );
}

/// Plays a story again and again, each time with a fault at another call.
fn at_every_call(faults: &[Fault], story: impl Fn(&mut Simulation)) {
    let mut undisturbed = Simulation::new();
    story(&mut undisturbed);
    undisturbed.run();
    let calls = undisturbed.aws.account().calls.clone();
    for (number, operation) in calls.iter().enumerate() {
        for fault in faults {
            let mut world = Simulation::new();
            world.aws.fail_call(number, fault.clone());
            story(&mut world);
            world.run();
            assert_safe(&world, &format!("{fault:?} at call {number}, {operation}"));
        }
    }
}

fn crashes() -> [Fault; 3] {
    [Fault::CrashBefore, Fault::CrashAfter, Fault::AnswerLost]
}

fn errors() -> [Fault; 3] {
    let refused = CallError::Rejected("AccessDeniedException".to_owned());
    [
        Fault::Fails(throttled()),
        Fault::Fails(unavailable()),
        Fault::Fails(refused),
    ]
}

fn healthy(world: &mut Simulation) {
    world.start("r1", release());
}

fn alarmed(world: &mut Simulation) {
    world.start("r1", release());
    world.alarm_at(100, CANARY);
}

fn alarmed_after_promotion(world: &mut Simulation) {
    world.start("r1", release());
    world.alarm_at(160, STAGE);
}

fn stopped(world: &mut Simulation) {
    world.start("r1", release());
    world.at(90, |world| world.stop("r1"));
}

#[test]
fn a_healthy_rollout_survives_a_crash_around_every_call() {
    at_every_call(&crashes(), healthy);
}

#[test]
fn a_healthy_rollout_survives_an_error_at_every_call() {
    at_every_call(&errors(), healthy);
}

#[test]
fn a_rollback_survives_a_crash_around_every_call() {
    at_every_call(&crashes(), alarmed);
}

#[test]
fn a_rollback_survives_an_error_at_every_call() {
    at_every_call(&errors(), alarmed);
}

#[test]
fn a_rollback_after_promotion_survives_a_crash_around_every_call() {
    at_every_call(&crashes(), alarmed_after_promotion);
}

#[test]
fn a_stopped_rollout_is_cleaned_up_in_spite_of_a_crash_around_every_call() {
    at_every_call(&crashes(), stopped);
}

#[test]
fn throttling_that_passes_is_no_reason_to_roll_back() {
    for operation in [
        "UpdateStage",
        "GetStage",
        "CreateDeployment",
        "DescribeAlarms",
        "UpdateItem",
        "GetMetricData",
    ] {
        let mut world = Simulation::new();
        world.start("r1", judged_release());
        for _ in 0..3 {
            world.aws.fail_next(operation, Fault::Fails(throttled()));
        }
        world.run();
        assert!(
            world.aws.account().calls.contains(&operation),
            "{operation} was not called"
        );
        assert!(
            matches!(world.ended("r1"), End::Succeeded(_)),
            "{operation}: {:?}",
            world.ended("r1")
        );
    }
}

#[test]
fn a_reset_that_is_answered_with_not_found_is_believed_only_after_a_look() {
    let mut world = Simulation::new().without_sweep();
    world.start("r1", release());
    world.at(100, |world| {
        let not_found = CallError::NotFound("NotFoundException".to_owned());
        world.aws.fail_next("UpdateStage", Fault::Fails(not_found));
    });
    world.alarm_at(100, CANARY);
    world.run();
    assert_eq!(world.failure("r1").0, "RolledBack");
    assert_eq!(world.stage().canary, None);
}

#[test]
fn a_deployment_whose_answer_is_lost_is_looked_up_and_not_made_twice() {
    let mut world = Simulation::new();
    world.aws.fail_next("CreateDeployment", Fault::AnswerLost);
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(
        world.aws.account().apis[API].deployments.len(),
        2,
        "the baseline's and one more"
    );
}

#[test]
fn a_begin_that_died_after_making_the_deployment_goes_on_with_it() {
    let mut world = Simulation::new();
    world.aws.fail_next("CreateDeployment", Fault::CrashAfter);
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.aws.account().apis[API].deployments.len(), 2);
}

#[test]
fn a_rollback_that_fails_for_good_needs_a_human_and_is_finished_by_the_sweep_once_it_can() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.at(90, |world| {
        world.set_alarm(CANARY, serin_core::alarm::AlarmState::Alarm);
        world.aws.break_operation(
            "UpdateStage",
            CallError::Rejected("AccessDeniedException: not authorised".to_owned()),
        );
        world.aws.break_operation(
            "GetStage",
            CallError::Rejected("AccessDeniedException: not authorised".to_owned()),
        );
    });
    world.at(4000, |world| {
        world.aws.mend_operation("UpdateStage");
        world.aws.mend_operation("GetStage");
    });
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "NeedsHuman");
    assert!(
        cause.contains("AccessDeniedException") && cause.contains("The sweep tries again every minute"),
        "{cause}"
    );
    assert_safe(&world, "after the mend");
}

#[test]
fn an_execution_that_falls_silent_is_found_by_its_heartbeat() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.at(90, |world| world.stop("r1"));
    world.at(91, |world| world.aws.account().ended_executions.clear());
    world.at(3600, |_| {});
    world.run();
    assert_eq!(world.phase(), Some(Phase::RolledBack));
    assert!(
        world
            .claim()
            .unwrap()
            .reason
            .unwrap()
            .starts_with("no sign of life since")
    );
    assert_eq!(world.stage().canary, None);
}

#[test]
fn a_timeline_that_cannot_be_written_stops_nothing() {
    let mut world = Simulation::new();
    world.aws.break_operation("PutItem", throttled());
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
}

/// An alarm goes off while a service is away, and stays away for longer than Lambda tries.
fn away(operations: &'static [&'static str]) -> Simulation {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.at(95, move |world| {
        for operation in operations {
            world.aws.break_operation(operation, unavailable());
        }
    });
    world.alarm_at(100, CANARY);
    world.at(500, move |world| {
        assert_ne!(world.phase(), Some(Phase::RolledBack), "nothing could be done");
        for operation in operations {
            world.aws.mend_operation(operation);
        }
    });
    world.run();
    world
}

#[test]
fn a_table_that_is_away_delays_a_rollback_and_loses_none() {
    let world = away(&["GetItem", "UpdateItem", "PutItem", "Query", "TransactWriteItems"]);
    assert_eq!(world.phase(), Some(Phase::RolledBack));
    assert_safe(&world, "after the table came back");
}

#[test]
fn an_api_gateway_that_is_away_delays_a_rollback_and_loses_none() {
    let world = away(&["GetStage", "UpdateStage"]);
    assert_eq!(world.phase(), Some(Phase::RolledBack));
    assert_safe(&world, "after API Gateway came back");
}

#[test]
fn a_step_functions_that_does_not_answer_stops_no_rollback() {
    let mut world = Simulation::new();
    world.aws.break_operation("DescribeExecution", unavailable());
    world.start("r1", release());
    world.alarm_at(100, CANARY);
    world.run();
    assert_eq!(world.failure("r1").0, "RolledBack");
    assert_safe(&world, "without DescribeExecution");
}

#[test]
fn metrics_that_cannot_be_read_are_tried_again_and_in_the_end_roll_back() {
    let text = "GetMetricData: canary1, AWS/ApiGateway 5XXError: InternalError";
    let unread = CallError::Unavailable(text.to_owned());
    let mut world = Simulation::new();
    for _ in 0..4 {
        world.aws.fail_next("GetMetricData", Fault::Fails(unread.clone()));
    }
    world.start("r1", judged_release());
    world.run();
    let end = world.ended("r1");
    assert!(matches!(end, End::Succeeded(_)), "{end:?}");

    let mut world = Simulation::new();
    world.aws.break_operation("GetMetricData", unread);
    world.start("r1", judged_release());
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "RolledBack");
    assert!(cause.contains(text), "{cause}");
    let calls = world.invocations.iter().flat_map(|(_, calls)| calls);
    assert_eq!(calls.filter(|call| **call == "GetMetricData").count(), 5);
    assert_safe(&world, "without metrics");
}
