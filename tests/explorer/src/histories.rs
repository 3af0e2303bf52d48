//! Every process history, account and execution that was ever met, once: a state is a handful of numbers.
//!
//! What a process does next depends on its history only, and what a call does on the account and the history only. So
//! both are worked out once and looked up from then on.

use std::{collections::BTreeMap, collections::HashMap, collections::hash_map::Entry};

use indexmap::IndexSet;
use serde_json::{Value, json};
use serin_core::{alarm::AlarmState, ids::ExecutionArn};
use serin_steps::{StepError, fakes::Account, ports::Written};
use serin_tests::machine::{End, Execution, Failure, Machine, Next as Wanted};

use crate::{
    bound::Bound,
    call::{Answer, Reply},
    effects::{self, Caller},
    mutation::Mutation,
    quick::BuildQuick,
    replay::{self, Function, Next},
    scene::{self, Which},
};

/// Why a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// A task of a rollout's execution.
    Task(Which),
    /// The action of the alarm that went into ALARM then.
    Alarm(u16),
    /// The event of the end of a rollout's execution.
    Event(Which),
    /// A person's wish.
    Person,
    /// The schedule.
    Schedule,
}

/// An invocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// Of what.
    pub function: Function,
    /// Why.
    pub who: Who,
    /// With what.
    pub input: Value,
}

/// A process history.
#[derive(Debug)]
pub struct Node {
    parent: Option<u32>,
    answer: u32,
    time: u16,
    /// The invocation.
    pub root: u32,
    /// What comes next.
    pub next: Next,
    /// The rollout that it works for, as far as it knows.
    pub rollout: Option<Which>,
    /// Whether it has been told of the stage.
    pub looked: bool,
    /// The rollout that it was told the alarm guards, and that began before the alarm.
    pub guarded: Option<Which>,
    /// Whether it decided to go on to the next step, or to promote.
    pub moves_on: bool,
    /// What is wrong with what it decided.
    pub fault: Option<String>,
}

type Position = (String, BTreeMap<usize, u64>, Value, Value);

/// What an execution does next.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// It waits, and is then that execution.
    Wait(u32, u16),
    /// It invokes that root.
    Invoke(u32),
    /// It has ended, well or not.
    Ended(bool),
}

/// Everything that was met.
pub struct Histories {
    bound: Bound,
    line: Option<Mutation>,
    machine: Machine,
    /// Invocations.
    pub roots: IndexSet<Root, BuildQuick>,
    /// Histories.
    pub nodes: Vec<Node>,
    /// Accounts.
    pub worlds: IndexSet<Account, BuildQuick>,
    answers: IndexSet<Answer, BuildQuick>,
    executions: Vec<Execution>,
    positions: HashMap<Position, u32, BuildQuick>,
    starts: HashMap<(u32, u16), u32, BuildQuick>,
    nexts: HashMap<(u32, u32, u16), u32, BuildQuick>,
    effects: HashMap<(u32, u32), (u32, u32), BuildQuick>,
    resumes: HashMap<u32, (u32, Step), BuildQuick>,
    completions: HashMap<(u32, u32, bool), (u32, u16), BuildQuick>,
}

impl Histories {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(bound: Bound, line: Option<Mutation>) -> Self {
        Self {
            bound,
            line,
            machine: machine(line),
            roots: IndexSet::default(),
            nodes: Vec::new(),
            worlds: IndexSet::default(),
            answers: IndexSet::default(),
            executions: Vec::new(),
            positions: HashMap::default(),
            starts: HashMap::default(),
            nexts: HashMap::default(),
            effects: HashMap::default(),
            resumes: HashMap::default(),
            completions: HashMap::default(),
        }
    }

    /// The number of an account.
    pub fn world(&mut self, account: Account) -> u32 {
        number(self.worlds.insert_full(account).0)
    }

    /// An account.
    #[must_use]
    pub fn account(&self, world: u32) -> &Account {
        &self.worlds[index(world)]
    }

    /// The account after somebody other than a process changed it.
    pub fn changed(&mut self, world: u32, change: impl FnOnce(&mut Account)) -> u32 {
        let mut account = self.account(world).clone();
        change(&mut account);
        self.world(account)
    }

    /// A history.
    #[must_use]
    pub fn node(&self, node: u32) -> &Node {
        &self.nodes[index(node)]
    }

    /// The invocation that a history is of.
    #[must_use]
    pub fn root_of(&self, node: u32) -> &Root {
        &self.roots[index(self.node(node).root)]
    }

    /// An answer.
    pub fn answer(&self, answer: u32) -> &Answer {
        &self.answers[index(answer)]
    }

    /// The number of an answer.
    pub fn number_of(&mut self, answer: Answer) -> u32 {
        number(self.answers.insert_full(answer).0)
    }

    /// An invocation.
    pub fn root(&mut self, root: Root) -> u32 {
        number(self.roots.insert_full(root).0)
    }

