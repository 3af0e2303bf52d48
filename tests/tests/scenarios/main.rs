//! Rollouts as stories: the deployed state machine over the real steps, an account in memory and a simulated clock.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a story fails by panicking")]

mod evidence;
mod faults;
mod harmful;
mod healthy;
mod people;
mod races;
mod refusals;
mod scheduler;
mod switch;

use serin_core::claim::Phase;
use serin_tests::{machine::End, simulation::Simulation};

/// The rollout has ended well.
#[track_caller]
fn assert_succeeded(world: &Simulation, rollout: &str) {
    let end = world.ended(rollout);
    assert!(matches!(end, End::Succeeded(_)), "{end:?}");
}

/// The stage is as it was, unlocked, and its claim says so.
#[track_caller]
fn assert_at_baseline(world: &Simulation) {
    let stage = world.stage();
    assert_eq!(stage.deployment_id.as_str(), "baseline");
    assert_eq!(stage.variables["alias"], "recommendation-v1");
    assert_eq!(stage.canary, None);
    assert!(world.can_be_deployed_to());
    assert_eq!(world.phase(), Some(Phase::RolledBack));
}

/// How long after the beginning of the story the stage changed for the last time, in seconds.
fn seconds_to_last_change(world: &Simulation) -> i64 {
    let last = world.moments.last().unwrap().at;
    last.duration_since(world.moments[0].at).as_secs()
}
