//! Simulates releases, and compares what Serin decides with what others do. `docs/decisions.md` says how, and is written by
//! this.

pub mod binomial;
pub mod late;
pub mod plot;
pub mod report;
pub mod rules;
pub mod setting;
pub mod simulation;
pub mod summary;
pub mod target;
