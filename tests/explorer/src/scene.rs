//! Where every behaviour takes place: one stage, two rollouts that want it, one alarm, and the words they use.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serin_core::{
    alarm::{AlarmKind, AlarmState},
    claim::Claim,
    ids::{AlarmArn, DeploymentId, ExecutionArn, RolloutId, StageId},
    percent::Percent,
    stage::{CanaryTarget, CanaryView, StageView, Variables},
};
use serin_steps::fakes::{Account, FakeAlarm, RestApi};

use crate::bound::{Bound, Release};

const API: &str = "a1b2c3";
const STAGE: &str = "prod";
const ALARM: &str = "errors";
/// The deployment that a person brings.
pub const FOREIGN: &str = "x";
/// The variable that is nobody's business.
pub const OTHER: &str = "other";
/// The variable that a rollout brings.
const OURS: &str = "alias";
/// What a person sets it to on the canary.
const CHANGED: &str = "by hand";

/// One of the two rollouts: 0 is `a`, 1 is `b`.
pub type Which = usize;

/// The names of the two rollouts.
pub const NAMES: [&str; 2] = ["a", "b"];

/// That many seconds after everything began.
#[must_use]
pub fn time(seconds: u16) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + i64::from(seconds)).unwrap()
}

/// The seconds after everything began, of a time.
#[must_use]
pub fn seconds(time: Timestamp) -> u16 {
    u16::try_from(time.as_second() - 1_772_000_000).unwrap()
}

/// The seconds of a duration.
#[must_use]
pub fn length(duration: SignedDuration) -> u16 {
    u16::try_from(duration.as_secs()).unwrap()
}

/// The stage.
#[must_use]
pub fn stage_id() -> StageId {
    StageId {
        rest_api_id: API.to_owned(),
        stage_name: STAGE.to_owned(),
    }
}

/// The ARN of a rollout's execution.
#[must_use]
pub fn execution_arn(which: Which) -> String {
    format!(
        "arn:aws:states:eu-central-1:111122223333:execution:serin:{}",
        NAMES[which]
    )
}

