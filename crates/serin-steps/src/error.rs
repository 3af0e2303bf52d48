//! Why a step could not be done. The names are the ones that the state machine retries and catches.
//!
//! A harmful verdict is not among them: it is a decision.

use serin_core::fields::Faults;

use crate::ports::CallError;

/// Why a step could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StepError {
    /// The input cannot be understood, or asks for what cannot be; nothing was touched.
    #[error("{0}")]
    InvalidInput(Faults),
    /// The stage belongs to another rollout, or to somebody else's canary.
    #[error("{0}")]
    StageBusy(String),
    /// The stage's last rollout has ended, but is still looked after.
    #[error("{0}")]
    StageDraining(String),
    /// Somebody else changed the stage.
    #[error("{0}")]
    Drift(String),
    /// The claim is not in the hands of this step any more.
    #[error("{0}")]
    ClaimLost(String),
    /// Too many calls; nothing was done.
    #[error("{0}")]
    Throttled(String),
    /// Worth another try.
    #[error("{0}")]
    Transient(String),
    /// Refused, by AWS or for what was found, and would be again.
    #[error("{0}")]
    Rejected(String),
    /// A document that cannot be read, or a fault of Serin's own.
    #[error("{0}")]
    Internal(String),
}

impl StepError {
    /// Every name; a test holds them equal to the state machine's.
    pub const NAMES: [&'static str; 9] = [
        "InvalidInput",
        "StageBusy",
        "StageDraining",
        "Drift",
        "ClaimLost",
        "Throttled",
        "Transient",
        "Rejected",
        "Internal",
    ];

    /// The name that the state machine knows the error by.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidInput(_) => "InvalidInput",
            Self::StageBusy(_) => "StageBusy",
            Self::StageDraining(_) => "StageDraining",
            Self::Drift(_) => "Drift",
            Self::ClaimLost(_) => "ClaimLost",
            Self::Throttled(_) => "Throttled",
            Self::Transient(_) => "Transient",
            Self::Rejected(_) => "Rejected",
            Self::Internal(_) => "Internal",
        }
    }

    /// The message as it may stand in a log: without what the input held.
    #[must_use]
    pub fn for_the_log(&self) -> String {
        match self {
            Self::InvalidInput(faults) => faults.without_values(),
            Self::StageBusy(text)
            | Self::StageDraining(text)
            | Self::Drift(text)
            | Self::ClaimLost(text)
            | Self::Throttled(text)
            | Self::Transient(text)
            | Self::Rejected(text)
            | Self::Internal(text) => text.clone(),
        }
    }
}

impl From<CallError> for StepError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound(text) | CallError::Rejected(text) => Self::Rejected(text),
            CallError::Throttled(text) => Self::Throttled(text),
            CallError::Unavailable(text) => Self::Transient(text),
        }
    }
}

impl From<Faults> for StepError {
    fn from(faults: Faults) -> Self {
        Self::InvalidInput(faults)
    }
}

/// What a step comes to.
pub type Stepped<T> = Result<T, StepError>;
