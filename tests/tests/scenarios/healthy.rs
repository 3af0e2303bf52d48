//! What happens when nothing is wrong.

use serde_json::json;
use serin_core::{claim::Phase, stage::Variables};
use serin_tests::{
    machine::End,
    simulation::{API, Simulation, hook_arn, prod},
};

use super::assert_succeeded;

fn release() -> serde_json::Value {
    json!({
        "restApiId": API, "stageName": "prod",
        "canary": { "stageVariableOverrides": { "alias": "recommendation-v2" } },
    })
}

#[test]
fn a_healthy_canary_is_raised_step_by_step_and_promoted() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.run();

    let End::Succeeded(output) = world.ended("r1") else {
        panic!("{:?}", world.ended("r1"))
    };
    assert_eq!(output["result"]["deploymentId"], "d1");
    assert_eq!(output["result"]["variables"], json!({ "alias": "recommendation-v2" }));
    assert_eq!(world.shares(), ["-", "0", "5", "25", "50", "-"]);
    let stage = world.stage();
    assert_eq!(stage.deployment_id.as_str(), "d1");
    assert_eq!(
        stage.variables,
        Variables::from([("alias".to_owned(), "recommendation-v2".to_owned())])
    );
    assert_eq!(world.phase(), Some(Phase::Finished));
    assert!(world.can_be_deployed_to());
    let took = world
        .claim()
        .unwrap()
        .ended_at
        .unwrap()
        .duration_since(world.claim().unwrap().began_at)
        .as_secs();
    assert!((2400..2500).contains(&took), "four bakes of ten minutes took {took} s");
}

#[test]
fn every_step_bakes_at_its_own_percentage_for_its_own_time() {
    let mut world = Simulation::new();
    let mut input = release();
    input["plan"] = json!({ "steps": [{ "percent": 1, "bakeSeconds": 90 }, { "percent": 12.5, "bakeSeconds": 400 }] });
    input["finalBakeSeconds"] = json!(0);
    world.start("r1", input);
    world.run();

    let since = |share: &str| {
        let with = |view: &serin_core::stage::StageView| {
            view.canary
                .as_ref()
                .is_some_and(|canary| canary.percent.to_string() == share)
        };
        world.moments.iter().find(|moment| with(&moment.view)).unwrap().at
    };
    assert_eq!(world.shares(), ["-", "0", "1", "12.5", "-"]);
    assert!((90..100).contains(&since("12.5").duration_since(since("1")).as_secs()));
    assert_succeeded(&world, "r1");
}

#[test]
fn all_at_once_promotes_without_a_step_and_bakes() {
    let mut world = Simulation::new();
    let mut input = release();
    input["plan"] = json!("AllAtOnce");
    world.start("r1", input);
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.shares(), ["-", "0", "-"]);
    assert_eq!(world.stage().deployment_id.as_str(), "d1");
}

#[test]
fn a_deployment_that_exists_is_released_without_making_another() {
    let mut world = Simulation::new();
    let id = world
        .aws
        .account()
        .api(API)
        .unwrap()
        .create_deployment("by the pipeline", None, None)
        .unwrap();
    world.start(
        "r1",
        json!({ "restApiId": API, "stageName": "prod", "canary": { "deploymentId": id } }),
    );
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.aws.account().apis[API].deployments.len(), 2);
}

#[test]
fn variables_alone_can_be_released_and_others_stay() {
    let mut world = Simulation::new();
    world
        .aws
        .account()
        .api(API)
        .unwrap()
        .stages
        .get_mut("prod")
        .unwrap()
        .variables
        .insert("theme".into(), "dark".into());
    let mut input = release();
    input["canary"]["deploymentId"] = json!("baseline");
    world.start("r1", input);
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.stage().deployment_id.as_str(), "baseline");
    assert_eq!(world.stage().variables["alias"], "recommendation-v2");
    assert_eq!(world.stage().variables["theme"], "dark");
}

#[test]
fn where_aws_refuses_bare_copies_the_documented_recipe_promotes() {
    let mut world = Simulation::new();
    world.aws.account().api(API).unwrap().refuses_bare_copies = true;
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.stage().deployment_id.as_str(), "d1");
    assert_eq!(world.stage().canary, None);
}

#[test]
fn a_ghost_canary_of_somebody_before_is_removed_and_the_rollout_goes_on() {
    let mut world = Simulation::new();
    let ghost = serin_core::stage::Patch::CanaryPercent(serin_core::percent::Percent::ZERO).operation();
    world
        .aws
        .account()
        .api(API)
        .unwrap()
        .update_stage("prod", &[ghost])
        .unwrap();
    world.start("r1", release());
    world.run();
    assert_succeeded(&world, "r1");
}

#[test]
fn hooks_that_pass_let_the_rollout_go_on_and_are_told_what_they_need() {
    let mut world = Simulation::new();
    world.hook("serin-hook-smoke", json!({ "outcome": "pass" }));
    let mut input = release();
    input["hooks"] =
        json!({ "beforeTraffic": hook_arn("serin-hook-smoke"), "afterPromotion": hook_arn("serin-hook-smoke") });
    world.start("r1", input);
    world.run();
    assert_succeeded(&world, "r1");
    let (states, _) = &world.histories["r1"];
    assert!(
        states.iter().any(|state| state == "BeforeTraffic") && states.iter().any(|state| state == "AfterPromotion")
    );
}

#[test]
fn the_same_start_twice_is_one_rollout() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.at(100, |world| world.start("r1", release()));
    world.run();
    assert_succeeded(&world, "r1");
    assert_eq!(world.shares(), ["-", "0", "5", "25", "50", "-"]);
}

#[test]
fn a_tick_makes_one_call_to_api_gateway() {
    let mut world = Simulation::new();
    world.start("r1", release());
    world.run();
    let looks = world.invocations.iter().filter(|(function, _)| function == "evaluate");
    for (_, calls) in looks {
        let gateway = calls
            .iter()
            .filter(|call| ["GetStage", "UpdateStage"].contains(call))
            .count();
        assert_eq!(gateway, 1, "{calls:?}");
    }
}

#[test]
fn the_timeline_tells_the_whole_story() {
    let mut world = Simulation::new();
    let mut input = release();
    input["plan"] = json!("Canary10Percent5Minutes");
    world.start("r1", input);
    world.run();
    let told: Vec<_> = world
        .timeline()
        .into_iter()
        .filter(|line| !line.contains("bake: "))
        .collect();
    assert_eq!(
        told,
        [
            "begin: began on stage a1b2c3/prod: deployment d1 takes over from baseline, guarded by 2 alarms",
            "advance: step 1: 10 % for 300 s",
            "evaluate: promote: 2 of 2 alarms OK; server errors: canary 0 of 10 (0 %), baseline 0 of 100 (0 %) in 1 window; evidence of harm 1.0, below the 1,000 that would roll back; 10 % baked for 300 s: on to promotion",
            "promote: promoted: deployment d1 is the stage's own; final bake of 600 s",
            "evaluate: finish: 2 of 2 alarms OK; promoted and baked for 600 s",
            "finish: finished: stage a1b2c3/prod serves deployment d1 alone",
        ]
    );
    assert_eq!(world.aws.account().timeline[0].stage, prod());
}
