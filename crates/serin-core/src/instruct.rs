//! What a person tells a rollout through the function `instruct`.

use serde_json::Value;

use crate::{
    claim::InstructionKind,
    fields::{Faults, Field, Reader},
    trigger::{Whose, whose},
};

/// A person's word, before it is written into the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Which rollout.
    pub whose: Whose,
    /// What to do.
    pub kind: InstructionKind,
    /// Who says it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Reads `{"restApiId", "stageName" | "rolloutId", "instruction": "approve" | "reject", "by", "reason"}`.
///
/// # Errors
/// Every fault, with its path.
pub fn parse(input: &Value) -> Result<Said, Faults> {
    let mut reader = Reader::default();
    let fields = ["restApiId", "stageName", "rolloutId", "instruction", "by", "reason"];
    let said = reader.object(&Field::root("", input), &fields).and_then(|object| {
        let whose = whose(&mut reader, &object);
        let words = [
            ("approve", InstructionKind::Approve),
            ("reject", InstructionKind::Reject),
        ];
        let kind = reader
            .required(&object, "instruction", "\"approve\" or \"reject\"")
            .and_then(|field| reader.word(&field, &words));
        let by = reader.sentence(&object, "by");
        let reason = reader.sentence(&object, "reason");
        Some(Said {
            whose: whose?,
            kind: kind?,
            by: by?,
            reason: reason?,
        })
    });
    reader.finish(said)
}
