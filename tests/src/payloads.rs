//! The payloads of `events/`, and the account that they are for: FashionFlow at 03:22, rollout r-2026-03-01 of deployment x9y8
//! at 25 % of a1b2c3/prod.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "it serves tests only, which fail by panicking"
)]

use std::{collections::BTreeMap, fs, sync::LazyLock};

use serde_json::Value;
use serin_core::{alarm::AlarmState, document::Document, ids::ExecutionArn, percent::Percent};

use crate::{
    cfn::repository,
    simulation::{API, Simulation, execution_arn, prod},
};

/// Every function.
pub const FUNCTIONS: [&str; 8] = [
    "begin", "advance", "evaluate", "promote", "finish", "rollback", "sweep", "instruct",
];

/// The payloads of a function by the names of their files, as `events/` has them.
#[must_use]
pub fn events(function: &str) -> Vec<(String, Value)> {
    // Property tests ask for them thousands of times.
    static READ: LazyLock<BTreeMap<&str, Vec<(String, Value)>>> =
        LazyLock::new(|| FUNCTIONS.iter().map(|function| (*function, read(function))).collect());
    READ[function].clone()
}

fn read(function: &str) -> Vec<(String, Value)> {
    let files = fs::read_dir(repository("events").join(function)).unwrap();
    let mut events: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            assert_eq!(path.extension().unwrap(), "json", "{}", path.display());
            let payload = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (
                name,
                payload.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            )
        })
        .collect();
    events.sort_by(|one, other| one.0.cmp(&other.0));
    events
}

fn clock(world: &Simulation, time: &str) {
    world.aws.account().now = format!("2026-03-01T{time}Z").parse().unwrap();
}

/// Before any rollout: one alarm is on because of an incident, and a pipeline has made deployment x9y8.
fn fashion_flow() -> Simulation {
    let world = Simulation::new();
    for name in [
        "recommendations-error-rate",
        "recommendations-latency-band",
        "recommendations-5xx-by-resource",
        "shop-health",
    ] {
        world.set_alarm(name, AlarmState::Ok);
    }
    world.set_alarm("checkout-errors", AlarmState::Alarm);
    let id = "x9y8".into();
    world
        .aws
        .account()
        .api(API)
        .unwrap()
        .deployments
        .insert(id, "by the pipeline".to_owned());
    world
}

/// The rollout of events/begin/full.json has begun; the canary has no traffic yet.
fn begun() -> (Simulation, Value) {
    let mut world = fashion_flow();
    let (_, request) = events("begin").into_iter().find(|(name, _)| name == "full").unwrap();
    let document = world.invoke("begin", request).unwrap();
    (world, document)
}

/// The stage and the claim are where a document says, at 03:22.
#[must_use]
pub fn as_in(document: &Document) -> Simulation {
    let (mut world, begun) = begun();
    if document.progress.promoted {
        world.invoke("promote", begun).unwrap();
    } else {
        shift(&world, document.progress.percent);
    }
    clock(&world, "03:22:00");
    world
}

fn shift(world: &Simulation, percent: Percent) {
    let mut account = world.aws.account();
    let stage = account.api(API).unwrap().stages.get_mut("prod").unwrap();
    stage.canary.as_mut().unwrap().percent = percent;
    let claim = account.claims.get_mut(&prod()).unwrap();
    claim.percent = percent;
    claim.next_beat_by = "2026-03-01T03:44:00Z".parse().unwrap();
}

/// The rollout of `events/begin/full.json` with its canary at 25 %, at 03:22.
#[must_use]
pub fn at_25_percent() -> Simulation {
    let (world, _) = begun();
    shift(&world, Percent::parse("25").unwrap());
    clock(&world, "03:22:00");
    world
}

/// The account that a payload of a function is for.
#[must_use]
pub fn prepared(function: &str, payload: &Value) -> Simulation {
    if let Ok(document) = serde_json::from_value::<Document>(payload.clone()) {
        return as_in(&document);
    }
    let world = if function == "begin" {
        fashion_flow()
    } else {
        at_25_percent()
    };
    match function {
        "instruct" => world.aws.account().claims.get_mut(&prod()).unwrap().awaiting = Some(1),
        "sweep" => {
            let stopped = ExecutionArn(execution_arn("r-2026-03-01"));
            world
                .aws
                .account()
                .ended_executions
                .insert(stopped, "ABORTED".to_owned());
        }
        _ => {}
    }
    world
}
