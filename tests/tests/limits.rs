//! No rollout that is accepted outgrows what Step Functions lets an execution have: 25,000 history events, and a document that
//! stays far below 256 KiB.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a check fails by panicking"
)]

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use serin_core::{
    alarm::{AlarmState, MAX_ALARMS},
    document::{Document, MAX_BYTES},
    plan::{MAX_HISTORY_EVENTS, MAX_STEPS, WORST_EVENTS_PER_ROLLOUT, WORST_EVENTS_PER_STEP, WORST_EVENTS_PER_TICK},
    request::{MAX_OVERRIDES, MAX_REQUEST_BYTES},
    stage::Variables,
    timing::LONGEST_ROLLOUT,
};
use serin_steps::{
    fakes::{FakeAws, Fault, Traffic},
    ports::CallError,
};
use serin_tests::{
    cfn::text,
    machine::{End, Machine},
    simulation::{API, Simulation, alarm_arn, execution_arn, hook_arn},
};

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Every state that can be reached from one in a step or more.
fn after<'a>(machine: &'a Machine, name: &str) -> BTreeSet<&'a str> {
    let next = |name: &str| {
        let state = &machine.states()[name];
        let rules = list(&state["Choices"]).chain(list(&state["Catch"]));
        let all = rules
            .map(|rule| &rule["Next"])
            .chain([&state["Next"], &state["Default"]]);
        all.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let mut found = BTreeSet::new();
    let mut open = next(name);
    while let Some(name) = open.pop() {
        if found.insert(name) {
            open.extend(next(name));
        }
    }
    found
}

// --- History ---

/// The history events of a state, with every retry used up.
fn worst_events(state: &Value) -> u64 {
    match text(&state["Type"]) {
        "Task" => {
            5 + 3 * list(&state["Retry"])
                .map(|rule| rule["MaxAttempts"].as_u64().unwrap())
                .sum::<u64>()
        }
        "Wait" | "Choice" | "Pass" | "Fail" => 2, // entered and exited, or entered and the execution's own end
        "Succeed" => 3,                           // entered, exited, and the execution's own end
        other => panic!("a state of type {other}"),
    }
}

#[test]
fn the_plan_counts_no_fewer_history_events_than_the_state_machine_writes() {
    let machine = Machine::deployed();
    let worst = |names: &[&str]| {
        names
            .iter()
            .map(|name| worst_events(&machine.states()[*name]))
            .sum::<u64>()
    };
    let (tick, step) = (["Bake", "Evaluate", "Decide"], ["Advance"]);
    let names = machine.states().keys().map(String::as_str);
    let looping = names.clone().filter(|name| after(&machine, name).contains(name));
    // In the loop by the graph, but `decide` never promotes twice: a promoted rollout only bakes, finishes or goes back.
    let once = ["Promote", "HasAfterPromotion", "AfterPromotion", "AfterPromotionPassed"];
    let expected = tick.into_iter().chain(step).chain(once);
    assert_eq!(
        set(looping),
        set(expected),
        "what may happen more than once is counted as such"
    );

    let rest: Vec<_> = names
        .filter(|name| !tick.contains(name) && !step.contains(name))
        .collect();
    let start_and_first_decision = 1 + worst(&["Decide"]);
    for (counted, written, what) in [
        (WORST_EVENTS_PER_TICK, worst(&tick), "tick"),
        (WORST_EVENTS_PER_STEP, worst(&step), "step"),
        (
            WORST_EVENTS_PER_ROLLOUT,
            worst(&rest) + start_and_first_decision,
            "rollout",
        ),
    ] {
        assert!(
            u64::from(counted) >= written,
            "the plan counts {counted} events per {what}, it may be {written}"
        );
    }
}

/// Two weeks with an approval, looked at as often as may be.
fn two_weeks() -> Value {
    let day = 24 * 60 * 60;
    json!({
        "restApiId": API, "stageName": "prod", "tickSeconds": 5, "finalBakeSeconds": day, "approvalTimeoutSeconds": 2 * day,
        "plan": { "steps": [{ "percent": 5, "bakeSeconds": 5 * day }, { "percent": 25, "bakeSeconds": 6 * day - 7_200, "approval": true }] },
    })
}

fn approve_after(world: &mut Simulation, days: i64) {
    world.at(days * 24 * 60 * 60, |world| {
        let approval = json!({ "rolloutId": "r1", "instruction": "approve", "by": "ada", "reason": "good" });
        world.invoke("instruct", approval).unwrap();
    });
}

