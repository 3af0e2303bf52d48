//! The steps of a rollout: one async function per step, over ports that know nothing of the AWS SDK.
//!
//! The order of calls is `docs/protocol.md`, to the letter: it is what never loses a rollback.

pub mod advance;
pub mod begin;
mod document;
pub mod error;
pub mod evaluate;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod finish;
pub mod instruct;
pub mod invocation;
pub mod ports;
pub mod promote;
pub mod rollback;
mod safe;
pub mod sweep;
mod switch;
mod timeline;

pub use error::StepError;
