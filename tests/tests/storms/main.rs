//! Storms: one alarm for many stages, many alarms for none. Calls take time here, API Gateway lets 10 of them through a second
//! after a burst of 40, and the SDK tries again what is throttled.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a story fails by panicking")]

mod fleet;
mod slow;

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serin_core::alarm::AlarmState;
use serin_steps::ports::Clock as _;
use serin_tests::simulation::alarm_action;
use tokio::{
    sync::Semaphore,
    task::{LocalSet, spawn_local},
    time::sleep,
};

use crate::fleet::{Fleet, SHARED};

const STAGES: usize = 200;

/// Tells a story on a clock that jumps.
fn story(tell: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, tell);
}

/// 200 rollouts in their bakes, of which each looks once a minute.
async fn two_hundred_rollouts() -> Fleet {
    let fleet = Fleet::new();
    fleet.sweep();
    for number in 0..STAGES {
        fleet.start(&format!("api{number:03}"));
        sleep(Duration::from_secs(1)).await;
    }
    sleep(Duration::from_secs(100)).await;
    assert_eq!(
        (fleet.canaries(), fleet.phases()),
        (STAGES, BTreeSet::from(["shifting"]))
    );
    fleet
}

/// The shared alarm goes off, and is told three times, as it is where its action, EventBridge and a topic all tell of it.
async fn go_off(fleet: &Fleet) -> Timestamp {
    fleet.set_alarm(SHARED, AlarmState::Alarm);
    let at = fleet.slow.now();
    for by in ["action", "event", "topic"] {
        let (fleet, event) = (fleet.clone(), alarm_action(SHARED, "ALARM", at));
        spawn_local(async move { fleet.deliver(by, event).await });
        sleep(Duration::from_millis(50)).await;
    }
    at
}

#[test]
fn one_alarm_resets_two_hundred_canaries_with_one_call_each_as_fast_as_the_limit_allows() {
    story(async {
        let fleet = two_hundred_rollouts().await;
        let at = go_off(&fleet).await;
        sleep(Duration::from_mins(5)).await;

        assert_eq!((fleet.canaries(), fleet.phases()), (0, BTreeSet::from(["rolledBack"])));
        // A rollout that looks just before the alarm's action arrives sees the alarm itself.
        let ends = fleet.ends();
        let known = |end: &String| end.starts_with(&format!("RolledBack: alarm {SHARED} "));
        assert!(!ends.is_empty() && ends.iter().all(known), "{ends:?}");

        let calls = fleet.gateway_calls(at);
        let resets: Vec<_> = calls
            .iter()
            .filter(|call| call.operation == "UpdateStage" && !call.throttled)
            .collect();
        let stages: BTreeSet<_> = resets.iter().map(|call| &call.api).collect();
        assert_eq!((resets.len(), stages.len()), (STAGES, STAGES), "one call each");

        let (first, last) = (
            resets.iter().find(|call| call.by == "action").unwrap(),
            resets.last().unwrap(),
        );
        // What a rollout had looked at its claim for before the alarm changed it is on its way by then.
        let between = calls
            .iter()
            .filter(|call| call.at > first.answered && call.at < last.at);
        let others: Vec<_> = between.filter(|call| call.operation != "UpdateStage").collect();
        assert!(others.is_empty(), "the resets come first: {others:?}");

        // 40 at once and then 10 a second.
        let allowed = SignedDuration::from_secs((200 - 40) / 10);
        let took = last.answered.duration_since(at);
        assert!(took <= allowed + allowed / 5, "{took:#}");
    });
}

#[test]
fn a_second_trigger_of_a_stage_that_is_being_rolled_back_makes_no_call_to_api_gateway() {
    story(async {
        let fleet = two_hundred_rollouts().await;
        go_off(&fleet).await;
        sleep(Duration::from_mins(5)).await;
        for by in ["event", "topic", "end of an execution"] {
            let calls = fleet.calls_by(by);
            assert!(!calls.is_empty(), "{by} was delivered");
            let to_gateway: Vec<_> = calls.iter().filter(|call| !call.api.is_empty()).collect();
            assert!(to_gateway.is_empty(), "{by}: {to_gateway:?}");
        }
    });
}

/// How long the reset of one canary takes when its alarm is the last of so many that EventBridge tells `rollback` of, and the
/// others are nobody's. `directly`: the alarm's own action invokes it too, in a function of its own.
async fn reset_behind(strangers: usize, directly: bool) -> SignedDuration {
    let fleet = Fleet::new();
    fleet.start("api");
    sleep(Duration::from_secs(90)).await;
    fleet.set_alarm(SHARED, AlarmState::Alarm);
    let at = fleet.slow.now();
    // Far fewer at a time than an account of the usual 1,000 would run.
    let room = Rc::new(Semaphore::new(50));
    let alarms = (0..strangers).map(|number| ("stranger", format!("somebody-else-{number}")));
    for (by, name) in alarms.chain([("event", SHARED.to_owned())]) {
        let (fleet, event, room) = (fleet.clone(), alarm_action(&name, "ALARM", at), room.clone());
        spawn_local(async move {
            let _room = room.acquire().await.unwrap();
            fleet.invoke(by, "rollback", event).await.unwrap();
        });
    }
    if directly {
        let fleet = fleet.clone();
        spawn_local(async move {
            fleet
                .invoke("action", "rollback", alarm_action(SHARED, "ALARM", at))
                .await
        });
    }
    sleep(Duration::from_secs(30)).await;
    let reads = fleet.calls_by("stranger");
    assert!(reads.iter().all(|call| call.operation == "Query"), "{reads:?}");
    assert_eq!(reads.len(), strangers, "one read each");
    let reset = fleet
        .gateway_calls(at)
        .into_iter()
        .find(|call| call.operation == "UpdateStage")
        .unwrap();
    reset.answered.duration_since(at)
}

#[test]
fn two_thousand_alarms_of_nobody_cost_one_read_each_and_delay_a_reset_by_less_than_a_second() {
    story(async {
        for directly in [true, false] {
            let (alone, behind) = (reset_behind(0, directly).await, reset_behind(2000, directly).await);
            assert!(
                behind - alone < SignedDuration::from_secs(1),
                "{alone:#} became {behind:#}"
            );
        }
    });
}
