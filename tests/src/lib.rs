//! What the checks of this package share.

pub mod cfn;
pub mod functions;
pub mod log;
pub mod machine;
pub mod payloads;
pub mod permissions;
pub mod simulation;