fn alarm_arn() -> AlarmArn {
    AlarmArn(format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{ALARM}"))
}

/// The deployment of a rollout, if it is not made by itself.
#[must_use]
pub fn deployment(which: Which, bound: &Bound) -> DeploymentId {
    match bound.release {
        Release::Named => ["da", "db"][which].into(),
        Release::Made => ["d4", "d5"][which].into(),
        Release::Variable => "baseline".into(),
    }
}

/// What a rollout puts on the stage.
#[must_use]
pub fn target(which: Which, bound: &Bound) -> CanaryTarget {
    CanaryTarget {
        deployment_id: deployment(which, bound),
        stage_variable_overrides: Variables::from([(OURS.to_owned(), format!("v{}", which + 2))]),
        use_stage_cache: false,
    }
}

/// What the state machine is started with.
#[must_use]
pub fn request(which: Which, bound: &Bound) -> Value {
    let mut canary = json!({ "stageVariableOverrides": target(which, bound).stage_variable_overrides });
    if bound.release != Release::Made {
        canary["deploymentId"] = json!(deployment(which, bound));
    }
    let steps: Vec<_> = bound
        .steps
        .iter()
        .map(|percent| json!({ "percent": percent, "bakeSeconds": 30 }))
        .collect();
    json!({
        "restApiId": API, "stageName": STAGE, "canary": canary, "alarms": [ALARM],
        "plan": { "steps": steps }, "finalBakeSeconds": 30, "tickSeconds": 60, "analysis": { "mode": "off" },
    })
}

/// The account in which everything begins.
#[must_use]
pub fn account(bound: &Bound) -> Account {
    let mut account = Account::new(time(0));
    let variables = [(OURS, "v1"), (OTHER, "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut api = RestApi::new("shop", STAGE, Variables::from(variables));
    for id in ["da", "db", FOREIGN] {
        api.deployments.insert(id.into(), "made before".to_owned());
    }
    api.refuses_bare_copies = bound.refuses_bare_copies;
    account.apis.insert(API.to_owned(), api);
    set_alarm(&mut account, false);
    account
}

/// Puts the alarm into a state.
pub fn set_alarm(account: &mut Account, on: bool) {
    let alarm = FakeAlarm {
        state: if on { AlarmState::Alarm } else { AlarmState::Ok },
        reason: String::new(),
        kind: AlarmKind::Metric,
    };
    account.alarms.insert(ALARM.to_owned(), alarm);
}

/// Whether the alarm is on.
#[must_use]
pub fn alarm_is_on(account: &Account) -> bool {
    account.alarms[ALARM].state == AlarmState::Alarm
}

/// The API.
pub fn api(account: &mut Account) -> &mut RestApi {
    account.apis.get_mut(API).unwrap()
}

/// The stage as it is. There is one, and it is asked for many times a transition, so it is not looked up by its name.
#[must_use]
pub fn stage(account: &Account) -> &StageView {
    account
        .apis
        .values()
        .find_map(|api| api.stages.values().next())
        .unwrap()
}

/// The deployments of the API, and their descriptions.
#[must_use]
pub fn deployments(account: &Account) -> &BTreeMap<DeploymentId, String> {
    &account.apis[API].deployments
}

/// The stage, to be changed by somebody who is not Serin.
pub fn stage_mut(account: &mut Account) -> &mut StageView {
    api(account).stages.get_mut(STAGE).unwrap()
}

/// Whether a canary overrides the variable that a rollout brings.
#[must_use]
pub fn has_override(canary: &CanaryView) -> bool {
    canary.overrides.contains_key(OURS)
}

/// Whether a person changed what it overrides.
#[must_use]
pub fn is_changed(canary: &CanaryView) -> bool {
    canary.overrides.get(OURS).is_some_and(|value| value == CHANGED)
}

/// A person changes it.
pub fn change_override(canary: &mut CanaryView) {
    canary.overrides.insert(OURS.to_owned(), CHANGED.to_owned());
}

/// The canary, if it is somebody else's: of a deployment that only a person brings, or one that a person changed.
#[must_use]
pub fn foreign_canary(view: &StageView) -> Option<&CanaryView> {
    let foreign = |canary: &&CanaryView| {
        let brought = canary.deployment_id.as_str() == FOREIGN && view.deployment_id.as_str() != FOREIGN;
        brought || is_changed(canary)
    };
    view.canary.as_ref().filter(foreign)
}

/// The claim.
#[must_use]
pub fn claim(account: &Account) -> Option<&Claim> {
    account.claims.values().next()
}

/// Which rollout that is.
#[must_use]
pub fn which(rollout: &RolloutId) -> Which {
    NAMES.iter().position(|name| *name == rollout.as_str()).unwrap()
}

/// Ends an execution, as far as DescribeExecution knows.
pub fn end_execution(account: &mut Account, which: Which, status: Option<&str>) {
    let arn = ExecutionArn(execution_arn(which));
    match status {
        Some(status) => account.ended_executions.insert(arn, status.to_owned()),
        None => account.ended_executions.remove(&arn),
    };
}

/// The alarm's action, `at` being when it went into ALARM.
#[must_use]
pub fn alarm_action(at: Option<u16>) -> Value {
    let mut state = json!({ "value": "ALARM", "reason": "" });
    if let Some(at) = at {
        state["timestamp"] = json!(time(at));
    }
    json!({ "source": "aws.cloudwatch", "alarmArn": alarm_arn(), "alarmData": { "alarmName": ALARM, "state": state } })
}

/// The event of an execution's end.
#[must_use]
pub fn execution_event(which: Which, status: &str) -> Value {
    json!({
        "source": "aws.states", "detail-type": "Step Functions Execution Status Change",
        "detail": { "executionArn": execution_arn(which), "name": NAMES[which], "status": status },
    })
}

/// A person's wish to roll back whatever is on the stage.
#[must_use]
pub fn persons_wish() -> Value {
    json!({ "restApiId": API, "stageName": STAGE, "by": "mira", "reason": "no" })
}

/// The share of traffic that gets what the rollout brings.
#[must_use]
pub fn share(view: &StageView, target: &CanaryTarget) -> Percent {
    if view.is_promoted(target) {
        return Percent::ALL;
    }
    let shared_deployment = view.deployment_id == target.deployment_id;
    match &view.canary {
        Some(canary) if canary.deployment_id == target.deployment_id && !is_changed(canary) => {
            let brings = !shared_deployment || view_overrides(&canary.overrides, target);
            if brings { canary.percent } else { Percent::ZERO }
        }
        _ if shared_deployment && target.deployment_id.as_str() != "baseline" => Percent::ALL,
        _ => Percent::ZERO,
    }
}

fn view_overrides(overrides: &BTreeMap<String, String>, target: &CanaryTarget) -> bool {
    *overrides == target.stage_variable_overrides
}
