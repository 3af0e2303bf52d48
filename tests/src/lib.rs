//! What the checks of this package share.

pub mod cfn;
pub mod functions;
pub mod machine;
pub mod permissions;
pub mod simulation;
