//! FashionFlow in a simulated world: the deployed state machine over the real steps, an account in memory and a clock that
//! jumps from one event to the next.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "it serves tests only, which fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serin_core::{
    alarm::{AlarmKind, AlarmState},
    claim::{Claim, Phase},
    ids::{AlarmArn, ExecutionArn, RolloutId, StageId},
    percent::Percent,
    stage::{StageView, Variables},
    switch::Switch,
};
use serin_steps::fakes::{Call, FakeAlarm, FakeAws, RestApi, Traffic};

use crate::{
    functions,
    log::{self, secrets},
    machine::{End, Execution, Failure, Machine, Next},
    permissions::{granted, needed},
};

/// The API of the stories.
pub const API: &str = "a1b2c3";
/// The pattern of hooks.
pub const HOOKS: &str = "serin-hook-*";
const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";

/// Something that happens at a time.
type Event = Box<dyn FnOnce(&mut Simulation)>;

/// A stage as it was from some moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since when.
    pub at: Timestamp,
    /// What it was.
    pub view: StageView,
}

struct Run {
    execution: Execution,
    ready_at: Timestamp,
}

/// A simulated world.
pub struct Simulation {
    /// The account.
    pub aws: FakeAws,
    machine: Machine,
    began: Timestamp,
    runs: BTreeMap<String, Run>,
    ends: BTreeMap<String, End>,
    events: BTreeMap<(Timestamp, usize), Event>,
    hooks: BTreeMap<String, Value>,
    next_sweep: Option<Timestamp>,
    /// The stage `prod`, whenever it changed.
    pub moments: Vec<Moment>,
    /// Which functions were invoked, with the operations that each sent.
    pub invocations: Vec<(String, Vec<&'static str>)>,
    /// The states and history events of ended executions.
    pub histories: BTreeMap<String, (Vec<String>, u32)>,
    /// The events that ended executions put on the bus.
    pub told: Vec<Value>,
    /// What each function asked of its ports.
    pub made: BTreeMap<String, BTreeSet<Call>>,
    /// What all of them logged, as lines of JSON.
    pub log: String,
    /// How far the clock goes while a function runs.
    pub invocation_time: SignedDuration,
    /// How far the clock goes while a hook runs.
    pub hook_time: SignedDuration,
    /// The dead man's switches that fired, and when.
    pub fired: Vec<(RolloutId, Timestamp)>,
    /// The least time that ever lay between the sweep's turn at an active rollout and the firing of its switch.
    pub least_lead: SignedDuration,
}

/// The stage of the stories.
#[must_use]
pub fn prod() -> StageId {
    StageId {
        rest_api_id: API.to_owned(),
        stage_name: "prod".to_owned(),
    }
}

/// The ARN of a rollout's execution.
#[must_use]
pub fn execution_arn(name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:serin:{name}")
}

/// The ARN of an alarm of this account.
#[must_use]
pub fn alarm_arn(name: &str) -> AlarmArn {
    AlarmArn(format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"))
}

/// The ARN of a hook.
#[must_use]
pub fn hook_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// An alarm's direct action.
#[must_use]
pub fn alarm_action(name: &str, state: &str, at: Timestamp) -> Value {
    json!({
        "source": "aws.cloudwatch", "alarmArn": alarm_arn(name), "accountId": ACCOUNT, "time": at, "region": REGION,
        "alarmData": { "alarmName": name, "state": { "value": state, "reason": "3 errors in 2 of 3 minutes", "timestamp": at } },
    })
}

/// The event that tells of an execution's end.
#[must_use]
pub fn execution_event(name: &str, status: &str) -> Value {
    json!({
        "source": "aws.states", "detail-type": "Step Functions Execution Status Change",
        "detail": { "executionArn": execution_arn(name), "name": name, "status": status, "input": "{}" },
    })
}

impl Default for Simulation {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulation {
    /// FashionFlow: stage `prod` of one API, on recommendation-v1, with two alarms of its own that are OK.
    #[must_use]
    pub fn new() -> Self {
        let began: Timestamp = "2026-03-01T03:00:00Z".parse().unwrap();
        let aws = FakeAws::new(began);
        let variables = Variables::from([("alias".to_owned(), "recommendation-v1".to_owned())]);
        aws.account()
            .apis
            .insert(API.to_owned(), RestApi::new("recommendations", "prod", variables));
        let world = Self {
            aws,
            machine: Machine::deployed(),
            began,
            runs: BTreeMap::new(),
            ends: BTreeMap::new(),
            events: BTreeMap::new(),
            hooks: BTreeMap::new(),
            next_sweep: Some(began + SignedDuration::from_secs(37)),
            moments: vec![Moment {
                at: began,
                view: StageView {
                    deployment_id: "baseline".into(),
                    variables: Variables::new(),
                    canary: None,
                },
            }],
            invocations: Vec::new(),
            made: BTreeMap::new(),
            log: String::new(),
            histories: BTreeMap::new(),
            told: Vec::new(),
            invocation_time: SignedDuration::from_millis(200),
            hook_time: SignedDuration::ZERO,
            fired: Vec::new(),
            least_lead: SignedDuration::MAX,
        };
        for name in ["serin-a1b2c3-prod-canary-5xx", "serin-a1b2c3-prod-stage-5xx"] {
            world.set_alarm(name, AlarmState::Ok);
        }
        world
    }

    /// Without the sweep, where a story is about what works without it.
    #[must_use]
    pub fn without_sweep(mut self) -> Self {
        self.next_sweep = None;
        self
    }

    /// Puts an alarm into a state, without its action.
    pub fn set_alarm(&self, name: &str, state: AlarmState) {
        let reason = if state == AlarmState::Alarm {
            "3 errors in 2 of 3 minutes"
        } else {
            ""
        };
        let alarm = FakeAlarm {
            state,
            reason: reason.to_owned(),
            kind: AlarmKind::Metric,
        };
        self.aws.account().alarms.insert(name.to_owned(), alarm);
    }

    /// The traffic that metrics tell of from now on.
    pub fn set_traffic(&self, canary: u64, baseline: u64) {
        self.set_counts(Traffic {
            canary,
            baseline,
            ..Traffic::default()
        });
    }

    /// The traffic and the bad requests that metrics tell of from now on.
    pub fn set_counts(&self, traffic: Traffic) {
        self.aws.account().set_traffic(traffic);
    }

    /// What a hook answers.
    pub fn hook(&mut self, name: &str, answer: Value) {
        self.hooks.insert(hook_arn(name), answer);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.aws.account().now
    }

    /// Lets something happen that many seconds after the world began.
    pub fn at(&mut self, seconds: i64, event: impl FnOnce(&mut Self) + 'static) {
        let key = (self.began + SignedDuration::from_secs(seconds), self.events.len());
        self.events.insert(key, Box::new(event));
    }

    /// An alarm goes into ALARM at that second, and its action is delivered.
    pub fn alarm_at(&mut self, seconds: i64, name: &'static str) {
        self.at(seconds, move |world| {
            world.set_alarm(name, AlarmState::Alarm);
            let action = alarm_action(name, "ALARM", world.now());
            world.deliver("rollback", action, 2);
        });
    }

    /// Invokes a function as Lambda does for events: an invocation that fails is repeated after one minute, then after two.
    pub fn deliver(&mut self, function: &'static str, event: Value, retries: i64) {
        if self.invoke(function, event.clone()).is_err() && retries > 0 {
            let delay = self.now().duration_since(self.began).as_secs() + 60 * (3 - retries);
            self.at(delay, move |world| world.deliver(function, event, retries - 1));
        }
    }

    /// Starts a rollout by starting the state machine, which is idempotent by name as on AWS.
    pub fn start(&mut self, name: &str, input: Value) {
        if self.runs.contains_key(name) {
            return;
        }
        let execution = self.machine.start(&execution_arn(name), name, input);
        let ready_at = self.now();
        self.runs.insert(name.to_owned(), Run { execution, ready_at });
    }

    /// Stops an execution, which runs no state of its own any more.
    pub fn stop(&mut self, name: &str) {
        if let Some(run) = self.runs.remove(name) {
            let aborted = End::Failed {
                error: "ABORTED".to_owned(),
                cause: "stopped".to_owned(),
            };
            self.end(name, run, aborted);
            self.aws
                .account()
                .ended_executions
                .insert(ExecutionArn(execution_arn(name)), "ABORTED".to_owned());
        }
    }

    /// Runs until every execution has ended and nothing is left to happen, then until every stage is looked after.
    pub fn run(&mut self) {
        while !self.runs.is_empty() || !self.events.is_empty() {
            self.happen();
        }
        let rest = self.now() + SignedDuration::from_mins(6);
        while self.next_sweep.is_some_and(|next| next < rest) {
            self.happen();
        }
    }

    fn happen(&mut self) {
        let run = self.runs.iter().map(|(name, run)| (run.ready_at, name.clone())).min();
        let event = self.events.keys().next().copied();
        let switch = self.next_switch();
        let times = [
            run.as_ref().map(|(at, _)| *at),
            event.map(|(at, _)| at),
            switch.as_ref().map(|(at, _)| *at),
            self.next_sweep,
        ];
        let next = times.into_iter().flatten().min().expect("something is left to happen");
        let now = self.now().max(next);
        self.aws.account().now = now;
        if event.is_some_and(|(at, _)| at == next) {
            let (_, event) = self.events.pop_first().unwrap();
            event(self);
        } else if let Some((_, rollout)) = switch.filter(|(at, _)| *at == next) {
            self.fire(rollout);
        } else if self.next_sweep == Some(next) {
            self.next_sweep = Some(next + SignedDuration::from_secs(60));
            let _ = self.invoke("sweep", Value::Null);
        } else if let Some((_, name)) = run {
            self.go_on(&name);
        }
    }

    /// The dead man's switch that fires next.
    fn next_switch(&self) -> Option<(Timestamp, RolloutId)> {
        let account = self.aws.account();
        let schedules = account.schedules.iter();
        schedules
            .map(|(rollout, schedule)| (schedule.at, rollout.clone()))
            .min()
    }

    fn fire(&mut self, rollout: RolloutId) {
        self.aws.account().fire(&rollout);
        self.aws.account().arrive(&rollout);
        self.note_stage();
        self.fired.push((rollout, self.now()));
    }

    /// Until the switch fires, the sweep must have had its turn.
    fn note_lead(&mut self) {
        let claim = self.claim().filter(|claim| claim.phase.is_active());
        if let Some(claim) = claim
            && let Switch::Armed(at) = claim.switch
        {
            self.least_lead = self.least_lead.min(at.duration_since(claim.next_beat_by));
        }
    }

    fn go_on(&mut self, name: &str) {
        let mut run = self.runs.remove(name).unwrap();
        let wait = match run.execution.resume() {
            Next::Wait(seconds) => seconds,
            Next::Ended(end) => return self.end(name, run, end),
            Next::Invoke { function, payload } => {
                let outcome = match self.hooks.get(&function).cloned() {
                    Some(answer) => {
                        let now = self.now() + self.hook_time;
                        self.aws.account().now = now;
                        Ok(answer)
                    }
                    None => self.invoke(&functions::name(&function), payload),
                };
                run.execution.complete(outcome)
            }
        };
        run.ready_at = self.now() + SignedDuration::from_secs(i64::try_from(wait).unwrap());
        self.runs.insert(name.to_owned(), run);
    }

    fn end(&mut self, name: &str, run: Run, end: End) {
        let status = if matches!(end, End::Succeeded(_)) {
            "SUCCEEDED"
        } else {
            "FAILED"
        };
        let arn = ExecutionArn(execution_arn(name));
        self.aws.account().ended_executions.insert(arn, status.to_owned());
        self.told.extend(run.execution.told);
        self.histories
            .insert(name.to_owned(), (run.execution.seen, run.execution.events));
        self.ends.insert(name.to_owned(), end);
    }

    /// Invokes a function, as Lambda would: a process that dies is a failure by Lambda's own name, after the timeout.
    pub fn invoke(&mut self, function: &str, input: Value) -> Result<Value, Failure> {
        let first = self.aws.account().calls.len();
        let secrets = secrets(&self.aws);
        // `None` where it crashed.
        let (outcome, log) = log::of(|| functions::run(&self.aws, function, input).now_or_never());
        for secret in secrets {
            assert!(!log.contains(&secret), "{function} logs {secret:?}:\n{log}");
        }
        self.log.push_str(&log);
        let made = std::mem::take(&mut self.aws.account().made);
        let missing: Vec<_> = needed(&made).difference(granted(function)).cloned().collect();
        assert!(missing.is_empty(), "template.yaml does not let {function} {missing:?}");
        self.made.entry(function.to_owned()).or_default().extend(made);
        let sent = self.aws.account().calls.split_off(first);
        self.aws.account().calls.extend(&sent);
        self.invocations.push((function.to_owned(), sent));
        self.note_stage();
        self.note_lead();
        let took = if outcome.is_some() {
            self.invocation_time
        } else {
            SignedDuration::from_secs(15)
        };
        let now = self.now();
        self.aws.account().now = now + took;
        match outcome {
            None => Err(Failure {
                error: "Sandbox.Timedout".to_owned(),
                cause: "Task timed out after 15.00 seconds".to_owned(),
            }),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(functions::failure(&error)),
        }
    }

    fn note_stage(&mut self) {
        let now = self.now();
        let Some(view) = self.aws.account().apis[API].stages.get("prod").cloned() else {
            return;
        };
        if self.moments.last().map(|moment| &moment.view) != Some(&view) {
            self.moments.push(Moment { at: now, view });
        }
    }

    /// The stage `prod` now.
    #[must_use]
    pub fn stage(&self) -> StageView {
        self.aws.account().apis[API].stages["prod"].clone()
    }

    /// The claim of `prod`.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        self.aws.account().claims.get(&prod()).cloned()
    }

    /// The phase that the claim of `prod` is in.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.claim().map(|claim| claim.phase)
    }

    /// How an execution ended.
    #[must_use]
    pub fn ended(&self, name: &str) -> &End {
        self.ends
            .get(name)
            .unwrap_or_else(|| panic!("execution {name} has not ended"))
    }

    /// The error and the cause that an execution failed with.
    #[must_use]
    pub fn failure(&self, name: &str) -> (&str, &str) {
        match self.ended(name) {
            End::Failed { error, cause } => (error, cause),
            End::Succeeded(output) => panic!("execution {name} succeeded: {output}"),
        }
    }

    /// The shares that `prod` gave to a canary, one after the other; `-` where there was none.
    #[must_use]
    pub fn shares(&self) -> Vec<String> {
        let share = |moment: &Moment| {
            moment
                .view
                .canary
                .as_ref()
                .map_or("-".to_owned(), |canary| canary.percent.to_string())
        };
        let mut shares: Vec<_> = self.moments.iter().map(share).collect();
        shares.dedup();
        shares
    }

    /// The largest share that a canary had from `at` on.
    #[must_use]
    pub fn largest_share_after(&self, at: Timestamp) -> Percent {
        let after = self.moments.iter().filter(|moment| moment.at >= at);
        let shares = after.filter_map(|moment| moment.view.canary.as_ref().map(|canary| canary.percent));
        shares.max().unwrap_or(Percent::ZERO)
    }

    /// Whether somebody could deploy to `prod` in the ordinary way.
    #[must_use]
    pub fn can_be_deployed_to(&self) -> bool {
        let mut api = self.aws.account().apis[API].clone();
        api.create_deployment("somebody else's", Some("prod"), None).is_ok()
    }

    /// The texts of the timeline.
    #[must_use]
    pub fn timeline(&self) -> Vec<String> {
        self.aws
            .account()
            .timeline
            .iter()
            .map(|entry| format!("{}: {}", entry.by, entry.text))
            .collect()
    }
}