    /// A process that begins.
    pub fn start(&mut self, root: u32, now: u16) -> u32 {
        if let Some(node) = self.starts.get(&(root, now)) {
            return *node;
        }
        let node = self.make(None, 0, now, root);
        self.starts.insert((root, now), node);
        node
    }

    /// A process that has been answered.
    pub fn next(&mut self, node: u32, answer: u32, now: u16) -> u32 {
        if let Some(next) = self.nexts.get(&(node, answer, now)) {
            return *next;
        }
        let root = self.node(node).root;
        let next = self.make(Some(node), answer, now, root);
        self.nexts.insert((node, answer, now), next);
        next
    }

    /// What the next call of a process does: the account afterwards, and the answer.
    pub fn effect(&mut self, world: u32, node: u32) -> (u32, u32) {
        if let Some(effect) = self.effects.get(&(world, node)) {
            return *effect;
        }
        let Next::Call(call) = &self.node(node).next else {
            panic!("it has ended")
        };
        if let (None, Some(reply)) = (self.line, effects::look(self.account(world), call)) {
            let effect = (world, self.number_of(Ok(reply)));
            self.effects.insert((world, node), effect);
            return effect;
        }
        // Only a mutation asks what the process was told before.
        let answers = self.line.map(|_| self.history(node).0).unwrap_or_default();
        let root = self.root_of(node);
        let caller = Caller {
            function: root.function,
            input: &root.input,
            answers: &answers,
        };
        let mut account = self.account(world).clone();
        let answer = effects::perform_without(self.line, &mut account, call, caller, &self.bound);
        let effect = (self.world(account), self.number_of(answer));
        self.effects.insert((world, node), effect);
        effect
    }

    /// The answers of a history, and the times before, between and after them.
    fn history(&self, node: u32) -> (Vec<Answer>, Vec<u16>) {
        let (mut answers, mut times, mut at) = (Vec::new(), Vec::new(), Some(node));
        while let Some(node) = at {
            let node = self.node(node);
            times.push(node.time);
            if node.parent.is_some() {
                answers.push(self.answer(node.answer).clone());
            }
            at = node.parent;
        }
        answers.reverse();
        times.reverse();
        (answers, times)
    }

    fn make(&mut self, parent: Option<u32>, answer: u32, now: u16, root: u32) -> u32 {
        let (mut answers, mut times) = parent.map(|parent| self.history(parent)).unwrap_or_default();
        times.push(now);
        if parent.is_some() {
            answers.push(self.answer(answer).clone());
        }
        let invocation = &self.roots[index(root)];
        let (next, clock_was_read) = replay::run(invocation.function, &invocation.input, &answers, &times);
        // A time that was not looked at makes no difference.
        let time = if clock_was_read { now } else { 0 };
        let key = (parent, answer, time);
        if time != now {
            let known = match parent {
                Some(parent) => self.nexts.get(&(parent, answer, time)),
                None => self.starts.get(&(root, time)),
            };
            if let Some(known) = known {
                return *known;
            }
        }
        let mut node = Node {
            parent,
            answer,
            time,
            root,
            next,
            rollout: rollout(invocation, &answers),
            looked: answers.iter().any(|answer| matches!(answer, Ok(Reply::View(_)))),
            guarded: guarded(invocation, &answers),
            moves_on: false,
            fault: None,
        };
        node.moves_on = moves_on(invocation, &node.next);
        node.fault = node.moves_on.then(|| fault(&answers)).flatten();
        self.nodes.push(node);
        let made = number(self.nodes.len() - 1);
        match key {
            (Some(parent), answer, time) => self.nexts.insert((parent, answer, time), made),
            (None, _, time) => self.starts.insert((root, time), made),
        };
        made
    }

    /// A new execution.
    pub fn execution(&mut self, which: Which) -> u32 {
        let request = scene::request(which, &self.bound);
        let execution = self
            .machine
            .start(&scene::execution_arn(which), scene::NAMES[which], request);
        self.keep(execution)
    }

