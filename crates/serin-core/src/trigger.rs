//! What can ask for a rollback, told apart by one tolerant parser.
//!
//! An alarm reaches the function in three incompatible shapes (its direct action, EventBridge, SNS), and AWS adds fields to them;
//! so only what is needed is read and everything else is let be.

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    alarm::AlarmState,
    fields::{Faults, Field, Reader, brief},
    ids::{AlarmArn, ExecutionArn, RolloutId, StageId},
};

/// A call for a rollback.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// An alarm went into ALARM.
    Alarm {
        /// Which.
        arn: AlarmArn,
        /// When its state changed, by CloudWatch's clock.
        at: Option<Timestamp>,
        /// CloudWatch's reason.
        reason: String,
    },
    /// An execution of the state machine ended other than well.
    ExecutionEnded {
        /// Which: the only thing of the event that says which claim it concerns.
        arn: ExecutionArn,
        /// `FAILED`, `TIMED_OUT` or `ABORTED`.
        status: String,
    },
    /// The state machine routed to `RollBack`.
    StateMachine {
        /// The execution.
        arn: ExecutionArn,
        /// Its name, which is the rollout's id.
        rollout_id: RolloutId,
        /// The whole state: a document, or what was there when a task failed.
        state: Value,
    },
    /// A person.
    Person {
        /// What is to be rolled back.
        whose: Whose,
        /// Who asks.
        by: String,
        /// Why.
        reason: String,
    },
    /// Something that asks for nothing, such as an alarm that is OK again.
    Nothing {
        /// What it was.
        what: String,
    },
}

/// How a person names a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Whichever rollout holds the stage.
    Stage(StageId),
    /// This rollout.
    Rollout(RolloutId),
}

const SHAPES: &str = "an alarm's direct action, its EventBridge event or its SNS message, a status change of an execution, \
     the state machine's own call, or {\"restApiId\", \"stageName\", \"by\", \"reason\"} by a person";

/// The type of EventBridge's events of alarms.
const STATE_CHANGE: &str = "CloudWatch Alarm State Change";

/// The type, and the source, of events of executions.
const EXECUTION_CHANGE: &str = "Step Functions Execution Status Change";
const STEP_FUNCTIONS: &str = "aws.states";

/// Types of events of alarms that never say that one went into ALARM: it was edited, or one series of many changed.
const OF_NO_CONCERN: [&str; 2] = [
    "CloudWatch Alarm Configuration Change",
    "CloudWatch Alarm Contributor State Change",
];

/// Tells what asks for a rollback: one reading, or one for each record of an SNS event, so that a record that cannot be read
/// hides no other.
///
/// # Errors
/// Each reading names what is missing where the input has none of the known shapes, or one of them without what is needed.
#[must_use]
pub fn parse(input: &Value) -> Vec<Result<Trigger, Faults>> {
    match input.get("Records").and_then(Value::as_array) {
        Some(records) if !records.is_empty() && !is_alarm(input) => records.iter().map(sns_record).collect(),
        _ => vec![one(input)],
    }
}

fn detail_type(input: &Value) -> Option<&str> {
    text(input, "/detail-type")
}

/// Whether it is an alarm's action or event, by what only these have: a field that AWS adds one day must not hide an alarm.
fn is_alarm(input: &Value) -> bool {
    input.pointer("/alarmData/state").is_some() || detail_type(input) == Some(STATE_CHANGE)
}

fn one(input: &Value) -> Result<Trigger, Faults> {
    let source = text(input, "/source");
    match (source, detail_type(input)) {
        (_, Some(STATE_CHANGE)) if input.pointer("/detail/state").is_some() => alarm_event(input),
        _ if input.get("alarmData").is_some() => direct_action(input),
        (_, Some(STATE_CHANGE)) => alarm_event(input),
        (Some(STEP_FUNCTIONS), Some(EXECUTION_CHANGE)) => execution_event(input),
        // Anybody may put events with another source.
        (_, Some(EXECUTION_CHANGE)) => Err(Faults::one(
            "source",
            given(input, "/source"),
            format!("{STEP_FUNCTIONS:?}"),
        )),
        (_, Some(other)) if OF_NO_CONCERN.contains(&other) => Ok(Trigger::Nothing {
            what: format!("an event of type {other:?}"),
        }),
        (_, Some(_)) => Err(Faults::one(
            "detail-type",
            given(input, "/detail-type"),
            format!("{STATE_CHANGE:?} or {EXECUTION_CHANGE:?}; known inputs are {SHAPES}"),
        )),
        (_, None) if input.get("execution").is_some() => state_machine(input),
        (_, None) => person(input),
    }
}

fn text<'a>(input: &'a Value, pointer: &str) -> Option<&'a str> {
    input.pointer(pointer).and_then(Value::as_str)
}

fn needed<'a>(input: &'a Value, pointer: &str) -> Result<&'a str, Faults> {
    text(input, pointer).ok_or_else(|| {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        Faults::one(
            &path,
            given(input, pointer),
            format!("a text; known inputs are {SHAPES}"),
        )
    })
}

fn given(input: &Value, pointer: &str) -> String {
    input.pointer(pointer).map_or_else(|| "nothing".to_owned(), brief)
}

/// The ARN of the alarm among the resources that an event is about.
fn alarm_among_resources(input: &Value) -> Option<&str> {
    let resources = input.get("resources")?.as_array()?;
    resources
        .iter()
        .filter_map(Value::as_str)
        .find(|arn| arn.contains(":alarm:"))
}

