//! The dead man's switch: what is left when Serin as a whole goes away, and that it is never in the way while it is there.

use jiff::SignedDuration;
use serde_json::{Value, json};
use serin_core::{
    alarm::AlarmState,
    claim::Phase,
    percent::Percent,
    stage::CanaryView,
    switch::Switch,
    timing::{FREE_AFTER, SWEEP_REACTION, SWITCH_HEEDS, SWITCH_OVER},
};
use serin_steps::{
    fakes::{Fault, NewCanary},
    ports::CallError,
};
use serin_tests::{
    machine::End,
    simulation::{API, Simulation, execution_event, hook_arn, prod},
};

use super::assert_succeeded;

pub(super) const CANARY: &str = "serin-a1b2c3-prod-canary-5xx";
const DAY: i64 = 86_400;
/// The margin of a usual plan, in seconds.
const MARGIN: i64 = 5_430;

pub(super) fn short() -> Value {
    json!({ "restApiId": API, "stageName": "prod", "plan": "Canary10Percent5Minutes", "finalBakeSeconds": 60 })
}

pub(super) fn release(steps: &Value, more: &Value) -> Value {
    let mut request = json!({ "restApiId": API, "stageName": "prod", "plan": { "steps": steps } });
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

pub(super) fn refused() -> CallError {
    CallError::Rejected("AccessDeniedException".to_owned())
}

/// How often functions called that operation.
pub(super) fn calls(world: &Simulation, operation: &str) -> usize {
    let account = world.aws.account();
    account.calls.iter().filter(|call| **call == operation).count()
}

/// Nothing of Serin's runs any more: no execution, no sweep, no event.
fn go_away(world: &mut Simulation, name: &str) {
    world.stop(name);
    world.aws.account().ended_executions.clear();
}

fn wait(world: &mut Simulation, seconds: i64) {
    let from = world.now().duration_since(world.moments[0].at).as_secs();
    world.at(from + seconds, |_| {});
    world.run();
}

/// No switch is armed, none has fired, and the claim knows that.
pub(super) fn assert_nothing_left(world: &Simulation, what: &str) {
    assert!(world.aws.account().schedules.is_empty(), "{what}");
    assert_eq!(world.fired, [], "{what}");
    if let Some(claim) = world.claim() {
        assert_eq!(claim.switch, Switch::Silent, "{what}");
        assert_eq!(
            claim.free_at(),
            claim.ended_at.map(|ended| ended + FREE_AFTER),
            "{what}: the next rollout waits for the drain alone"
        );
    }
}

// --- Serin goes away ---

#[test]
fn when_all_of_serin_is_gone_the_switch_takes_the_canary_to_zero() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    world.at(100, |world| go_away(world, "a"));
    wait(&mut world, 3 * 3600);
    let (rollout, at) = world.fired.first().unwrap();
    assert_eq!(rollout.as_str(), "a");
    assert_eq!(at.duration_since(world.moments[0].at).as_secs(), MARGIN);
    assert_eq!(world.shares(), ["-", "0", "10", "-"]);
    assert!(world.can_be_deployed_to());
    assert_eq!(world.phase(), Some(Phase::Shifting), "nobody has touched the claim");
}

#[test]
fn a_switch_that_was_pushed_fires_a_margin_after_the_push() {
    let mut world = Simulation::new().without_sweep();
    world.start(
        "a",
        release(&json!([{ "percent": 5, "bakeSeconds": 20_000 }]), &json!({})),
    );
    world.at(9_000, |world| go_away(world, "a"));
    wait(&mut world, 6 * 3600);
    let pushed = calls(&world, "UpdateSchedule");
    assert_eq!(pushed, 3, "once in each half of a margin");
    let (_, at) = world.fired.first().unwrap();
    let silent = at.duration_since(world.moments[0].at).as_secs() - 9_000;
    assert!(
        (MARGIN / 2..=MARGIN).contains(&silent),
        "{silent} s after the last sign of life"
    );
    assert_eq!(world.stage().canary, None);
}