/// Makes every look need all the retries that the state machine has for it: four for a fault that a function tells of, two for
/// a process that dies.
fn fail_as_often_as_may_be(aws: &FakeAws, look: usize) {
    aws.before_next("GetStage", move |aws| {
        match look % 7 {
            0..4 => aws.fail_next(
                "GetStage",
                Fault::Fails(CallError::Throttled("Rate exceeded".to_owned())),
            ),
            4..6 => aws.fail_next("GetStage", Fault::CrashBefore),
            _ => {}
        }
        fail_as_often_as_may_be(aws, look + 1);
    });
}

#[test]
fn the_longest_rollout_fits_into_an_execution_s_history() {
    let mut world = Simulation::new().without_sweep();
    world.start("r1", two_weeks());
    approve_after(&mut world, 12);
    world.run();
    assert!(
        matches!(world.ended("r1"), End::Succeeded(_)),
        "{:?}",
        world.ended("r1")
    );
    let (states, events) = &world.histories["r1"];
    let seen = states.iter().filter(|state| *state == "Evaluate").count();
    assert!(seen > 300, "{seen} looks in two weeks");
    assert!(*events < MAX_HISTORY_EVENTS, "{events} events");
}

#[test]
fn it_fits_even_if_every_look_needs_every_retry() {
    let mut world = Simulation::new().without_sweep();
    world.start("r1", two_weeks());
    world.at(60, |world| fail_as_often_as_may_be(&world.aws, 0));
    approve_after(&mut world, 12);
    world.run();
    assert!(
        matches!(world.ended("r1"), End::Succeeded(_)),
        "{:?}",
        world.ended("r1")
    );
    let (_, events) = &world.histories["r1"];
    assert!((8_000..MAX_HISTORY_EVENTS).contains(events), "{events} events");
}

// --- The document ---

/// A request with everything in it, as much and as long as it may be.
fn largest() -> Value {
    let pad = |start: String, length: usize| format!("{start}{}", "x".repeat(length - start.len()));
    let overrides: Map<_, _> = (0..MAX_OVERRIDES)
        .map(|number| (pad(format!("variable_{number}_"), 64), json!("v".repeat(512))))
        .collect();
    let steps: Vec<_> = (1..=u8::try_from(MAX_STEPS).unwrap())
        .map(|number| json!({ "percent": f64::from(number) - 0.01, "bakeSeconds": 299, "approval": number == 1 }))
        .collect();
    let alarms: Vec<_> = (0..MAX_ALARMS)
        .map(|number| json!({ "name": alarm_arn(&pad(format!("alarm-{number}-"), 255)), "ifAlreadyInAlarm": "ignoreUntilOk" }))
        .collect();
    json!({
        "restApiId": API, "stageName": "prod",
        "canary": { "stageVariableOverrides": overrides, "useStageCache": true },
        "plan": { "steps": steps }, "finalBakeSeconds": 600, "tickSeconds": 600, "approvalTimeoutSeconds": 86_400,
        "alarms": alarms,
        "analysis": {
            "mode": "guard", "alpha": 0.000_001, "windowSeconds": 60, "settleSeconds": 120,
            "metrics": [
                { "kind": "clientErrors", "toleratedRate": 0.012_345, "toleratedOddsRatio": 1.234_567 },
                { "kind": "latency", "thresholdMilliseconds": 300_000, "toleratedRate": 0.012_345, "toleratedOddsRatio": 1.234_567 },
            ],
            "source": { "kind": "accessLogs", "namespace": "n".repeat(255), "logGroup": "g".repeat(512) },
        },
        "hooks": {
            "beforeTraffic": hook_arn(&format!("{}:{}", pad("serin-hook-".to_owned(), 64), "a".repeat(128))),
            "afterPromotion": hook_arn(&format!("{}:{}", pad("serin-hook-".to_owned(), 64), "b".repeat(128))),
        },
    })
}

