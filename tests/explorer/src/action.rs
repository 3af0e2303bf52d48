//! What can happen next.

/// What happens to a process's next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made and answered.
    Goes,
    /// The process dies before it.
    DiesBefore,
    /// It is made, and the process, which would have ended with the answer, dies.
    DiesAfter,
    /// It is made, and the answer is lost.
    AnswerLost,
    /// There were too many calls.
    Throttled,
    /// It met another change, or did not arrive.
    Conflict,
    /// The state machine is told that nothing is known of the task, which goes on.
    Unknown,
}

/// What happens next. Where an execution is told of a failure, `gives_up` says that its retries were used up by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The process in that place makes its next call.
    Call {
        /// Where it is among the processes.
        place: u8,
        /// What comes of it.
        fate: Fate,
        /// Whether the execution that waits for it gives up.
        gives_up: bool,
    },
    /// Time passes until an execution goes on.
    Tick,
    /// A rollout starts.
    Start(u8),
    /// An execution is stopped.
    Stop(u8),
    /// An execution is redriven; after the drain, if that is said.
    Redrive(u8, bool),
    /// An execution falls silent.
    Hang(u8),
    /// Nothing happens until the heartbeat is overdue.
    Oversleep,
    /// Nothing happens until the dead man's switch fires.
    Away,
    /// The switch of a rollout fires, or is about to: to take it away is too late.
    SwitchFires(u8),
    /// What it has begun arrives.
    SwitchArrives(u8),
    /// EventBridge Scheduler goes away.
    SchedulerGoes,
    /// It is back.
    SchedulerReturns,
    /// A sweep begins, one of those that may begin at any moment.
    Sweep,
    /// The next minute's sweep, when everything is quiet.
    NextSweep,
    /// The drain is waited out.
    WaitOutDrain,
    /// The alarm goes into ALARM.
    Fire,
    /// It goes off.
    Clear,
    /// Its action is delivered.
    Deliver(u8),
    /// The event of an execution's end is delivered.
    DeliverEvent(u8),
    /// A person asks for a rollback.
    Wish,
    /// A person puts a canary on the stage.
    ForeignCanary,
    /// A person sets the canary's share.
    ForeignShare,
    /// A person changes the canary's override.
    ForeignOverride,
    /// A person changes a variable.
    ForeignVariable,
}
