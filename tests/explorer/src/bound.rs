//! What bounds a search: how much of each kind may go wrong in one behaviour. Within it, everything is tried.

use std::fmt;

use crate::sometimes::Sometimes;

/// How often each kind of thing may still happen in a behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Left {
    /// A process dies, before or after any call.
    pub crashes: u8,
    /// The answer to a call is lost, after it happened.
    pub losses: u8,
    /// A call is throttled or meets a conflict: it did nothing.
    pub refusals: u8,
    /// The state machine is told that nothing is known of a task, which goes on running.
    pub unknowns: u8,
    /// Somebody stops an execution.
    pub stops: u8,
    /// A stopped execution is redriven, at once or after the drain.
    pub redrives: u8,
    /// An execution falls silent for ever, but is said to be running.
    pub hangs: u8,
    /// Nothing happens until the claim's heartbeat is overdue; then everything at once.
    pub oversleeps: u8,
    /// Serin as a whole is away until the dead man's switch fires; then everything at once.
    pub aways: u8,
    /// The alarm goes into ALARM; each time its action is delivered `Bound::deliveries` times, at any time, or never.
    ///
    /// The action stands for EventBridge's event and SNS's message as well: all three invoke `rollback`, which reads
    /// the same ARN, state and time out of each (`tests/tests/events.rs` and `hostile` hold that) and keeps nothing
    /// else of them but CloudWatch's reason, in words. So to a search they are one more delivery of the same input, at
    /// any time.
    pub alarms: u8,
    /// EventBridge Scheduler goes away, and is back at any moment after that; until then it refuses every call.
    pub outages: u8,
    /// A person asks for a rollback.
    pub wishes: u8,
    /// A sweep begins at any moment, besides those that always come in the end.
    pub sweeps: u8,
    /// A person puts a canary of their own on the stage.
    pub canaries: u8,
    /// A person sets the canary's share to 1 %.
    pub shares: u8,
    /// A person changes the canary's override of a stage variable.
    pub overrides: u8,
    /// A person changes a stage variable that is not the rollout's.
    pub variables: u8,
}

/// When the second rollout starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Second {
    /// Never.
    #[default]
    Never,
    /// At any moment.
    Anytime,
    /// At any moment after the first one's claim has ended.
    AfterTheFirst,
}

/// What a rollout releases, besides a stage variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// A deployment that the request names.
    #[default]
    Named,
    /// A deployment that `begin` makes.
    Made,
    /// Nothing: the variable is all.
    Variable,
}

/// A search.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Its name.
    pub name: &'static str,
    /// What it is there for.
    pub about: &'static str,
    /// How much may happen.
    pub left: Left,
    /// What it must reach, or it is not about that.
    pub reaches: &'static [Sometimes],
    /// How many processes may be alive for somebody outside to begin one more.
    pub alive: usize,
    /// How often an alarm's action, and the event of an execution's end, are delivered at most.
    pub deliveries: u8,
    /// Whether the alarm stays on until it goes off by itself at any moment, or is on for a moment only.
    pub alarm_stays: bool,
    /// Whether a stopped execution may be redriven while its task still runs. The protocol does not promise the second
    /// half of invariant 1 from then on, so it is not held there.
    pub hasty: bool,
    /// When the second rollout starts.
    pub second: Second,
    /// The shares of the plan.
    pub steps: &'static [u32],
    /// Whether API Gateway refuses copies without the rest of the documented recipe.
    pub refuses_bare_copies: bool,
    /// What is released.
    pub release: Release,
}

impl Bound {
    /// One rollout of one step, to which so much may happen, and where all of that must be reached.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str, left: Left, reaches: &'static [Sometimes]) -> Self {
        Self {
            name,
            about,
            left,
            reaches,
            alive: 3,
            deliveries: 1,
            alarm_stays: false,
            hasty: false,
            second: Second::Never,
            steps: &[10],
            refuses_bare_copies: false,
            release: Release::Named,
        }
    }

    /// With every event delivered twice.
    #[must_use]
    pub const fn twice(self) -> Self {
        Self { deliveries: 2, ..self }
    }

    /// With a second rollout.
    #[must_use]
    pub const fn then(self, second: Second) -> Self {
        Self { second, ..self }
    }
}

macro_rules! counts {
    ($($name:ident),*) => {
        impl Left {
            /// Nothing at all.
            pub const NOTHING: Self = Self { $($name: 0),* };

            $(
                /// With so many of these.
                #[must_use]
                pub const fn $name(self, count: u8) -> Self {
                    Self { $name: count, ..self }
                }
            )*
        }
    };
}

counts!(
    crashes, losses, refusals, unknowns, stops, redrives, hangs, oversleeps, aways, outages, alarms, wishes, sweeps,
    canaries, shares, overrides, variables
);

impl Left {
    /// How often each kind may happen, and what it is called.
    #[must_use]
    pub const fn kinds(&self) -> [(u8, &'static str); 17] {
        [
            (self.crashes, "crash"),
            (self.losses, "lost answer"),
            (self.refusals, "refused call"),
            (self.unknowns, "unknown outcome"),
            (self.stops, "stop"),
            (self.redrives, "redrive"),
            (self.hangs, "hang"),
            (self.oversleeps, "long silence"),
            (self.aways, "absence of all of Serin"),
            (self.outages, "outage of the scheduler"),
            (self.alarms, "alarm"),
            (self.wishes, "wish"),
            (self.sweeps, "sweep"),
            (self.canaries, "foreign canary"),
            (self.shares, "foreign share"),
            (self.overrides, "foreign override"),
            (self.variables, "foreign variable"),
        ]
    }
}

/// `1 crash, 2 alarms`
impl fmt::Display for Left {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some: Vec<_> = self
            .kinds()
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        formatter.write_str(&some.join(", "))
    }
}