/// A world in which the largest request meets a stage whose own variables are as long, and alarms in a state.
fn world_of(request: &Value, state: AlarmState) -> Simulation {
    let world = Simulation::new();
    for alarm in list(&request["alarms"]) {
        let (_, name) = text(&alarm["name"]).split_once(":alarm:").unwrap();
        world.set_alarm(name, state);
    }
    let overrides = request["canary"]["stageVariableOverrides"].as_object().unwrap();
    let own: Variables = overrides.keys().map(|name| (name.clone(), "w".repeat(512))).collect();
    let mut account = world.aws.account();
    let api = account.api(API).unwrap();
    api.name = "n".repeat(1_024);
    api.stages.get_mut("prod").unwrap().variables = own;
    drop(account);
    world
}

const LONGEST_NAME: &str = "r-0123456789012345678901234567890123456789012345678901234567890123456789012345678";

fn begin(world: &mut Simulation, request: &Value) -> Value {
    let execution = json!({ "Id": execution_arn(LONGEST_NAME), "Name": LONGEST_NAME });
    world
        .invoke("begin", json!({ "request": request, "execution": execution }))
        .unwrap()
}

fn assert_fits(document: &Value, what: &str) {
    let size = document.to_string().len();
    assert!(size < MAX_BYTES, "{what}: {size} bytes");
    serde_json::from_value::<Document>(document.clone()).unwrap();
}

fn end_of_bake(world: &Simulation, seconds: i64) {
    let mut account = world.aws.account();
    account.now += SignedDuration::from_secs(seconds);
}

/// Alarms say as much as CloudWatch lets them: 1,023 characters.
fn say_much(world: &Simulation) {
    world
        .aws
        .account()
        .alarms
        .values_mut()
        .for_each(|alarm| alarm.reason = "r".repeat(1_023));
}

#[test]
fn the_largest_request_is_one_that_parses() {
    let size = largest().to_string().len();
    assert!(
        (MAX_REQUEST_BYTES / 4 * 3..MAX_REQUEST_BYTES).contains(&size),
        "{size} bytes"
    );
}

/// As many bakes as a rollout can have behind it.
fn every_bake() -> Vec<Value> {
    let bake = json!({ "from": "2026-02-28T01:00:00.123456789Z", "to": "2026-02-28T01:04:59.123456789Z" });
    vec![bake; MAX_STEPS]
}

#[test]
fn the_document_of_the_largest_request_stays_small_through_a_whole_rollout() {
    let request = largest();
    for state in [AlarmState::Ok, AlarmState::InsufficientData, AlarmState::Alarm] {
        let mut world = world_of(&request, state);
        say_much(&world);
        let mut document = begin(&mut world, &request);
        assert_fits(&document, "begin");
        document = world.invoke("advance", document).unwrap();
        assert_fits(&document, "advance");
        let busy = Traffic {
            canary: 1_000_000_000,
            baseline: 9_000_000_000,
            canary_bad: 1_234,
            baseline_bad: 11_115,
        };
        world.set_counts(busy);
        document["progress"]["past"] = json!(every_bake());
        end_of_bake(&world, 299);
        document = world.invoke("evaluate", document).unwrap();
        assert_eq!(document["decision"], "awaitApproval");
        assert_fits(&document, "awaiting approval");
        document = world.invoke("promote", document).unwrap();
        assert_fits(&document, "promote");
        end_of_bake(&world, 600);
        document = world.invoke("evaluate", document).unwrap();
        assert_eq!(document["decision"], "finish");
        assert_fits(&document, "evaluate in the final bake");
        document = world.invoke("finish", document).unwrap();
        assert_fits(&document, "finish");
    }
}

#[test]
fn it_stays_small_when_every_alarm_goes_off() {
    let request = largest();
    let mut world = world_of(&request, AlarmState::Ok);
    let document = begin(&mut world, &request);
    let document = world.invoke("advance", document).unwrap();
    world
        .aws
        .account()
        .alarms
        .values_mut()
        .for_each(|alarm| alarm.state = AlarmState::Alarm);
    say_much(&world);
    let document = world.invoke("evaluate", document).unwrap();
    assert_eq!(document["decision"], "rollBack");
    assert_fits(&document, "evaluate");
    let execution = json!({ "Id": execution_arn(LONGEST_NAME), "Name": LONGEST_NAME });
    let document = world
        .invoke("rollback", json!({ "state": document, "execution": execution }))
        .unwrap();
    assert_fits(&document, "rollback");
}

#[test]
fn an_execution_may_outlast_the_longest_rollout() {
    let limit = Machine::deployed().definition()["TimeoutSeconds"].as_i64().unwrap();
    assert!(limit > LONGEST_ROLLOUT.as_secs());
}
