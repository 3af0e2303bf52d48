//! The search: every state that can be reached, once, the nearest first, so that a counterexample is as short as can
//! be.

use std::time::{Duration, Instant};

use indexmap::IndexSet;

use crate::{
    action::{Action, Fate},
    bound::Bound,
    call::{self, Call},
    check::Counts,
    effects,
    histories::Who,
    moves::Mover,
    mutation::Mutation,
    quick::BuildQuick,
    replay::Next,
    scene,
    state::State,
};

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// States that were reached.
    pub states: usize,
    /// Steps from one to another.
    pub transitions: u64,
    /// Schedules from the first state to one at rest, at least: a state that is reached once more after it was expanded
    /// is not counted again. There are far too many for a whole number.
    pub schedules: f64,
    /// Different process histories.
    pub histories: usize,
    /// Different accounts.
    pub accounts: usize,
    /// How long it took.
    pub took: Duration,
    /// Whether all of the bound was searched.
    pub complete: bool,
    /// What was reached, and how often.
    pub counts: Counts,
    /// What is wrong, and how it comes about.
    pub violation: Option<Violation>,
}

/// A counterexample.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The invariant that is broken.
    pub text: String,
    /// How, one line per event.
    pub story: Vec<String>,
}

struct Search {
    mover: Mover,
    states: IndexSet<State, BuildQuick>,
    /// From which state, and how, each was reached first.
    origins: Vec<(u32, Action)>,
    /// In how many ways each was reached until it was expanded.
    ways: Vec<f64>,
    schedules: f64,
    transitions: u64,
}

/// Tries everything within a bound, up to so many states.
#[must_use]
pub fn search(bound: &Bound, line: Option<Mutation>, most: usize) -> Report {
    let began = Instant::now();
    let mut mover = Mover::new(*bound, line);
    let first = mover.first();
    let mut search = Search {
        mover,
        states: IndexSet::default(),
        origins: vec![(0, Action::Tick)],
        ways: vec![1.0],
        schedules: 0.0,
        transitions: 0,
    };
    search.states.insert(first);
    let (mut violation, mut done) = (None, 0);
    while done < search.states.len() && search.states.len() < most {
        if let Err((action, text)) = search.expand(done) {
            let story = search.story(done, action);
            violation = Some(Violation { text, story });
            break;
        }
        done += 1;
    }
    Report {
        states: search.states.len(),
        transitions: search.transitions,
        schedules: search.schedules,
        histories: search.mover.histories.nodes.len(),
        accounts: search.mover.histories.worlds.len(),
        took: began.elapsed(),
        complete: violation.is_none() && done == search.states.len(),
        counts: search.mover.counts,
        violation,
    }
}

impl Search {
    fn expand(&mut self, place: usize) -> Result<(), (Action, String)> {
        let state = self.states[place];
        let before = self.transitions;
        for action in self.mover.actions(&state) {
            self.take(place, state, action)?;
            if let (
                true,
                Action::Call {
                    place: process, fate, ..
                },
            ) = (self.mover.may_give_up, action)
            {
                let action = Action::Call {
                    place: process,
                    fate,
                    gives_up: true,
                };
                self.take(place, state, action)?;
            }
        }
        if self.transitions == before {
            self.schedules += self.ways[place];
        }
        Ok(())
    }

    fn take(&mut self, place: usize, state: State, action: Action) -> Result<(), (Action, String)> {
        let next = self.mover.apply(state, action).map_err(|text| (action, text))?;
        if let Some(next) = next {
            self.transitions += 1;
            let (there, new) = self.states.insert_full(next);
            if new {
                self.origins.push((u32::try_from(place).unwrap(), action));
                self.ways.push(0.0);
            }
            self.ways[there] += self.ways[place];
        }
        Ok(())
    }

    /// How the state in that place is reached, and what happens then.
    fn story(&mut self, mut place: usize, last: Action) -> Vec<String> {
        let mut path = vec![(place, last)];
        while place != 0 {
            let (origin, action) = self.origins[place];
            place = usize::try_from(origin).unwrap();
            path.push((place, action));
        }
        path.reverse();
        let mut lines = Vec::new();
        for (place, action) in path {
            let state = self.states[place];
            let what = self.describe(&state, action);
            let after = self.mover.apply(state, action).ok().flatten();
            lines.push(self.line(state.now, &what, after.as_ref()));
        }
        lines
    }

