//! The scheduler of the dead man's switch fails: a rollout without its last resort is none.

use serde_json::json;
use serin_core::{claim::Phase, switch::Switch};
use serin_steps::{fakes::Fault, ports::CallError};
use serin_tests::{machine::End, simulation::Simulation};

use super::{
    assert_succeeded,
    switch::{CANARY, assert_nothing_left, calls, refused, release, short},
};

#[test]
fn without_a_switch_there_is_no_canary() {
    let mut world = Simulation::new();
    world.aws.break_operation("CreateSchedule", refused());
    world.start("a", short());
    world.run();
    let (error, cause) = world.failure("a");
    assert_eq!(error, "RolledBack");
    assert_eq!(
        cause,
        "Rejected: refused: the dead man's switch could not be armed: AccessDeniedException".replace("refused: ", "")
    );
    assert_eq!(calls(&world, "UpdateStage"), 0, "the stage was never touched");
    assert_nothing_left(&world, "refused");
}

#[test]
fn a_scheduler_that_is_away_for_a_moment_delays_a_rollout_and_does_not_end_it() {
    for fault in [
        Fault::Fails(CallError::Throttled("ThrottlingException".to_owned())),
        Fault::Fails(CallError::Unavailable("503".to_owned())),
        Fault::AnswerLost,
        Fault::CrashBefore,
        Fault::CrashAfter,
    ] {
        let mut world = Simulation::new();
        world.aws.fail_next("CreateSchedule", fault.clone());
        world.start("a", short());
        world.run();
        assert!(
            matches!(world.ended("a"), End::Succeeded(_)),
            "{fault:?}: {:?}",
            world.ended("a")
        );
        assert_nothing_left(&world, &format!("{fault:?}"));
    }
}

#[test]
fn a_push_that_fails_is_repeated_at_the_next_look() {
    let mut world = Simulation::new();
    world.start(
        "a",
        release(&json!([{ "percent": 5, "bakeSeconds": 8_000 }]), &json!({})),
    );
    for error in [refused(), CallError::NotFound("gone for a moment".to_owned())] {
        world.aws.fail_next("UpdateSchedule", Fault::Fails(error));
    }
    world.aws.fail_next("UpdateSchedule", Fault::AnswerLost);
    world.run();
    assert_succeeded(&world, "a");
    assert!(calls(&world, "UpdateSchedule") >= 4);
    assert_nothing_left(&world, "pushed in the end");
}

#[test]
fn a_rollout_that_nobody_can_push_for_loses_its_canary_and_is_rolled_back() {
    let mut world = Simulation::new();
    world.aws.break_operation("UpdateSchedule", refused());
    world.start(
        "a",
        release(&json!([{ "percent": 5, "bakeSeconds": 20_000 }]), &json!({})),
    );
    world.run();
    assert_eq!(world.fired.len(), 1);
    let (error, cause) = world.failure("a");
    assert_eq!(error, "RolledBack");
    assert!(cause.starts_with("the stage was changed by somebody else"), "{cause}");
    assert_eq!(world.stage().canary, None);
}

#[test]
fn a_scheduler_that_does_not_answer_stops_neither_promotion_nor_rollback() {
    for alarm in [false, true] {
        let mut world = Simulation::new();
        world
            .aws
            .break_operation("DeleteSchedule", CallError::Unavailable("no answer".to_owned()));
        world.start("a", short());
        if alarm {
            world.alarm_at(100, CANARY);
        }
        world.at(1_000, move |world| {
            let phase = if alarm { Phase::RolledBack } else { Phase::Finished };
            assert_eq!(world.phase(), Some(phase));
            assert!(
                matches!(world.claim().unwrap().switch, Switch::Armed(_)),
                "and the claim says so"
            );
            world.aws.mend_operation("DeleteSchedule");
        });
        world.run();
        assert_nothing_left(&world, "the sweep has made up for it");
        assert_eq!(world.stage().canary, None);
    }
}
