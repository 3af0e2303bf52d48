//! What an action makes of a state.

use serin_core::{
    percent::Percent,
    stage::{CanaryTarget, CanaryView, Variables},
    timing::{
        LAST_WRITE, SWEEP_PERIOD_SECONDS, SWEEP_TIMEOUT_SECONDS, SWITCH_PRECISION, SWITCH_TRIES, WRITE_WINDOW, later,
    },
};

use serin_steps::fakes::Schedule;

use crate::{
    action::Action,
    bound::Bound,
    check::{self, Counts, count},
    histories::{Histories, Root, Step, Who},
    mutation::Mutation,
    replay::Function,
    scene::{self, FOREIGN, OTHER},
    sometimes::Sometimes,
    state::{Fired, MOST, Process, Run, State},
};

/// The most sweeps that a stage may need to come to rest.
const MOST_SWEEPS: u8 = 5;

/// Moves states on.
pub struct Mover {
    /// The search.
    pub bound: Bound,
    /// The line of the protocol that is missing.
    pub line: Option<Mutation>,
    /// Everything that was met.
    pub histories: Histories,
    /// What each rollout brings.
    pub targets: [CanaryTarget; 2],
    /// What was reached.
    pub counts: Counts,
    /// Whether an execution was just told of a failure that it may try again.
    pub may_give_up: bool,
}

impl Mover {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(bound: Bound, line: Option<Mutation>) -> Self {
        Self {
            bound,
            line,
            histories: Histories::new(bound, line),
            targets: [0, 1].map(|which| scene::target(which, &bound)),
            counts: [0; Sometimes::ALL.len()],
            may_give_up: false,
        }
    }

    /// The first state: the first rollout has just started.
    pub fn first(&mut self) -> State {
        let world = self.histories.world(scene::account(&self.bound));
        let execution = self.histories.execution(0);
        let mut state = State {
            world,
            now: 0,
            processes: [Process::NONE; MOST],
            runs: [Run::Ready(execution, 0), Run::NotStarted],
            fired: [Fired::default(); 2],
            events: [0; 2],
            scheduler_away: false,
            left: self.bound.left,
            watch: crate::state::Watch::default(),
        };
        self.settle(&mut state).expect("nothing is wrong at the start");
        state
    }

    /// Whether everything has come to rest, and no switch is armed.
    #[must_use]
    pub fn is_at_rest(&self, state: &State) -> bool {
        let account = self.histories.account(state.world);
        let ended = scene::claim(account).is_none_or(|claim| claim.phase.is_terminal());
        state.is_quiet() && state.watch.calm && ended && account.schedules.is_empty()
    }

    /// Whether a task of that rollout is still running.
    pub(crate) fn lives_on(&self, state: &State, which: usize) -> bool {
        let mut alive = state.processes.iter().take(state.alive());
        alive.any(|process| self.histories.root_of(process.node).who == Who::Task(which))
    }

    pub(crate) fn tick(&self, state: &State) -> Option<u16> {
        let next = state.runs.iter().filter_map(|run| match run {
            Run::Ready(_, at) => Some(*at),
            _ => None,
        });
        let next = next.min()?;
        let next = if self.sweep_is_due(state) {
            next.min(state.watch.due.max(state.now))
        } else {
            next
        };
        let alive = state.processes.iter().take(state.alive());
        let all_live_on = alive.into_iter().all(|process| next < process.deadline);
        (all_live_on && state.alive() + 1 < MOST).then_some(next)
    }

    /// The schedule does not let a drain pass without a sweep.
    fn sweep_is_due(&self, state: &State) -> bool {
        let claim = scene::claim(self.histories.account(state.world));
        !state.watch.looked_after && claim.is_some_and(|claim| claim.ended_at.is_some())
    }

    /// Whether a sweep has begun when the last writers of the rollout that ended were dead.
    pub(crate) fn schedule_has_swept(&self, state: &State) -> bool {
        let claim = scene::claim(self.histories.account(state.world));
        let ended = claim.and_then(|claim| claim.ended_at).map(scene::seconds);
        ended.is_some_and(|ended| state.watch.due > check::first_sweep(ended))
    }

    /// Whether a look that ends now is after all writes of the rollout that ended.
    pub(crate) fn last_writers_are_dead(&self, state: &State) -> bool {
        let claim = scene::claim(self.histories.account(state.world));
        let ended = claim.and_then(|claim| claim.ended_at).map(scene::seconds);
        ended.is_none_or(|ended| state.now >= ended + scene::length(WRITE_WINDOW))
    }

