//! What can be decided, and the reasons that are given for it.

use serde::{Deserialize, Serialize};

use crate::{evidence::judge::Evidence, fields::shortened};

/// What happens next. The names are the ones that the state machine routes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Go on watching: the bake is not over.
    Bake,
    /// The bake is over, but the evidence does not allow to go on yet.
    Hold,
    /// The bake is over and a person must agree.
    AwaitApproval,
    /// Set the next percentage.
    Advance,
    /// Make the canary the stage's own.
    Promote,
    /// End the rollout well.
    Finish,
    /// Go back to the baseline.
    RollBack,
}

impl Decision {
    /// All decisions; a test holds the state machine's choices equal to them.
    pub const ALL: [Self; 7] = [
        Self::Bake,
        Self::Hold,
        Self::AwaitApproval,
        Self::Advance,
        Self::Promote,
        Self::Finish,
        Self::RollBack,
    ];

    /// The decision's name in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bake => "bake",
            Self::Hold => "hold",
            Self::AwaitApproval => "awaitApproval",
            Self::Advance => "advance",
            Self::Promote => "promote",
            Self::Finish => "finish",
            Self::RollBack => "rollBack",
        }
    }
}

/// What a piece of evidence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Nothing speaks against going on.
    Healthy,
    /// It cannot be told.
    Inconclusive,
    /// It hurts.
    Harmful,
}

/// One reason for a decision, or against another: as data, and as a sentence that a person understands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at: `alarm checkout-errors`, `traffic`, `bake`, ...
    pub subject: String,
    /// What it says.
    pub verdict: Verdict,
    /// The same for people.
    pub text: String,
    /// The numbers, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
}

/// The most bytes of a finding's text and of its subject: what CloudWatch and people write has to fit into the document.
pub(crate) const MAX_TEXT: usize = 400;
const MAX_SUBJECT: usize = 160;

impl Finding {
    /// A finding whose text and subject are shortened to what fits into the document.
    pub fn new(subject: impl AsRef<str>, verdict: Verdict, text: impl AsRef<str>) -> Self {
        Self {
            subject: shortened(subject.as_ref(), MAX_SUBJECT),
            verdict,
            text: shortened(text.as_ref(), MAX_TEXT),
            evidence: None,
        }
    }
}
