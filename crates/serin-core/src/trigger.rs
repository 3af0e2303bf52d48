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

/// Tells what asks for a rollback.
///
/// # Errors
/// Names what is missing where the input has none of the known shapes, or one of them without what is needed.
pub fn parse(input: &Value) -> Result<Vec<Trigger>, Faults> {
    if let Some(records) = input.get("Records").and_then(Value::as_array) {
        return records.iter().map(sns_record).collect();
    }
    let source = input.get("source").and_then(Value::as_str);
    let detail_type = input.get("detail-type").and_then(Value::as_str);
    let trigger = match (source, detail_type) {
        _ if input.get("alarmData").is_some() => direct_action(input)?,
        (_, Some("CloudWatch Alarm State Change")) => alarm_event(input)?,
        (Some("aws.states"), Some("Step Functions Execution Status Change")) => execution_event(input)?,
        (_, Some(other)) => Trigger::Nothing {
            what: format!("an event of type {other:?}"),
        },
        (_, None) if input.get("execution").is_some() => state_machine(input)?,
        (_, None) => person(input)?,
    };
    Ok(vec![trigger])
}

fn text<'a>(input: &'a Value, pointer: &str) -> Option<&'a str> {
    input.pointer(pointer).and_then(Value::as_str)
}

fn needed<'a>(input: &'a Value, pointer: &str) -> Result<&'a str, Faults> {
    text(input, pointer).ok_or_else(|| {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        let given = input.pointer(pointer).map_or_else(|| "nothing".to_owned(), brief);
        Faults::one(&path, given, format!("a text; known inputs are {SHAPES}"))
    })
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
    let arn = match text(input, "/resources/0") {
        Some(arn) if input.get("alarmArn").is_none() => arn,
        _ => needed(input, "/alarmArn")?,
    };
    alarm(
        arn,
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
    alarm(
        needed(input, "/resources/0")?,
        needed(input, "/detail/state/value")?,
        text(input, "/detail/state/timestamp").or_else(|| text(input, "/time")),
        text(input, "/detail/state/reason"),
    )
}

fn sns_record(record: &Value) -> Result<Trigger, Faults> {
    let message = needed(record, "/Sns/Message")?;
    let Ok(message) = serde_json::from_str::<Value>(message) else {
        return Ok(Trigger::Nothing {
            what: "an SNS message that is not an alarm's".to_owned(),
        });
    };
    if message.get("NewStateValue").is_none() {
        return Ok(Trigger::Nothing {
            what: "an SNS message that is not an alarm's".to_owned(),
        });
    }
    alarm(
        needed(&message, "/AlarmArn")?,
        needed(&message, "/NewStateValue")?,
        text(&message, "/StateChangeTime"),
        text(&message, "/NewStateReason"),
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