#[test]
fn when_serin_comes_back_the_rollout_ends_and_the_next_waits_until_the_switch_is_silent() {
    let mut world = Simulation::new().without_sweep();
    world.start("a", short());
    world.at(100, |world| go_away(world, "a"));
    world.at(MARGIN + 600, |world| {
        world.invoke("sweep", Value::Null).unwrap();
        assert_eq!(world.phase(), Some(Phase::RolledBack));
        assert!(matches!(world.claim().unwrap().switch, Switch::Cut(_)));
    });
    // What it began is still on its way when the next rollout is tried again and again.
    world.at(MARGIN + 1_000, |world| world.start("b", short()));
    world.at(MARGIN + 600 + SWITCH_OVER.as_secs(), |world| world.start("c", short()));
    world.run();
    let (error, cause) = world.failure("b");
    assert_eq!(error, "StageDraining");
    assert!(cause.contains("looked after until 2026-03-01T05:43"), "{cause}");
    assert_succeeded(&world, "c");
}

#[test]
fn a_rollback_that_serin_may_not_make_is_made_by_the_switch() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.at(100, |world| {
        world.set_alarm(CANARY, AlarmState::Alarm);
        for operation in ["UpdateStage", "GetStage"] {
            world.aws.break_operation(operation, refused());
        }
    });
    wait(&mut world, 3 * 3600);
    assert_eq!(world.failure("a").0, "NeedsHuman");
    assert_eq!(world.fired.len(), 1, "it acts by a role of its own");
    assert_eq!(world.stage().canary, None);
    assert!(world.can_be_deployed_to());
}

// --- Serin is there ---

/// Plans of every pace, with people and hooks that take their time.
fn slow_rollouts() -> Vec<(&'static str, Value)> {
    let approval =
        json!([{ "percent": 5, "bakeSeconds": 600, "approval": true }, { "percent": 50, "bakeSeconds": 600 }]);
    let hooks = json!({ "beforeTraffic": hook_arn("serin-hook-slow"), "afterPromotion": hook_arn("serin-hook-slow") });
    let many: Vec<_> = (1..=100)
        .map(|share| json!({ "percent": share, "bakeSeconds": 3_600, "approval": share < 5 }))
        .collect();
    vec![
        ("the default plan", json!({ "restApiId": API, "stageName": "prod" })),
        (
            "a long bake",
            release(
                &json!([{ "percent": 5, "bakeSeconds": 3 * DAY }]),
                &json!({ "tickSeconds": 600 }),
            ),
        ),
        (
            "a person who takes days",
            release(&approval, &json!({ "approvalTimeoutSeconds": 5 * DAY })),
        ),
        (
            "hooks that take a quarter of an hour",
            release(&approval, &json!({ "hooks": hooks, "approvalTimeoutSeconds": 5 * DAY })),
        ),
        (
            "a hundred steps",
            release(&json!(many), &json!({ "approvalTimeoutSeconds": 2 * DAY })),
        ),
        (
            "a long final bake",
            release(
                &json!([{ "percent": 5, "bakeSeconds": 60 }]),
                &json!({ "finalBakeSeconds": 2 * DAY }),
            ),
        ),
        (
            "no canary at all",
            json!({ "restApiId": API, "stageName": "prod", "plan": "AllAtOnce" }),
        ),
    ]
}

#[test]
fn a_healthy_rollout_never_loses_its_canary_to_the_switch() {
    for (what, request) in slow_rollouts() {
        let mut world = Simulation::new();
        world.hook("serin-hook-slow", json!({ "outcome": "pass" }));
        world.hook_time = SignedDuration::from_mins(15);
        world.start("a", request);
        for day in 1..=9 {
            world.at(day * DAY * 9 / 10, |world| {
                let approval = json!({ "rolloutId": "a", "instruction": "approve", "by": "mira", "reason": "fine" });
                let _ = world.invoke("instruct", approval); // Refused where nobody is asked.
            });
        }
        world.run();
        assert!(
            matches!(world.ended("a"), End::Succeeded(_)),
            "{what}: {:?}",
            world.ended("a")
        );
        assert!(
            world.least_lead >= SWEEP_REACTION,
            "{what}: the sweep has only {:#} before the switch fires",
            world.least_lead
        );
        assert_nothing_left(&world, what);
        let looks = calls(&world, "GetMetricData").max(1);
        assert!(
            calls(&world, "UpdateSchedule") * 2 <= looks.max(4),
            "{what}: pushed too often"
        );
    }
}

