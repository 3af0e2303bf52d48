//! A state of everything: small, comparable, and all that the future depends on.

use crate::bound::Left;

/// The most processes that are alive at once.
pub const MOST: usize = 6;

/// A process: the number of its history, and until when it may send a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    /// Its history; `u32::MAX` where there is no process.
    pub node: u32,
    /// After this second it is dead.
    pub deadline: u16,
    /// An execution waits for it.
    pub awaited: bool,
    /// A person put a canary on the stage, or an override on the canary, since it last looked.
    pub unaware: bool,
    /// It looked when the canary did not have the share of its step, or other overrides than its rollout's.
    pub off_plan: bool,
}

impl Process {
    /// No process.
    pub const NONE: Self = Self {
        node: u32::MAX,
        deadline: 0,
        awaited: false,
        unaware: false,
        off_plan: false,
    };
}

/// Where an execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Run {
    /// It has not been started.
    NotStarted,
    /// It goes on at that second.
    Ready(u32, u16),
    /// It waits for its task.
    Calling(u32),
    /// Somebody stopped it there.
    Stopped(u32),
    /// It does nothing any more, and is said to be running.
    Hung,
    /// It has ended.
    Ended,
}

/// An alarm that went into ALARM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fired {
    /// When.
    pub at: u16,
    /// How often its action may still be delivered.
    pub undelivered: u8,
}

/// What is remembered only in order to check.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watch {
    /// The reset of that rollout's canary was acknowledged.
    pub reset: [bool; 2],
    /// That rollout was recorded as rolled back.
    pub over: [bool; 2],
    /// How many steps of its plan that rollout has begun.
    pub steps: [u8; 2],
    /// The alarm has been on since before the stage was claimed.
    pub on_since_claim: bool,
    /// A complete sweep has run since anything else did.
    pub calm: bool,
    /// How many sweeps have begun since anything else did.
    pub swept: u8,
    /// When the schedule's next sweep of a rollout that has ended begins at the latest.
    pub due: u16,
    /// A complete sweep began when the last writers of that rollout were dead.
    pub looked_after: bool,
    /// Whether the drain has begun anew, and no sweep has looked since its last writers are dead.
    pub drains_anew: bool,
    /// The drain was waited out.
    pub drained: bool,
    /// A person has put a deployment on the stage.
    pub foreign: bool,
    /// An execution was redriven while its task still ran.
    pub hasty: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The account.
    pub world: u32,
    /// The second.
    pub now: u16,
    /// The processes, in order, so that it does not matter who came first.
    pub processes: [Process; MOST],
    /// The executions.
    pub runs: [Run; 2],
    /// The alarms.
    pub fired: [Fired; 2],
    /// How often the event of an execution's end may still be delivered.
    pub events: [u8; 2],
    /// EventBridge Scheduler refuses every call.
    pub scheduler_away: bool,
    /// What may still happen.
    pub left: Left,
    /// What is remembered in order to check.
    pub watch: Watch,
}

impl State {
    /// How many processes are alive.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.processes
            .iter()
            .take_while(|process| process.node != u32::MAX)
            .count()
    }

    /// Adds a process. Anything but a sweep ends the calm.
    pub fn add(&mut self, process: Process) {
        let place = self.alive();
        self.processes[place] = process;
        self.processes.sort_unstable();
    }

    /// Takes a process away.
    pub fn remove(&mut self, place: usize) -> Process {
        let process = self.processes[place];
        self.processes[place] = Process::NONE;
        self.processes.sort_unstable();
        process
    }

    /// The calm is over.
    pub fn stir(&mut self) {
        self.watch.calm = false;
        self.watch.swept = 0;
    }

    /// Nothing goes on, and nothing will by itself.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let over = |run: &Run| !matches!(run, Run::Ready(..) | Run::Calling(_));
        self.alive() == 0 && self.runs.iter().all(over)
    }
}
