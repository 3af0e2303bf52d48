//! The decisions of a rollout: pure and total, without I/O, clock, randomness or AWS.
//!
//! `serin-steps` gathers what these functions need and does what they say.

pub mod alarm;
pub mod analysis;
pub mod claim;
pub mod decide;
pub mod decimal;
pub mod decision;
pub mod document;
pub mod evidence;
pub mod fields;
pub mod ids;
pub mod instruct;
pub mod percent;
pub mod plan;
pub mod request;
pub mod stage;
pub mod switch;
pub mod timeline;
pub mod timing;
pub mod trigger;
