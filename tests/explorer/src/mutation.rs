//! The lines of the protocol, each taken out: how the explorer shows that it would notice.
//!
//! All of it is done to the calls of a step, to their answers, or to the state machine. The steps are the shipped ones.

/// A line of the table in section 5 of `docs/protocol.md`, taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// `rollback` changes the claim at its end only.
    ClaimChangesLast,
    /// `rollback` begins with percent 0, and removes the canary next.
    PercentZeroFirst,
    /// `rollback` takes its first call for enough, and the stage for restored.
    AnswerNotJudged,
    /// Neither ghosts nor half-made canaries are seen.
    NarrowOurs,
    /// `Begin` is tried again while an older attempt may be alive.
    BeginBesideItself,
    /// The sweep leaves a stage alone whose rollout was rolled back.
    SweepDoesNotRestore,
    /// A claim is free as soon as its rollout has ended.
    NoDrain,
    /// `begin` looks at the stage before it claims it.
    LookBeforeClaim,
    /// A rollout may claim again.
    ClaimsAgain,
    /// An alarm counts whenever its state changed.
    AlarmOfAnyTime,
    /// `begin` reads the alarms before it claims only.
    AlarmsBeforeClaim,
    /// `evaluate` does not compare the share and the overrides.
    DriftIgnoresShare,
    /// The sweep does not look at claims that have ended.
    SweepIgnoresEnded,
    /// A restore sets all variables.
    RestoreAllVariables,
    /// `promote` copies without a look.
    NoLookBeforeCopy,
    /// `promote` undoes a copy that went wrong even though the stage was promoted before.
    UndoAlways,
    /// `begin` arms no switch.
    NoSwitch,
    /// `begin` arms the switch without having recorded it.
    SwitchNotRecorded,
    /// A switch that was taken away too late is taken for silent.
    LateCutForgotten,
    /// The sweep does not take the switch of a rollout that has ended away.
    NoLastDisarm,
    /// `advance` does not write at its end. Not needed for safety.
    NoWriteAfterAdvance,
    /// `promote` undoes nothing. Not needed for safety.
    NoUndo,
    /// `promote` always uses the documented recipe. Neither it nor the copies alone are needed for safety.
    RecipeAlways,
    /// A push makes a switch where there is none. Not needed for safety while the sweep takes it away again.
    PushMakes,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::ClaimChangesLast,
        Self::PercentZeroFirst,
        Self::AnswerNotJudged,
        Self::NarrowOurs,
        Self::BeginBesideItself,
        Self::SweepDoesNotRestore,
        Self::NoDrain,
        Self::LookBeforeClaim,
        Self::ClaimsAgain,
        Self::AlarmOfAnyTime,
        Self::AlarmsBeforeClaim,
        Self::DriftIgnoresShare,
        Self::SweepIgnoresEnded,
        Self::RestoreAllVariables,
        Self::NoLookBeforeCopy,
        Self::UndoAlways,
        Self::NoSwitch,
        Self::SwitchNotRecorded,
        Self::LateCutForgotten,
        Self::NoLastDisarm,
        Self::NoWriteAfterAdvance,
        Self::NoUndo,
        Self::RecipeAlways,
        Self::PushMakes,
    ];
}