    fn line(&self, now: u16, what: &str, after: Option<&State>) -> String {
        let Some(after) = after else {
            return format!("{now:>5} s  {what}");
        };
        let account = self.mover.histories.account(after.world);
        let stage = call::stage(scene::stage(account));
        let claim = scene::claim(account).map_or_else(
            || "free".to_owned(),
            |claim| format!("{} {}", claim.rollout_id, claim.phase.name()),
        );
        format!("{now:>5} s  {what:<96} | {stage} | {claim}")
    }

    fn describe(&mut self, state: &State, action: Action) -> String {
        let name = |which: u8| scene::NAMES[usize::from(which)];
        match action {
            Action::Call { place, fate, gives_up } => self.describe_call(state, usize::from(place), fate, gives_up),
            Action::Tick => "time passes".to_owned(),
            Action::Start(which) => format!("rollout {} starts", name(which)),
            Action::Stop(which) => format!("somebody stops the execution of {}", name(which)),
            Action::Redrive(which, late) => {
                let when = if late { " after the drain" } else { "" };
                format!("somebody redrives {}{when}", name(which))
            }
            Action::Hang(which) => format!("the execution of {} falls silent", name(which)),
            Action::Oversleep => "nothing happens until the heartbeat is overdue; a sweep begins".to_owned(),
            Action::Away => "nothing at all happens until the switch is about to fire".to_owned(),
            Action::SwitchFires(which) => format!("the switch of {} fires", name(which)),
            Action::SwitchArrives(which) => {
                format!("the switch of {}: UpdateStage [remove canarySettings]", name(which))
            }
            Action::SchedulerGoes => "EventBridge Scheduler goes away".to_owned(),
            Action::SchedulerReturns => "EventBridge Scheduler is back".to_owned(),
            Action::Sweep | Action::NextSweep => "a sweep begins".to_owned(),
            Action::WaitOutDrain => "the drain is waited out".to_owned(),
            Action::Fire => "the alarm goes into ALARM".to_owned(),
            Action::Clear => "the alarm is OK again".to_owned(),
            Action::Deliver(which) => format!("its action of {} s is delivered", state.fired[usize::from(which)].at),
            Action::DeliverEvent(which) => format!("the end of {}'s execution is delivered", name(which)),
            Action::Wish => "a person asks for a rollback".to_owned(),
            Action::ForeignCanary => "a person makes a canary of deployment x".to_owned(),
            Action::ForeignShare => "a person sets the canary to 1 %".to_owned(),
            Action::ForeignOverride => "a person changes the canary's override".to_owned(),
            Action::ForeignVariable => "a person sets the variable other".to_owned(),
        }
    }

    fn describe_call(&mut self, state: &State, place: usize, fate: Fate, gives_up: bool) -> String {
        let node = state.processes[place].node;
        let (_, answer) = self.mover.effect(state, node);
        let histories = &self.mover.histories;
        let root = histories.root_of(node);
        let who = match root.who {
            Who::Task(which) => format!(" of {}", scene::NAMES[which]),
            Who::Alarm(_) => " by the alarm".to_owned(),
            Who::Event(which) => format!(" by the end of {}", scene::NAMES[which]),
            Who::Person => " by a person".to_owned(),
            Who::Schedule => String::new(),
        };
        let function = format!("{:?}", root.function).to_lowercase();
        let call = match &histories.node(node).next {
            Next::Call(call) => call.clone(),
            Next::Done(_) => Call::Record,
        };
        let told = call::describe(histories.answer(answer));
        let fate = match fate {
            Fate::Goes => format!("{call} -> {told}"),
            Fate::DiesBefore => format!("dies before: {call}"),
            Fate::DiesAfter => format!("{call} -> dies"),
            Fate::AnswerLost => format!("{call} -> done, but {}", call::describe(&effects::loss())),
            Fate::Throttled => format!("{call} -> throttled"),
            Fate::Conflict => format!("{call} -> unavailable"),
            Fate::Unknown => format!("goes on, but nothing is known of it; it is before: {call}"),
        };
        let end = if gives_up { "; retries used up" } else { "" };
        format!("{function}{who}: {fate}{end}")
    }
}