    fn keep(&mut self, mut execution: Execution) -> u32 {
        execution.seen.clear();
        execution.events = 0;
        let (state, retries, data, context) = execution.position();
        let position = (state.to_owned(), retries.clone(), data.clone(), context.clone());
        let fresh = number(self.executions.len());
        match self.positions.entry(position) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                place.insert(fresh);
                self.executions.push(execution);
                fresh
            }
        }
    }

    /// The name of the state that an execution is in.
    #[must_use]
    pub fn state_of(&self, execution: u32) -> &str {
        self.executions[index(execution)].position().0
    }

    /// What an execution does next, and what it is then.
    pub fn resume(&mut self, execution: u32, which: Which) -> (u32, Step) {
        if let Some(known) = self.resumes.get(&execution) {
            return *known;
        }
        let mut moved = self.executions[index(execution)].clone();
        let wanted = moved.resume();
        let after = self.keep(moved);
        let step = match wanted {
            Wanted::Wait(seconds) => Step::Wait(after, u16::try_from(seconds).unwrap()),
            Wanted::Ended(end) => Step::Ended(matches!(end, End::Succeeded(_))),
            Wanted::Invoke { function, payload } => Step::Invoke(self.root(Root {
                function: function_of(&function),
                who: Who::Task(which),
                input: payload,
            })),
        };
        self.resumes.insert(execution, (after, step));
        (after, step)
    }

    /// An execution that is told the outcome of its task, and how long it waits then. `None` where it may not give up.
    pub fn completed(&mut self, execution: u32, node: u32, gives_up: bool) -> Option<(u32, u16)> {
        if let Some(known) = self.completions.get(&(execution, node, gives_up)) {
            return Some(*known);
        }
        let Next::Done(outcome) = &self.node(node).next else {
            panic!("it has not ended")
        };
        let told = outcome.clone().map_err(|error| failure(&error));
        let completed = self.told(execution, told, gives_up)?;
        self.completions.insert((execution, node, gives_up), completed);
        Some(completed)
    }

    /// The same for an outcome that is not the process's own.
    pub fn told(&mut self, execution: u32, told: Result<Value, Failure>, gives_up: bool) -> Option<(u32, u16)> {
        let mut moved = self.executions[index(execution)].clone();
        let wait = match (told, gives_up) {
            (Err(failure), true) if moved.may_retry(&failure) => {
                moved.give_up(&failure);
                0
            }
            (_, true) => return None,
            (told, false) => moved.complete(told),
        };
        Some((self.keep(moved), u16::try_from(wait).unwrap()))
    }
}

/// Narrow enough for a state; there are not that many.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

/// The deployed state machine, or one that tries `Begin` again at once.
fn machine(line: Option<Mutation>) -> Machine {
    let machine = Machine::deployed();
    if line != Some(Mutation::BeginBesideItself) {
        return machine;
    }
    let mut definition = machine.definition().clone();
    for retrier in definition["States"]["Begin"]["Retry"].as_array_mut().unwrap() {
        if retrier["ErrorEquals"]
            .as_array()
            .unwrap()
            .contains(&json!("States.Timeout"))
        {
            retrier["IntervalSeconds"] = json!(1);
        }
    }
    Machine::of(definition)
}

fn function_of(substitution: &str) -> Function {
    match substitution {
        "${BeginFunctionArn}" => Function::Begin,
        "${AdvanceFunctionArn}" => Function::Advance,
        "${EvaluateFunctionArn}" => Function::Evaluate,
        "${PromoteFunctionArn}" => Function::Promote,
        "${FinishFunctionArn}" => Function::Finish,
        "${RollbackFunctionArn}" => Function::Rollback,
        other => panic!("no function is called {other}"),
    }
}

fn failure(error: &StepError) -> Failure {
    let cause = json!({ "errorType": error.name(), "errorMessage": error.to_string() });
    Failure {
        error: error.name().to_owned(),
        cause: cause.to_string(),
    }
}

fn rollout(invocation: &Root, answers: &[Answer]) -> Option<Which> {
    let told = answers.iter().rev().find_map(|answer| answer.as_ref().ok()?.claim());
    match invocation.who {
        Who::Task(which) | Who::Event(which) => Some(which),
        Who::Alarm(_) | Who::Person | Who::Schedule => told.map(|claim| scene::which(&claim.rollout_id)),
    }
}

fn guarded(invocation: &Root, answers: &[Answer]) -> Option<Which> {
    let Who::Alarm(at) = invocation.who else { return None };
    answers.iter().find_map(|answer| match answer {
        Ok(Reply::Guarded(guarded)) => {
            let concerned = guarded.iter().find(|guarded| guarded.began_at <= scene::time(at));
            concerned.map(|guarded| scene::which(&guarded.rollout_id))
        }
        _ => None,
    })
}

fn moves_on(invocation: &Root, next: &Next) -> bool {
    let (Function::Evaluate, Next::Done(Ok(output))) = (invocation.function, next) else {
        return false;
    };
    let step = |document: &Value| document["progress"]["step"].as_u64();
    match output["decision"].as_str() {
        Some("promote") => true,
        Some("advance") => step(output) > step(&invocation.input),
        _ => false,
    }
}

/// Invariant 4: nothing moves on that has not been found harmless.
fn fault(answers: &[Answer]) -> Option<String> {
    let on = answers.iter().any(|answer| match answer {
        Ok(Reply::Alarms(alarms)) => alarms.iter().any(|alarm| alarm.state == AlarmState::Alarm),
        _ => false,
    });
    on.then(|| "4: it moves on although the alarm is on".to_owned())
}

/// Whether a write was won.
#[must_use]
pub fn won(answer: &Answer) -> bool {
    matches!(answer, Ok(Reply::Written(Written::Done(_)) | Reply::Truth(true)))
}

/// The ARN of an execution as the claims name it.
#[must_use]
pub fn arn(which: Which) -> ExecutionArn {
    ExecutionArn(scene::execution_arn(which))
}
