//! A model checker for the shipped steps. It does not check a drawing of them: it runs them, over the fakes' own
//! account, and every call that they make through a port is a point where anything else may happen first.
//!
//! A process is its input and the answers that it has had (`replay`), so states can be copied, compared and stored, and
//! all interleavings within a bound (`bounds`) are tried exactly once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "it serves tests only, which fail by panicking"
)]

pub mod action;
pub mod bound;
pub mod bounds;
pub mod call;
pub mod check;
mod choices;
pub mod effects;
pub mod histories;
pub mod moves;
pub mod mutation;
mod processes;
pub mod quick;
pub mod replay;
pub mod report;
pub mod scene;
pub mod search;
pub mod sometimes;
pub mod state;
