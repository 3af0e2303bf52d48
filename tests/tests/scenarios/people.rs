//! What people do to a rollout: approve, reject, forget, abort, stop, and change the stage by hand.

use serde_json::{Value, json};
use serin_core::{claim::Phase, percent::Percent, stage::Patch};
use serin_steps::fakes::{Fault, NewCanary};
use serin_tests::simulation::{API, Simulation, execution_event};

use super::{assert_succeeded, seconds_to_last_change};

fn with_approval() -> Value {
    json!({
        "restApiId": API, "stageName": "prod",
        "plan": { "steps": [{ "percent": 5, "bakeSeconds": 300, "approval": true }, { "percent": 50, "bakeSeconds": 300 }] },
        "approvalTimeoutSeconds": 1800,
    })
}

fn say(world: &mut Simulation, instruction: &str) -> Result<Value, String> {
    let input = json!({
        "restApiId": API, "stageName": "prod", "instruction": instruction, "by": "mira", "reason": "dashboards look fine",
    });
    world.invoke("instruct", input).map_err(|failure| failure.cause)
}

#[test]
fn an_approval_lets_the_next_step_begin() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(900, |world| {
        say(world, "approve").unwrap();
    });
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.shares(), ["-", "0", "5", "50", "-"]);
    let told = world.timeline();
    assert!(
        told.iter()
            .any(|line| line == "instruct: step 1: approved by mira: dashboards look fine"),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.contains("waits for approval until 2026-03-01T03:3")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.contains("approved by mira: dashboards look fine; 5 % baked for 300 s: on to 50 %"))
    );
}

#[test]
fn an_approval_is_not_lost_when_the_look_that_saw_it_dies() {
    for fault in [Fault::CrashAfter, Fault::AnswerLost] {
        let mut world = Simulation::new();
        world.start("r1", with_approval());
        world.at(900, move |world| {
            say(world, "approve").unwrap();
            // The next write of the claim is the heartbeat of the look that acts on the approval.
            world.aws.fail_next("UpdateItem", fault);
        });
        world.run();
        assert_succeeded(&world, "r1");
    }
}

#[test]
fn a_rejection_rolls_back_with_the_name_and_the_reason() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(900, |world| {
        say(world, "reject").unwrap();
    });
    world.run();
    assert_eq!(
        world.failure("r1"),
        ("RolledBack", "rejected by mira: dashboards look fine")
    );
    assert_eq!(world.shares(), ["-", "0", "5", "-"]);
}

#[test]
fn an_approval_that_never_comes_rolls_back() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.run();
    assert!(
        world
            .failure("r1")
            .1
            .starts_with("nobody approved step 1 by 2026-03-01T03:3"),
        "{:?}",
        world.failure("r1")
    );
    assert_eq!(world.shares(), ["-", "0", "5", "-"]);
}

#[test]
fn an_approval_before_it_is_asked_for_or_twice_is_refused_and_says_why() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(100, |world| {
        let error = say(world, "approve").unwrap_err();
        assert!(error.contains("it is shifting at 5 % and waits for nobody"), "{error}");
    });
    world.at(901, |world| {
        say(world, "approve").unwrap();
        let error = say(world, "reject").unwrap_err();
        assert!(error.contains("step 1 was already approved by mira"), "{error}");
    });
    world.run();
    assert_succeeded(&world, "r1");
    let error = say(&mut world, "approve").unwrap_err();
    assert!(error.contains("it is finished"), "{error}");
}

#[test]
fn a_person_can_abort_by_the_stage_or_by_the_rollout() {
    for whose in [
        json!({ "restApiId": API, "stageName": "prod" }),
        json!({ "rolloutId": "r1" }),
    ] {
        let mut world = Simulation::new();
        world.start("r1", with_approval());
        let mut order = whose;
        order["by"] = json!("mira");
        order["reason"] = json!("wrong build");
        world.at(200, move |world| {
            let answer = world.invoke("rollback", order).unwrap();
            assert_eq!(answer["results"][0]["outcome"], "rolledBack");
        });
        world.run();
        assert_eq!(world.failure("r1"), ("RolledBack", "rolled back by mira: wrong build"));
        assert_eq!(world.stage().canary, None);
    }
}

#[test]
fn a_stopped_execution_is_cleaned_up_by_its_event_at_once() {
    let mut world = Simulation::new().without_sweep();
    world.start("r1", with_approval());
    world.at(200, |world| {
        world.stop("r1");
        let _ = world.invoke("rollback", execution_event("r1", "ABORTED"));
        assert_eq!(world.stage().canary, None);
    });
    world.run();
    assert_eq!(world.phase(), Some(Phase::RolledBack));
    assert_eq!(
        world.claim().unwrap().reason.unwrap(),
        "the execution ended with status ABORTED"
    );
}

