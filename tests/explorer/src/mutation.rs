//! The lines of the protocol, each taken out: how the explorer shows that it would notice.
//!
//! All of it is done to the calls of a step, to their answers, or to the state machine. The steps are the shipped ones.

/// A line of the tables in section 5 of `docs/protocol.md`, taken out.
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
    /// A canary of the rollout's deployment is the rollout's, whatever it overrides.
    OursWhateverItOverrides,
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
    /// `evaluate` does not compare the share.
    DriftIgnoresShare,
    /// `evaluate` does not compare the overrides.
    DriftIgnoresOverrides,
    /// `evaluate` does not compare the share any more once it was set again.
    DriftSeenOnce,
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
    /// A claim is free although its switch is armed.
    ArmedNotWaitedFor,
    /// The sweep does not take the switch of a rollout that has ended away.
    NoLastDisarm,
    /// A switch that was taken away too late is taken for silent.
    LateCutForgotten,
    /// A switch that may have fired is pushed.
    FiredIsSetAgain,
    /// The sweep takes a switch away after a drain in which nobody looked, and the drain does not begin anew.
    DrainEndsUnseen,
    /// Every trigger goes on with a rollback that goes on already.
    NotLeftToItsCall,
    /// `advance` does not write at its end.
    NoWriteAfterAdvance,
    /// `promote` undoes nothing.
    NoUndo,
    /// `promote` always uses the documented recipe.
    RecipeAlways,
    /// A push makes a switch where there is none.
    PushMakes,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 31] = [
        Self::ClaimChangesLast,
        Self::PercentZeroFirst,
        Self::AnswerNotJudged,
        Self::NarrowOurs,
        Self::OursWhateverItOverrides,
        Self::BeginBesideItself,
        Self::SweepDoesNotRestore,
        Self::NoDrain,
        Self::LookBeforeClaim,
        Self::ClaimsAgain,
        Self::AlarmOfAnyTime,
        Self::AlarmsBeforeClaim,
        Self::DriftIgnoresShare,
        Self::DriftIgnoresOverrides,
        Self::DriftSeenOnce,
        Self::SweepIgnoresEnded,
        Self::RestoreAllVariables,
        Self::NoLookBeforeCopy,
        Self::UndoAlways,
        Self::NoSwitch,
        Self::SwitchNotRecorded,
        Self::ArmedNotWaitedFor,
        Self::NoLastDisarm,
        Self::LateCutForgotten,
        Self::FiredIsSetAgain,
        Self::DrainEndsUnseen,
        Self::NotLeftToItsCall,
        Self::NoWriteAfterAdvance,
        Self::NoUndo,
        Self::RecipeAlways,
        Self::PushMakes,
    ];

    /// Those of which the protocol says that they are not needed for safety.
    pub const NOT_NEEDED: [Self; 5] = [
        Self::NotLeftToItsCall,
        Self::NoWriteAfterAdvance,
        Self::NoUndo,
        Self::RecipeAlways,
        Self::PushMakes,
    ];

    /// The line that it takes out, as the document has it.
    #[must_use]
    pub const fn line(self) -> &'static str {
        match self {
            Self::ClaimChangesLast => "the claim changes first",
            Self::PercentZeroFirst => "remove first, and not percent 0",
            Self::AnswerNotJudged => "the answer is judged, never the phase",
            Self::NarrowOurs => "a wide notion of ours, and ghosts",
            Self::OursWhateverItOverrides => "ours only with our overrides",
            Self::BeginBesideItself => "Begin is not retried beside itself",
            Self::SweepDoesNotRestore => "the sweep restores while draining",
            Self::NoDrain => "the drain before the claim is free",
            Self::LookBeforeClaim => "the claim before the first look",
            Self::ClaimsAgain => "the rollout's item stays for ever",
            Self::AlarmOfAnyTime => "an alarm's time against `beganAt`",
            Self::AlarmsBeforeClaim => "the alarms are read after the claim",
            Self::DriftIgnoresShare | Self::DriftIgnoresOverrides => "drift compares share and overrides",
            Self::DriftSeenOnce => "and does so at every look",
            Self::SweepIgnoresEnded => "the sweep looks at ended claims",
            Self::RestoreAllVariables => "only our variable names are restored",
            Self::NoLookBeforeCopy => "Get just before the copy",
            Self::UndoAlways => "undo only if foreign, s0 not promoted",
            Self::NoSwitch => "the switch is armed before the attach",
            Self::SwitchNotRecorded => "its time is recorded before that",
            Self::ArmedNotWaitedFor => "an armed switch keeps the claim",
            Self::NoLastDisarm => "the sweep disarms, T after the end",
            Self::LateCutForgotten => "a switch cut late is waited for",
            Self::FiredIsSetAgain => "none that may have fired is set again",
            Self::DrainEndsUnseen => "an unseen drain begins anew",
            Self::NotLeftToItsCall => "a rollback is left to its call",
            Self::NoWriteAfterAdvance => "the write at the end of `advance`",
            Self::NoUndo => "the undo in `promote`",
            Self::RecipeAlways => "copies alone, and not the recipe",
            Self::PushMakes => "a push makes no switch",
        }
    }
}
