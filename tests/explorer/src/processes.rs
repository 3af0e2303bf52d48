//! What a call makes of its process, of the account and of whoever waits.

use serin_core::timing::WRITE_WINDOW;
use serin_tests::machine::Failure;

use crate::{
    action::Fate,
    call::Call,
    check::{self, Made, count},
    effects,
    histories::Who,
    moves::Mover,
    replay::{Function, Next},
    scene,
    sometimes::Sometimes,
    state::{Process, Run, State},
};

impl Mover {
    /// Makes a process's call. `false` where there is no such fate.
    pub(crate) fn call(&mut self, state: &mut State, place: usize, fate: Fate, gives_up: bool) -> Result<bool, String> {
        let process = state.processes[place];
        match fate {
            Fate::DiesBefore => {
                state.left.crashes -= 1;
                state.remove(place);
                return Ok(self.died(state, process, gives_up));
            }
            Fate::Unknown => {
                state.left.unknowns -= 1;
                state.processes[place].awaited = false;
                state.processes.sort_unstable();
                return Ok(self.tell(state, process, "Lambda.Unknown", gives_up));
            }
            Fate::DiesAfter => state.left.crashes -= 1,
            Fate::AnswerLost => state.left.losses -= 1,
            Fate::Throttled | Fate::Conflict => state.left.refusals -= 1,
            Fate::Goes => {}
        }
        state.remove(place);
        let process = self.made(state, process, fate)?;
        self.go_on(state, process, fate == Fate::DiesAfter, gives_up)
    }

    /// The process after its call.
    fn made(&mut self, state: &mut State, mut process: Process, fate: Fate) -> Result<Process, String> {
        let (after, answer) = self.effect(state, process.node);
        let (after, told) = match fate {
            Fate::Throttled => (state.world, self.histories.number_of(effects::refusal(true))),
            Fate::Conflict => (state.world, self.histories.number_of(effects::refusal(false))),
            Fate::AnswerLost => (after, self.histories.number_of(effects::loss())),
            _ => (after, answer),
        };
        let node = self.histories.node(process.node);
        let Next::Call(call) = &node.next else {
            panic!("it has ended")
        };
        let root = self.histories.root_of(process.node);
        if after != state.world || fate == Fate::Goes {
            let made = Made {
                bound: &self.bound,
                targets: &self.targets,
                process,
                root,
                node,
                call,
                answer: self.histories.answer(answer),
                fate,
                before: self.histories.account(state.world),
                after: self.histories.account(after),
            };
            made.judge(&mut state.watch, &mut self.counts)?;
        }
        if fate == Fate::Goes && matches!(call, Call::Stage | Call::Update(_)) {
            process.unaware = false;
        }
        if root.function == Function::Evaluate && matches!(call, Call::Stage) {
            process.off_plan = !check::is_as_planned(&root.input, self.histories.account(state.world));
        }
        // Its last write is within T of its last look at the claim; a rollback that is throttled looks again and goes
        // on.
        match (root.function, call) {
            (Function::Sweep, Call::Read) => {
                process.deadline = process.deadline.min(state.now + scene::length(WRITE_WINDOW));
            }
            (Function::Rollback, Call::Change(..)) => process.deadline = state.now + scene::length(WRITE_WINDOW),
            _ => {}
        }
        match fate {
            Fate::AnswerLost => count(&mut self.counts, Sometimes::AnswerLost),
            Fate::Throttled => count(&mut self.counts, Sometimes::Throttled),
            _ => {}
        }
        state.world = after;
        process.node = self.histories.next(process.node, told, state.now);
        Ok(process)
    }

