//! Rollouts as stories: the deployed state machine over the real steps, an account in memory and a simulated clock.

mod faults;
mod harmful;
mod healthy;
mod people;
mod races;
mod refusals;