    /// Time passes until an execution goes on, or the schedule sweeps a stage that drains.
    fn pass_time(&mut self, state: &mut State) -> Result<(), String> {
        if self.sweep_is_due(state) && state.now >= state.watch.due {
            state.watch.due = state.now + u16::try_from(SWEEP_PERIOD_SECONDS).unwrap();
            self.scheduled_sweep(state)?;
        }
        Ok(())
    }

    /// When the next rollout may claim, if one has ended.
    pub(crate) fn free_at(&self, state: &State) -> Option<u16> {
        let claim = scene::claim(self.histories.account(state.world))?;
        claim.free_at().map(scene::seconds)
    }

    /// When it is after an action.
    fn moves_to(&self, state: &State, action: Action) -> u16 {
        let account = self.histories.account(state.world);
        let claim = scene::claim(account);
        let beat = claim.map(|claim| scene::seconds(claim.next_beat_by));
        let then = match action {
            Action::Tick => self.tick(state),
            Action::Oversleep => beat,
            Action::Away => account
                .schedules
                .values()
                .map(|schedule| scene::seconds(schedule.at))
                .min(),
            Action::WaitOutDrain | Action::Redrive(_, true) => self.free_at(state),
            Action::NextSweep => {
                let next = state.now + u16::try_from(SWEEP_PERIOD_SECONDS).unwrap();
                let silent = claim.is_some_and(|claim| claim.phase.is_active()) && state.watch.calm;
                beat.filter(|_| silent).max(Some(next))
            }
            _ => None,
        };
        state.now.max(then.unwrap_or(0))
    }

    /// Until when time may pass: a switch fires on time, and what it has begun does not take for ever.
    fn latest(&self, state: &State) -> u16 {
        let account = self.histories.account(state.world);
        let fires = |schedule: &Schedule| later(schedule.at, SWITCH_PRECISION);
        let due = account.schedules.values().map(fires);
        let begun = account
            .fired
            .values()
            .map(|schedule| later(fires(schedule), SWITCH_TRIES));
        due.chain(begun).map(scene::seconds).min().unwrap_or(u16::MAX)
    }

    /// The state after an action; `None` where the action is none.
    ///
    /// # Errors
    /// The invariant that it breaks.
    pub fn apply(&mut self, mut state: State, action: Action) -> Result<Option<State>, String> {
        self.may_give_up = false;
        let now = self.moves_to(&state, action);
        if now > self.latest(&state) {
            return Ok(None);
        }
        state.now = now;
        match action {
            Action::Call { place, fate, gives_up } => {
                if !self.call(&mut state, usize::from(place), fate, gives_up)? {
                    return Ok(None);
                }
            }
            Action::Tick => self.pass_time(&mut state)?,
            Action::Start(which) => self.begin_run(&mut state, usize::from(which)),
            Action::Stop(which) => self.stop(&mut state, usize::from(which)),
            Action::Redrive(which, _) => self.redrive(&mut state, usize::from(which)),
            Action::Hang(which) => {
                state.left.hangs -= 1;
                state.runs[usize::from(which)] = Run::Hung;
            }
            Action::Oversleep => self.oversleep(&mut state)?,
            Action::Sweep => {
                state.left.sweeps -= 1;
                state.stir();
                self.invoke(&mut state, Function::Sweep, Who::Schedule, serde_json::Value::Null)?;
            }
            Action::NextSweep => self.next_sweep(&mut state)?,
            Action::WaitOutDrain => state.watch.drained = true,
            Action::Away => {
                state.left.aways -= 1;
                state.stir();
            }
            Action::SchedulerGoes => {
                state.left.outages -= 1;
                state.scheduler_away = true;
            }
            Action::SchedulerReturns => {
                state.scheduler_away = false;
                state.stir();
            }
            Action::SwitchFires(which) | Action::SwitchArrives(which) => {
                self.switch(&mut state, usize::from(which), action)?;
            }
            Action::Fire
            | Action::Clear
            | Action::Deliver(_)
            | Action::DeliverEvent(_)
            | Action::Wish
            | Action::ForeignCanary
            | Action::ForeignShare
            | Action::ForeignOverride
            | Action::ForeignVariable => self.outside(&mut state, action)?,
        }
        self.settle(&mut state)?;
        if self.is_at_rest(&state) {
            count(&mut self.counts, Sometimes::AtRest);
            check::judge_rest(&state, self.histories.account(state.world), &self.targets)?;
            self.count_left_alone(&state);
        }
        Ok(Some(state))
    }