#[test]
fn nothing_is_left_of_the_switch_however_a_rollout_ends() {
    type Story = fn(&mut Simulation);
    let stories: [(&str, Story); 7] = [
        ("finished", |_| {}),
        ("an alarm while shifting", |world| world.alarm_at(100, CANARY)),
        ("an alarm while promoted", |world| {
            world.alarm_at(330, "serin-a1b2c3-prod-stage-5xx");
        }),
        ("stopped", |world| world.at(200, |world| world.stop("a"))),
        ("an alarm that was on before", |world| {
            world.set_alarm(CANARY, AlarmState::Alarm);
        }),
        ("stopped while preparing", |world| {
            world.aws.fail_next("CreateSchedule", Fault::CrashAfter);
            world.at(1, |world| world.stop("a"));
        }),
        ("somebody else's canary", |world| {
            let ten = serin_core::percent::Percent::parse("10").map(NewCanary::at);
            world
                .aws
                .account()
                .api(API)
                .unwrap()
                .create_deployment("theirs", Some("prod"), ten)
                .unwrap();
        }),
    ];
    for (what, story) in stories {
        let mut world = Simulation::new();
        story(&mut world);
        world.start("a", short());
        world.run();
        assert_nothing_left(&world, what);
    }
}

#[test]
fn a_refused_rollout_never_had_a_switch() {
    let mut world = Simulation::new();
    world.set_alarm(CANARY, AlarmState::Alarm);
    world.start("a", short());
    world.run();
    assert_eq!(world.failure("a").0, "InvalidInput");
    assert_eq!(calls(&world, "CreateSchedule"), 0);
}

#[test]
fn the_switch_is_armed_before_the_canary_is_attached_and_gone_before_the_final_bake() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.run();
    let order: Vec<_> = world.aws.account().calls.clone();
    let first = |operation: &str| order.iter().position(|call| *call == operation).unwrap();
    assert!(first("CreateSchedule") < first("UpdateStage"));
    let (_, promote) = world
        .invocations
        .iter()
        .find(|(function, _)| function == "promote")
        .unwrap();
    assert!(promote.contains(&"DeleteSchedule"), "{promote:?}");
}

// --- The next rollout ---

#[test]
fn a_switch_that_cannot_be_taken_away_keeps_the_next_rollout_off_the_stage() {
    let mut world = Simulation::new();
    world.aws.break_operation("DeleteSchedule", refused());
    world.start("a", short());
    world.at(1_000, |world| world.start("b", short()));
    world.at(2_000, |world| world.aws.mend_operation("DeleteSchedule"));
    world.at(2_200, |world| world.start("c", short()));
    world.run();
    assert!(
        matches!(world.ended("a"), End::Succeeded(_)),
        "a promotion does not wait for it"
    );
    let (error, cause) = world.failure("b");
    assert_eq!(error, "StageDraining");
    assert!(
        cause.contains("until the sweep has taken its dead man's switch away"),
        "{cause}"
    );
    assert_succeeded(&world, "c");
    assert_nothing_left(&world, "after c");
}