/// An alarm counts only where its state is ALARM now. An unknown state is not ignored but reported.
fn alarm(arn: &str, state: &str, at: Option<&str>, reason: Option<&str>) -> Result<Trigger, Faults> {
    match AlarmState::parse(state) {
        Some(AlarmState::Alarm) => Ok(Trigger::Alarm {
            arn: arn.into(),
            at: at.and_then(cloudwatch_time),
            reason: reason.unwrap_or("CloudWatch gave no reason").to_owned(),
        }),
        Some(AlarmState::Ok | AlarmState::InsufficientData) => Ok(Trigger::Nothing {
            what: format!("alarm {arn} is now {state}"),
        }),
        None => Err(Faults::one(
            "state",
            format!("{state:?}"),
            "OK, ALARM or INSUFFICIENT_DATA",
        )),
    }
}

/// The alarm's own action. Published examples also show its data in the envelope of an event, with the ARN among the resources.
fn direct_action(input: &Value) -> Result<Trigger, Faults> {
    let arn = text(input, "/alarmArn").or_else(|| alarm_among_resources(input));
    alarm(
        arn.map_or_else(|| needed(input, "/alarmArn"), Ok)?,
        needed(input, "/alarmData/state/value")?,
        text(input, "/alarmData/state/timestamp").or_else(|| text(input, "/time")),
        text(input, "/alarmData/state/reason"),
    )
}

/// CloudWatch writes `2023-08-04T12:36:15.490+0000`, sometimes with a colon or a Z. A time that cannot be read is no time:
/// the alarm still counts.
fn cloudwatch_time(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

fn alarm_event(input: &Value) -> Result<Trigger, Faults> {
    let arn = alarm_among_resources(input);
    alarm(
        arn.map_or_else(|| needed(input, "/resources/0"), Ok)?,
        needed(input, "/detail/state/value")?,
        text(input, "/detail/state/timestamp").or_else(|| text(input, "/time")),
        text(input, "/detail/state/reason"),
    )
}

/// A topic of the user's may carry anything: what is no message of an alarm asks for nothing. One that is broken, or that says
/// of an alarm what nobody here understands, is reported. A rule of EventBridge may have put the alarm's event there.
fn sns_record(record: &Value) -> Result<Trigger, Faults> {
    let text = needed(record, "/Sns/Message")?;
    let of_alarms = [
        "AlarmArn",
        "AlarmName",
        "NewStateValue",
        "alarmData",
        ":alarm:",
        "\"ALARM\"",
        STATE_CHANGE,
    ];
    if !of_alarms.iter().any(|word| text.contains(word)) {
        return Ok(Trigger::Nothing {
            what: "an SNS message that is not an alarm's".to_owned(),
        });
    }
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        let given = format!("{} bytes that are not JSON", text.len());
        return Err(Faults::one("Sns.Message", given, "the whole message of an alarm"));
    };
    if is_alarm(&message) {
        return one(&message);
    }
    alarm(
        needed(&message, "/AlarmArn")?,
        needed(&message, "/NewStateValue")?,
        self::text(&message, "/StateChangeTime"),
        self::text(&message, "/NewStateReason"),
    )
}

fn execution_event(input: &Value) -> Result<Trigger, Faults> {
    let arn = needed(input, "/detail/executionArn")?;
    let status = needed(input, "/detail/status")?;
    Ok(match status {
        "FAILED" | "TIMED_OUT" | "ABORTED" => Trigger::ExecutionEnded {
            arn: arn.into(),
            status: status.to_owned(),
        },
        _ => Trigger::Nothing {
            what: format!("execution {arn} is {status}"),
        },
    })
}

fn state_machine(input: &Value) -> Result<Trigger, Faults> {
    Ok(Trigger::StateMachine {
        arn: needed(input, "/execution/Id")?.into(),
        rollout_id: needed(input, "/execution/Name")?.into(),
        state: input.get("state").cloned().unwrap_or_default(),
    })
}

fn person(input: &Value) -> Result<Trigger, Faults> {
    let mut reader = Reader::default();
    let fields = ["restApiId", "stageName", "rolloutId", "by", "reason"];
    let trigger = reader.object(&Field::root("", input), &fields).and_then(|object| {
        let whose = whose(&mut reader, &object);
        let by = reader.sentence(&object, "by");
        let reason = reader.sentence(&object, "reason");
        Some(Trigger::Person {
            whose: whose?,
            by: by?,
            reason: reason?,
        })
    });
    reader.finish(trigger).map_err(|mut faults| {
        faults.0.iter_mut().for_each(|fault| {
            if fault.path == "the request" {
                SHAPES.clone_into(&mut fault.allowed);
            }
        });
        faults
    })
}

/// A rollout by its id or by its stage.
pub(crate) fn whose(reader: &mut Reader, object: &crate::fields::Object<'_>) -> Option<Whose> {
    let mut name = |name: &str| {
        let field = object.get(name)?;
        reader.text(&field, "a text of 1 to 128 characters", |text| {
            (1..=128).contains(&text.chars().count())
        })
    };
    let (rollout, api, stage) = (name("rolloutId"), name("restApiId"), name("stageName"));
    match (rollout, api, stage) {
        (Some(rollout), None, None) => Some(Whose::Rollout(RolloutId(rollout))),
        (None, Some(rest_api_id), Some(stage_name)) => Some(Whose::Stage(StageId {
            rest_api_id,
            stage_name,
        })),
        _ => {
            reader.fault(
                &object.path_of("rolloutId"),
                "not one way to name a rollout",
                "either rolloutId, or restApiId and stageName",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
