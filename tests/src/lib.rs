//! What the checks of this package share.

pub mod cfn;
pub mod permissions;