#[test]
fn a_stopped_execution_whose_event_is_lost_is_cleaned_up_by_the_sweep() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(200, |world| world.stop("r1"));
    world.run();
    assert_eq!(world.phase(), Some(Phase::RolledBack));
    let gone = seconds_to_last_change(&world);
    assert!((200..=262).contains(&gone), "{gone} s");
}

#[test]
fn an_execution_that_ended_concerns_only_the_claim_that_is_its_own() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(100, |world| {
        let answer = world.invoke("rollback", execution_event("other", "FAILED")).unwrap();
        assert_eq!(answer["results"][0]["outcome"], "nothing");
        let mut same_name = execution_event("r1", "FAILED");
        let arn = same_name["detail"]["executionArn"]
            .as_str()
            .unwrap()
            .replace(":serin:", ":another-machine:");
        same_name["detail"]["executionArn"] = json!(arn);
        let answer = world.invoke("rollback", same_name).unwrap();
        assert_eq!(answer["results"][0]["outcome"], "nothing");
    });
    world.at(900, |world| {
        say(world, "approve").unwrap();
    });
    world.run();
    assert_succeeded(&world, "r1");
}

#[test]
fn a_canary_that_a_person_puts_there_meanwhile_is_drift_and_is_left_alone() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(200, |world| {
        let ten = Percent::parse("10").map(NewCanary::at);
        world
            .aws
            .account()
            .api(API)
            .unwrap()
            .create_deployment("console", Some("prod"), ten)
            .unwrap();
    });
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "RolledBack");
    assert!(
        cause.starts_with("the stage was changed by somebody else: expected deployment baseline with canary d1"),
        "{cause}"
    );
    let canary = world.stage().canary.unwrap();
    assert_eq!(
        (canary.deployment_id.as_str(), canary.percent),
        ("d2", Percent::parse("10").unwrap())
    );
}

#[test]
fn a_canary_whose_override_a_person_changes_is_theirs_from_then_on() {
    let mut world = Simulation::new();
    let mut input = with_approval();
    input["canary"] = json!({ "stageVariableOverrides": { "alias": "recommendation-v2" } });
    world.start("r1", input);
    world.at(200, |world| {
        let other = Patch::CanaryOverride("alias".to_owned(), "recommendation-v9".to_owned()).operation();
        world
            .aws
            .account()
            .api(API)
            .unwrap()
            .update_stage("prod", &[other])
            .unwrap();
    });
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "RolledBack");
    assert!(cause.starts_with("the stage was changed by somebody else"), "{cause}");
    let stage = world.stage();
    let canary = stage.canary.unwrap();
    assert_eq!(stage.deployment_id.as_str(), "baseline");
    assert_eq!(canary.deployment_id.as_str(), "d1");
    assert_eq!(canary.overrides["alias"], "recommendation-v9");
    assert_eq!(canary.percent, Percent::parse("5").unwrap());
}

#[test]
fn a_percentage_that_a_person_changes_is_set_again_and_the_bake_starts_again() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(200, |world| {
        let forty = Patch::CanaryPercent(Percent::parse("40").unwrap()).operation();
        world
            .aws
            .account()
            .api(API)
            .unwrap()
            .update_stage("prod", &[forty])
            .unwrap();
        let now = world.now();
        let view = world.stage();
        world.moments.push(serin_tests::simulation::Moment { at: now, view });
    });
    world.at(1200, |world| {
        say(world, "approve").unwrap();
    });
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.shares(), ["-", "0", "5", "40", "5", "50", "-"]);
    assert!(
        world
            .timeline()
            .iter()
            .any(|line| line.contains("40 % found where 5 % was set"))
    );
}

#[test]
fn a_percentage_that_keeps_changing_is_drift() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    for second in [50, 110, 170, 230, 290, 350] {
        world.at(second, |world| {
            let forty = Patch::CanaryPercent(Percent::parse("40").unwrap()).operation();
            world
                .aws
                .account()
                .api(API)
                .unwrap()
                .update_stage("prod", &[forty])
                .unwrap();
        });
    }
    world.run();
    assert!(
        world.failure("r1").1.contains("keeps being changed"),
        "{:?}",
        world.failure("r1")
    );
    assert_eq!(world.stage().canary, None, "the canary is still ours, so it goes");
}

#[test]
fn a_stage_that_is_deleted_meanwhile_ends_the_rollout() {
    let mut world = Simulation::new();
    world.start("r1", with_approval());
    world.at(200, |world| {
        let gone = world.aws.account().api(API).unwrap().stages.remove("prod").unwrap();
        world.at(400, move |world| {
            world.aws.account().api(API).unwrap().stages.insert("prod".into(), gone);
        });
    });
    world.run();
    assert!(world.failure("r1").0 == "RolledBack");
}