    fn count_left_alone(&mut self, state: &State) {
        match &scene::stage(self.histories.account(state.world)).canary {
            Some(canary) if scene::is_changed(canary) => count(&mut self.counts, Sometimes::OverrideLeftAlone),
            Some(_) => count(&mut self.counts, Sometimes::ForeignLeftAlone),
            None => {}
        }
    }

    /// A switch fires, or what it has begun arrives.
    fn switch(&mut self, state: &mut State, which: usize, action: Action) -> Result<(), String> {
        let rollout = scene::NAMES[which].into();
        let before = state.world;
        if matches!(action, Action::SwitchFires(_)) {
            count(&mut self.counts, Sometimes::SwitchFired);
            state.world = self.histories.changed(before, |account| account.fire(&rollout));
            return Ok(());
        }
        state.stir();
        state.world = self.histories.changed(before, |account| account.arrive(&rollout));
        let (before, after) = (self.histories.account(before), self.histories.account(state.world));
        check::judge_switch(which, before, after, &mut self.counts)
    }

    fn outside(&mut self, state: &mut State, action: Action) -> Result<(), String> {
        match action {
            Action::Fire => {
                let place = usize::from(self.bound.left.alarms - state.left.alarms);
                state.left.alarms -= 1;
                state.fired[place] = Fired {
                    at: state.now,
                    undelivered: self.bound.deliveries,
                };
                if self.bound.alarm_stays {
                    state.world = self
                        .histories
                        .changed(state.world, |account| scene::set_alarm(account, true));
                }
            }
            Action::Clear => {
                state.watch.on_since_claim = false;
                state.world = self
                    .histories
                    .changed(state.world, |account| scene::set_alarm(account, false));
            }
            Action::Deliver(which) => {
                let fired = &mut state.fired[usize::from(which)];
                fired.undelivered -= 1;
                let at = fired.at;
                let told = (self.line != Some(Mutation::AlarmOfAnyTime)).then_some(at);
                state.stir();
                self.invoke(state, Function::Rollback, Who::Alarm(at), scene::alarm_action(told))?;
            }
            Action::DeliverEvent(which) => {
                let which = usize::from(which);
                state.events[which] -= 1;
                let account = self.histories.account(state.world);
                let status = account.ended_executions.get(&crate::histories::arn(which));
                let event = scene::execution_event(which, status.map_or("FAILED", String::as_str));
                state.stir();
                self.invoke(state, Function::Rollback, Who::Event(which), event)?;
            }
            Action::Wish => {
                state.left.wishes -= 1;
                state.stir();
                self.invoke(state, Function::Rollback, Who::Person, scene::persons_wish())?;
            }
            _ => self.somebody_else(state, action),
        }
        Ok(())
    }

    fn somebody_else(&mut self, state: &mut State, action: Action) {
        match action {
            Action::ForeignCanary => {
                state.left.canaries -= 1;
                state.watch.foreign = true;
            }
            Action::ForeignShare => state.left.shares -= 1,
            Action::ForeignOverride => state.left.overrides -= 1,
            _ => state.left.variables -= 1,
        }
        if matches!(action, Action::ForeignCanary | Action::ForeignOverride) {
            let alive = state.alive();
            for process in state.processes.iter_mut().take(alive) {
                process.unaware = true;
            }
            state.processes.sort_unstable();
        }
        state.world = self.histories.changed(state.world, |account| {
            let view = scene::stage_mut(account);
            match (action, &mut view.canary) {
                (Action::ForeignCanary, canary) => {
                    *canary = Some(CanaryView {
                        deployment_id: FOREIGN.into(),
                        percent: Percent::from_hundredths(500).unwrap(),
                        overrides: Variables::new(),
                        use_stage_cache: false,
                    });
                }
                (Action::ForeignShare, Some(canary)) => canary.percent = Percent::from_hundredths(100).unwrap(),
                (Action::ForeignOverride, Some(canary)) => scene::change_override(canary),
                (Action::ForeignVariable, _) => {
                    view.variables.insert(OTHER.to_owned(), "2".to_owned());
                }
                _ => {}
            }
        });
    }

    fn begin_run(&mut self, state: &mut State, which: usize) {
        let execution = self.histories.execution(which);
        state.runs[which] = Run::Ready(execution, state.now);
    }

    fn stop(&mut self, state: &mut State, which: usize) {
        state.left.stops -= 1;
        let (Run::Ready(execution, _) | Run::Calling(execution)) = state.runs[which] else {
            return;
        };
        state.runs[which] = Run::Stopped(execution);
        state.events[which] = self.bound.deliveries;
        state.world = self.histories.changed(state.world, |account| {
            scene::end_execution(account, which, Some("ABORTED"));
        });
        for place in 0..state.alive() {
            if self.histories.root_of(state.processes[place].node).who == Who::Task(which) {
                state.processes[place].awaited = false;
            }
        }
        state.processes.sort_unstable();
    }