#[test]
fn a_switch_that_was_armed_behind_the_rollback_s_back_is_found_by_the_sweep() {
    let mut world = Simulation::new();
    // An attempt of begin that hangs just before it arms, and is answered after the rollback.
    world.aws.fail_next("CreateSchedule", Fault::CrashBefore);
    world.start("a", short());
    world.at(1, |world| world.stop("a"));
    world.at(2, |world| {
        let stopped = execution_event("a", "ABORTED");
        world.invoke("rollback", stopped).unwrap();
        assert_eq!(world.phase(), Some(Phase::RolledBack));
        let claim = world.claim().unwrap();
        let Switch::Armed(at) = claim.switch else {
            panic!("{:?}", claim.switch)
        };
        world.aws.account().arm(&claim.rollout_id, &claim.stage, at);
        assert!(
            !claim.is_free(world.now() + FREE_AFTER),
            "not before the sweep has been there"
        );
    });
    world.at(300, |world| world.start("b", short()));
    world.run();
    assert_succeeded(&world, "b");
    assert_nothing_left(&world, "after b");
}

/// Once it may have fired, to set it again would only make the claim forget what it has begun.
#[test]
fn a_switch_that_may_have_fired_is_not_set_again() {
    let mut world = Simulation::new();
    world.start("a", short());
    world.at(100, |world| {
        let soon = world.now() + SWITCH_HEEDS;
        let mut account = world.aws.account();
        account.schedules.get_mut(&"a".into()).unwrap().at = soon;
        account.claims.get_mut(&prod()).unwrap().switch = Switch::Armed(soon);
    });
    world.run();
    assert_eq!(calls(&world, "UpdateSchedule"), 0);
    assert_eq!(world.failure("a").0, "RolledBack");
    let claim = world.claim().unwrap();
    assert!(matches!(claim.switch, Switch::Cut(_)), "{:?}", claim.switch);
    let ended = claim.ended_at.unwrap();
    assert!(!claim.is_free(ended + FREE_AFTER) && claim.is_free(ended + SWITCH_OVER + FREE_AFTER));
}

/// Without an outage a sweep looks while the stage drains. Here none did, and the switch is the only one to know.
#[test]
fn what_a_late_begin_left_while_all_of_serin_was_away_is_taken_away_before_the_stage_is_free() {
    let mut world = Simulation::new().without_sweep();
    world.aws.fail_next("CreateSchedule", Fault::CrashAfter);
    world.start("a", short());
    world.at(1, |world| world.stop("a"));
    world.at(120, |world| drop(world.invoke("sweep", Value::Null).unwrap()));
    world.at(1_800, |world| {
        let claim = world.claim().unwrap();
        assert_eq!(claim.phase, Phase::RolledBack);
        assert!(matches!(claim.switch, Switch::Armed(_)), "{:?}", claim.switch);
        let target = claim.target().unwrap();
        world
            .aws
            .account()
            .api(API)
            .unwrap()
            .stages
            .get_mut("prod")
            .unwrap()
            .canary = Some(CanaryView {
            deployment_id: target.deployment_id,
            percent: Percent::ZERO,
            overrides: target.stage_variable_overrides,
            use_stage_cache: false,
        });
        world.invoke("sweep", Value::Null).unwrap();
        let claim = world.claim().unwrap();
        assert!(!matches!(claim.switch, Switch::Armed(_)), "{:?}", claim.switch);
        assert!(!claim.is_free(world.now()), "it drains anew");
    });
    world.at(1_860, |world| drop(world.invoke("sweep", Value::Null).unwrap()));
    world.run();
    assert_eq!(world.stage().canary, None);
    assert!(world.can_be_deployed_to());
    let claim = world.claim().unwrap();
    assert!(claim.is_free(claim.ended_at.unwrap() + FREE_AFTER));
}

#[test]
fn a_begin_that_was_left_alone_for_too_long_attaches_nothing() {
    let mut world = Simulation::new().without_sweep();
    world.aws.fail_next("CreateSchedule", Fault::CrashAfter);
    world.start("a", short());
    world.at(2, |world| {
        let long = world.now() + SignedDuration::from_secs(MARGIN);
        world.aws.account().now = long;
    });
    world.run();
    let (error, cause) = world.failure("a");
    assert_eq!(error, "RolledBack");
    assert!(
        cause.contains("was left alone for so long that its dead man's switch"),
        "{cause}"
    );
    assert_eq!(calls(&world, "UpdateStage"), 0);
}
