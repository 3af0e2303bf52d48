//! What may happen in a state.

use serin_core::{percent::Percent, timing::SWITCH_PRECISION};

use crate::{
    action::{Action, Fate},
    bound::Second,
    moves::Mover,
    replay::Next,
    scene,
    state::{MOST, Run, State},
};

impl Mover {
    /// What may happen in a state.
    #[must_use]
    pub fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for place in 0..state.alive() {
            self.fates(state, place, &mut actions);
        }
        if self.tick(state).is_some() {
            actions.push(Action::Tick);
        }
        let room = state.alive() < self.bound.alive;
        self.triggers(state, room, &mut actions);
        self.people(state, &mut actions);
        self.executions(state, &mut actions);
        self.switches(state, &mut actions);
        let at_rest = self.is_at_rest(state);
        // No sweep brings a stage to rest while the scheduler is away.
        if state.is_quiet() && !at_rest && !state.scheduler_away {
            actions.push(Action::NextSweep);
        }
        if at_rest && !state.watch.drained && self.free_at(state).is_some() {
            actions.push(Action::WaitOutDrain);
        }
        actions
    }

    fn fates(&self, state: &State, place: usize, actions: &mut Vec<Action>) {
        let process = state.processes[place];
        let Next::Call(call) = &self.histories.node(process.node).next else {
            panic!("a process that has ended is taken away")
        };
        let left = &state.left;
        let mut fates = vec![Fate::Goes];
        if left.crashes > 0 {
            fates.extend([Fate::DiesBefore, Fate::DiesAfter]);
        }
        if left.losses > 0 && call.writes() {
            fates.push(Fate::AnswerLost);
        }
        if left.refusals > 0 {
            fates.extend([Fate::Throttled, Fate::Conflict]);
        }
        if left.unknowns > 0 && process.awaited {
            fates.push(Fate::Unknown);
        }
        let place = u8::try_from(place).unwrap();
        actions.extend(fates.into_iter().map(|fate| Action::Call {
            place,
            fate,
            gives_up: false,
        }));
    }

    fn triggers(&self, state: &State, room: bool, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.alarms > 0 {
            actions.push(Action::Fire);
        }
        if scene::alarm_is_on(self.histories.account(state.world)) {
            actions.push(Action::Clear);
        }
        if !room {
            return;
        }
        for which in 0..2_u8 {
            if state.fired[usize::from(which)].undelivered > 0 {
                actions.push(Action::Deliver(which));
            }
            if state.events[usize::from(which)] > 0 {
                actions.push(Action::DeliverEvent(which));
            }
        }
        if left.sweeps > 0 {
            actions.push(Action::Sweep);
        }
        if left.wishes > 0 {
            actions.push(Action::Wish);
        }
    }

    fn switches(&self, state: &State, actions: &mut Vec<Action>) {
        let account = self.histories.account(state.world);
        if state.left.outages > 0 {
            actions.push(Action::SchedulerGoes);
        }
        if state.scheduler_away {
            actions.push(Action::SchedulerReturns);
        }
        for (which, name) in (0..2_u8).zip(scene::NAMES) {
            if let Some(schedule) = account.schedules.get(&name.into()) {
                let at = scene::seconds(schedule.at);
                if state.now >= at - scene::length(SWITCH_PRECISION) {
                    actions.push(Action::SwitchFires(which));
                } else if state.left.aways > 0 && state.alive() == 0 {
                    actions.push(Action::Away);
                }
            }
            let fired = account.fired.get(&name.into());
            if fired.is_some_and(|schedule| state.now >= scene::seconds(schedule.at)) {
                actions.push(Action::SwitchArrives(which));
            }
        }
    }

    fn people(&self, state: &State, actions: &mut Vec<Action>) {
        let view = scene::stage(self.histories.account(state.world));
        let left = &state.left;
        if left.canaries > 0 {
            actions.push(Action::ForeignCanary);
        }
        if left.shares > 0
            && view
                .canary
                .as_ref()
                .is_some_and(|canary| canary.percent > Percent::ZERO)
        {
            actions.push(Action::ForeignShare);
        }
        if left.overrides > 0
            && view
                .canary
                .as_ref()
                .is_some_and(|canary| scene::has_override(canary) && !scene::is_changed(canary))
        {
            actions.push(Action::ForeignOverride);
        }
        if left.variables > 0 {
            actions.push(Action::ForeignVariable);
        }
    }

    fn executions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        let claim = scene::claim(self.histories.account(state.world));
        let ended = claim.is_some_and(|claim| claim.phase.is_terminal()) || state.runs[0] == Run::Ended;
        let second = match self.bound.second {
            Second::Never => false,
            Second::Anytime => true,
            Second::AfterTheFirst => ended,
        };
        if second && state.runs[1] == Run::NotStarted && state.alive() < self.bound.alive {
            actions.push(Action::Start(1));
        }
        for (which, run) in (0..2_u8).zip(state.runs) {
            let goes_on = matches!(run, Run::Ready(..) | Run::Calling(_));
            if goes_on && left.stops > 0 {
                actions.push(Action::Stop(which));
            }
            if matches!(run, Run::Ready(..)) && left.hangs > 0 {
                actions.push(Action::Hang(which));
            }
            if matches!(run, Run::Stopped(_)) && left.redrives > 0 && state.alive() < MOST {
                if self.bound.hasty || !self.lives_on(state, usize::from(which)) {
                    actions.push(Action::Redrive(which, false));
                }
                if self.is_at_rest(state) && self.free_at(state).is_some() {
                    actions.push(Action::Redrive(which, true));
                }
            }
            let beat = claim.filter(|claim| claim.phase.is_active() && state.now < scene::seconds(claim.next_beat_by));
            if matches!(run, Run::Ready(..)) && left.oversleeps > 0 && state.alive() == 0 && beat.is_some() {
                actions.push(Action::Oversleep);
            }
        }
    }
}