    fn redrive(&mut self, state: &mut State, which: usize) {
        state.left.redrives -= 1;
        state.watch.hasty |= self.lives_on(state, which);
        if let Run::Stopped(execution) = state.runs[which] {
            state.runs[which] = Run::Ready(execution, state.now);
            state.stir();
            state.world = self
                .histories
                .changed(state.world, |account| scene::end_execution(account, which, None));
        }
    }

    /// The sweep finds the heartbeat overdue just when the execution goes on.
    fn oversleep(&mut self, state: &mut State) -> Result<(), String> {
        state.left.oversleeps -= 1;
        state.stir();
        self.invoke(state, Function::Sweep, Who::Schedule, serde_json::Value::Null)
    }

    fn next_sweep(&mut self, state: &mut State) -> Result<(), String> {
        if state.watch.swept >= MOST_SWEEPS {
            return Err(format!("6: not at rest after {MOST_SWEEPS} sweeps"));
        }
        state.watch.swept += 1;
        state.watch.calm = false;
        self.scheduled_sweep(state)
    }

    fn invoke(
        &mut self,
        state: &mut State,
        function: Function,
        who: Who,
        input: serde_json::Value,
    ) -> Result<(), String> {
        let root = self.histories.root(Root { function, who, input });
        self.spawn(state, root, false)
    }

    /// The schedule's own sweep, which is quick: that one complete sweep runs within a drain is taken for granted.
    fn scheduled_sweep(&mut self, state: &mut State) -> Result<(), String> {
        let root = self.histories.root(Root {
            function: Function::Sweep,
            who: Who::Schedule,
            input: serde_json::Value::Null,
        });
        let process = Process {
            node: self.histories.start(root, state.now),
            deadline: state.now + scene::length(LAST_WRITE),
            awaited: false,
            unaware: false,
            off_plan: false,
        };
        self.go_on(state, process, false, false).map(drop)
    }

    fn spawn(&mut self, state: &mut State, root: u32, awaited: bool) -> Result<(), String> {
        let node = self.histories.start(root, state.now);
        // A rollback may live longer, but before it has a claim in its hands it has only asked which stages are
        // concerned: one that waits there is one that is delivered late.
        let seconds = match self.histories.root_of(node).function {
            Function::Sweep => u16::try_from(SWEEP_TIMEOUT_SECONDS).unwrap(),
            _ => scene::length(WRITE_WINDOW),
        };
        let process = Process {
            node,
            deadline: state.now + seconds,
            awaited,
            unaware: false,
            off_plan: false,
        };
        self.go_on(state, process, false, false).map(drop)
    }

    /// The executions whose time has come go on to their next task.
    fn settle(&mut self, state: &mut State) -> Result<(), String> {
        for which in 0..2 {
            while let Run::Ready(execution, at) = state.runs[which] {
                if at > state.now || state.alive() == MOST {
                    break;
                }
                let (after, step) = self.histories.resume(execution, which);
                match step {
                    Step::Wait(after, seconds) => state.runs[which] = Run::Ready(after, state.now + seconds),
                    Step::Ended(well) => self.end_run(state, which, after, well),
                    Step::Invoke(root) => {
                        state.runs[which] = Run::Calling(after);
                        self.note_step(state, which, root);
                        state.stir();
                        self.spawn(state, root, true)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn note_step(&mut self, state: &mut State, which: usize, root: u32) {
        let root = &self.histories.roots[usize::try_from(root).unwrap()];
        if self.lives_on(state, which) {
            count(&mut self.counts, Sometimes::OldBesideNew);
        }
        if root.function == Function::Advance {
            let step = root.input["progress"]["step"].as_u64().unwrap();
            state.watch.steps[which] = state.watch.steps[which].max(u8::try_from(step + 1).unwrap());
        }
    }

    fn end_run(&mut self, state: &mut State, which: usize, execution: u32, well: bool) {
        if self.histories.state_of(execution) == "NeedsHuman" {
            count(&mut self.counts, Sometimes::NeedsHuman);
        }
        state.runs[which] = Run::Ended;
        let status = if well { "SUCCEEDED" } else { "FAILED" };
        state.events[which] = if well { 0 } else { self.bound.deliveries };
        state.world = self.histories.changed(state.world, |account| {
            scene::end_execution(account, which, Some(status));
        });
    }
}