    /// Puts a process back among the others, at its next call that matters to them, or ends it.
    pub(crate) fn go_on(
        &mut self,
        state: &mut State,
        mut process: Process,
        dies: bool,
        gives_up: bool,
    ) -> Result<bool, String> {
        while let Next::Call(call) = &self.histories.node(process.node).next {
            if !self.matters_to_nobody(call, state) {
                state.add(process);
                return Ok(!dies && !gives_up);
            }
            process = self.made(state, process, Fate::Goes)?;
        }
        if dies {
            return Ok(self.died(state, process, gives_up));
        }
        let account = self.histories.account(state.world);
        let (node, root) = (self.histories.node(process.node), self.histories.root_of(process.node));
        check::judge_end(process, node, root, account, &mut self.counts)?;
        let Next::Done(outcome) = &node.next else {
            return Ok(true);
        };
        let (well, who) = (outcome.is_ok(), root.who);
        if let (true, Who::Task(which), Run::Calling(execution)) = (process.awaited, who, run_of(state, who)) {
            let Some((moved, wait)) = self.histories.completed(execution, process.node, gives_up) else {
                return Ok(false);
            };
            self.may_give_up = !well;
            state.runs[which] = Run::Ready(moved, state.now + wait);
            return Ok(true);
        }
        if well && who == Who::Schedule && self.schedule_has_swept(state) {
            state.watch.looked_after = true;
        }
        match who {
            Who::Schedule if well && state.is_quiet() && state.watch.swept > 0 => {
                state.watch.drains_anew &= !self.last_writers_are_dead(state);
                state.watch.calm = !state.watch.drains_anew;
            }
            _ if !well => redeliver(state, who),
            _ => {}
        }
        Ok(!gives_up)
    }

    /// What the next call of a process does: the account afterwards, and the answer.
    pub(crate) fn effect(&mut self, state: &State, node: u32) -> (u32, u32) {
        let call = &self.histories.node(node).next;
        let of_the_scheduler = matches!(call, Next::Call(Call::Arm(..) | Call::Push(..) | Call::Disarm(_)));
        if state.scheduler_away && of_the_scheduler {
            return (state.world, self.histories.number_of(effects::refusal(false)));
        }
        self.histories.effect(state.world, node)
    }

    /// Calls that read what nobody in this search changes, and the timeline, which nobody reads: when they are made
    /// makes no difference, so they are made at once.
    fn matters_to_nobody(&self, call: &Call, state: &State) -> bool {
        let undisturbed = state.left.refusals == 0;
        match call {
            Call::Record => true,
            // Of the switch nobody hears unless it fires, and it is never near that while Serin is there.
            Call::Arm(..) | Call::Push(..) | Call::Disarm(_) => {
                undisturbed && self.bound.left.aways == 0 && self.bound.left.outages == 0
            }
            Call::ApiName | Call::HasDeployment(_) | Call::Described(_) => undisturbed,
            Call::Alarms(_) => undisturbed && (self.bound.left.alarms == 0 || !self.bound.alarm_stays),
            Call::StageOf(rollout) => undisturbed && self.histories.account(state.world).rollouts.contains_key(rollout),
            Call::Stage
            | Call::Update(_)
            | Call::CreateDeployment(_)
            | Call::Read
            | Call::Take(..)
            | Call::Change(..)
            | Call::GiveBack(_)
            | Call::GuardedBy(_)
            | Call::Watched
            | Call::Unwatch(_)
            | Call::Status(_) => false,
        }
    }

    /// A process died: whoever waits for it is told, and an event is delivered again.
    fn died(&mut self, state: &mut State, process: Process, gives_up: bool) -> bool {
        count(&mut self.counts, Sometimes::Died);
        if process.awaited {
            return self.tell(state, process, "Runtime.ExitError", gives_up);
        }
        redeliver(state, self.histories.root_of(process.node).who);
        !gives_up
    }

    fn tell(&mut self, state: &mut State, process: Process, error: &str, gives_up: bool) -> bool {
        let who = self.histories.root_of(process.node).who;
        let (Who::Task(which), Run::Calling(execution)) = (who, run_of(state, who)) else {
            return false;
        };
        let failure = Failure {
            error: error.to_owned(),
            cause: "{\"errorMessage\":\"nothing is known\"}".to_owned(),
        };
        let Some((moved, wait)) = self.histories.told(execution, Err(failure), gives_up) else {
            return false;
        };
        self.may_give_up = !gives_up;
        state.runs[which] = Run::Ready(moved, state.now + wait);
        true
    }
}

/// The execution that waits for such a process.
fn run_of(state: &State, who: Who) -> Run {
    match who {
        Who::Task(which) => state.runs[which],
        Who::Alarm(_) | Who::Event(_) | Who::Person | Who::Schedule => Run::Hung,
    }
}

/// Lambda repeats an event whose invocation failed.
fn redeliver(state: &mut State, who: Who) {
    match who {
        Who::Alarm(at) => {
            if let Some(fired) = state.fired.iter_mut().find(|fired| fired.at == at) {
                fired.undelivered += 1;
            }
        }
        Who::Event(which) => state.events[which] += 1,
        Who::Task(_) | Who::Person | Who::Schedule => {}
    }
}
