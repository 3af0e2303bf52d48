//! Many stages with a rollout each, run by the deployed state machine, on tokio's clock.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use serin_core::{
    alarm::{AlarmKind, AlarmState},
    ids::ExecutionArn,
    stage::Variables,
    timing::{FUNCTION_TIMEOUT_SECONDS, ROLLBACK_TIMEOUT_SECONDS, SWEEP_PERIOD_SECONDS, SWEEP_TIMEOUT_SECONDS},
};
use serin_steps::{
    fakes::{CallLimit, FakeAlarm, FakeAws, RestApi},
    ports::Clock as _,
};
use serin_tests::{
    functions,
    machine::{End, Failure, Machine, Next},
    simulation::{execution_arn, execution_event},
};
use tokio::{task::spawn_local, time};

use crate::slow::{Sent, Slow};

/// The alarm that guards every stage.
pub(crate) const SHARED: &str = "checkout-errors";
/// How long EventBridge and Lambda take to deliver an event.
const DELIVERY: Duration = Duration::from_millis(300);

/// The stages, their executions and everything that was sent.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) slow: Slow,
    machine: Machine,
    ends: Rc<RefCell<BTreeMap<String, End>>>,
}

impl Fleet {
    /// An account with API Gateway's limit and the shared alarm, and nothing else.
    pub(crate) fn new() -> Self {
        let aws = FakeAws::new("2026-03-01T03:00:00Z".parse().unwrap());
        let now = aws.now();
        aws.limit_calls(CallLimit::of_api_gateway(now));
        let fleet = Self {
            slow: Slow::new(aws),
            machine: Machine::deployed(),
            ends: Rc::default(),
        };
        fleet.set_alarm(SHARED, AlarmState::Ok);
        fleet
    }

    pub(crate) fn set_alarm(&self, name: &str, state: AlarmState) {
        let alarm = FakeAlarm {
            state,
            reason: "3 errors in 2 of 3 minutes".to_owned(),
            kind: AlarmKind::Metric,
        };
        self.slow.aws.account().alarms.insert(name.to_owned(), alarm);
    }

    /// Starts a rollout on a stage of its own, guarded by the shared alarm.
    pub(crate) fn start(&self, name: &str) {
        let variables = Variables::from([("alias".to_owned(), "v1".to_owned())]);
        let api = RestApi::new(name, "prod", variables);
        self.slow.aws.account().apis.insert(name.to_owned(), api);
        let input = json!({
            "restApiId": name, "stageName": "prod", "plan": {"steps": [{"percent": 10, "bakeSeconds": 3600}]},
            "alarms": [SHARED], "analysis": {"mode": "off"},
        });
        let (fleet, name) = (self.clone(), name.to_owned());
        spawn_local(async move { fleet.execute(&name, input).await });
    }

    async fn execute(&self, name: &str, input: Value) {
        let mut execution = self.machine.start(&execution_arn(name), name, input);
        let end = loop {
            let wait = match execution.resume() {
                Next::Wait(seconds) => seconds,
                Next::Ended(end) => break end,
                Next::Invoke { function, payload } => {
                    execution.complete(self.invoke("state machine", &functions::name(&function), payload).await)
                }
            };
            time::sleep(Duration::from_secs(wait)).await;
        };
        let status = if matches!(end, End::Succeeded(_)) {
            "SUCCEEDED"
        } else {
            "FAILED"
        };
        self.ends.borrow_mut().insert(name.to_owned(), end);
        let arn = ExecutionArn(execution_arn(name));
        self.slow.aws.account().ended_executions.insert(arn, status.to_owned());
        if status == "FAILED" {
            self.deliver("end of an execution", execution_event(name, status)).await;
        }
    }

    /// Invokes a function, which Lambda ends after its timeout.
    pub(crate) async fn invoke(&self, by: &'static str, function: &str, input: Value) -> Result<Value, Failure> {
        let seconds = match function {
            "rollback" => ROLLBACK_TIMEOUT_SECONDS,
            "sweep" => SWEEP_TIMEOUT_SECONDS,
            _ => FUNCTION_TIMEOUT_SECONDS,
        };
        let world = self.slow.by(by);
        let limit = Duration::from_secs(u64::try_from(seconds).unwrap());
        match time::timeout(limit, functions::run(&world, function, input)).await {
            Ok(outcome) => outcome.map_err(|error| functions::failure(&error)),
            Err(_) => Err(Failure {
                error: "Sandbox.Timedout".to_owned(),
                cause: String::new(),
            }),
        }
    }

    /// Delivers an event to `rollback`, as Lambda does: after a failure again in one minute, and then in two.
    pub(crate) async fn deliver(&self, by: &'static str, event: Value) {
        time::sleep(DELIVERY).await;
        for minutes in [1, 2] {
            if self.invoke(by, "rollback", event.clone()).await.is_ok() {
                return;
            }
            time::sleep(Duration::from_secs(60 * minutes)).await;
        }
        let _ = self.invoke(by, "rollback", event).await;
    }

    /// Sweeps every minute.
    pub(crate) fn sweep(&self) {
        let fleet = self.clone();
        spawn_local(async move {
            loop {
                let _ = fleet.invoke("sweep", "sweep", Value::Null).await;
                time::sleep(Duration::from_secs(u64::try_from(SWEEP_PERIOD_SECONDS).unwrap())).await;
            }
        });
    }

    /// The calls to API Gateway that reached it from `from` on.
    pub(crate) fn gateway_calls(&self, from: Timestamp) -> Vec<Sent> {
        let log = self.slow.log.lock().unwrap();
        log.iter()
            .filter(|sent| sent.at >= from && !sent.api.is_empty())
            .cloned()
            .collect()
    }

    /// Every call that such an invocation made.
    pub(crate) fn calls_by(&self, by: &str) -> Vec<Sent> {
        let log = self.slow.log.lock().unwrap();
        log.iter().filter(|sent| sent.by == by).cloned().collect()
    }

    /// How the executions ended, without repetition.
    pub(crate) fn ends(&self) -> BTreeSet<String> {
        let ends = self.ends.borrow();
        ends.values()
            .map(|end| match end {
                End::Succeeded(_) => "Succeeded".to_owned(),
                End::Failed { error, cause } => format!("{error}: {cause}"),
            })
            .collect()
    }

    /// How many stages have a canary.
    pub(crate) fn canaries(&self) -> usize {
        let account = self.slow.aws.account();
        account
            .apis
            .values()
            .filter(|api| api.stages["prod"].canary.is_some())
            .count()
    }

    /// The phases that the claims are in, without repetition.
    pub(crate) fn phases(&self) -> BTreeSet<&'static str> {
        let account = self.slow.aws.account();
        account.claims.values().map(|claim| claim.phase.name()).collect()
    }
}
