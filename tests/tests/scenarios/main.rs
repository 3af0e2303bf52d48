//! Rollouts as stories: the deployed state machine over the real steps, an account in memory and a simulated clock.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a story fails by panicking")]

mod evidence;
mod faults;
mod harmful;
mod healthy;
mod people;
mod races;
mod refusals;
mod switch;
