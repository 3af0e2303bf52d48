//! The news of an alarm, as CloudWatch and EventBridge word it, delivered at least once.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use serin_local::{ACCOUNT, Api, Error, REGION, Result, World};

use crate::script::Way;

const ACTION: &str = include_str!("../../../events/rollback/alarm-action-metric.json");
const EVENT: &str = include_str!("../../../events/rollback/alarm-event-metric.json");

/// Which of the stage's alarms goes off.
pub(crate) const ALARM: &str = "canary-5xx";

/// Whoever delivers gives up after so long: longer than any outage of a round.
const PATIENCE: Duration = Duration::from_mins(2);

/// News that was delivered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// When the alarm's state changed.
    pub(crate) changed_at: Timestamp,
    /// Whether the rollout held the stage by then.
    pub(crate) held: bool,
    /// When the function had accepted it.
    pub(crate) accepted_at: Timestamp,
    /// What the function answered.
    pub(crate) answer: Value,
}

/// Tells of a change of one of the stage's alarms until the function accepts it, as AWS does after an error.
pub(crate) async fn deliver(world: &World, api: &Api, way: Way, changed: (Timestamp, bool)) -> Result<Delivery> {
    let (changed_at, held) = changed;
    let (function, payload) = payload(&api.alarm(ALARM), way, changed_at)?;
    let started = Instant::now();
    let mut pause = Duration::from_millis(500);
    loop {
        match world.invoke(function, &payload).await {
            Ok(answer) => {
                return Ok(Delivery {
                    changed_at,
                    held,
                    accepted_at: Timestamp::now(),
                    answer,
                });
            }
            Err(error) if started.elapsed() > PATIENCE => return Err(error),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_secs(8));
    }
}

/// The function that is told of an alarm that way, and what it is told.
pub(crate) fn payload(alarm: &str, way: Way, changed_at: Timestamp) -> Result<(&'static str, Value)> {
    let (function, template) = match way {
        Way::Action => ("rollback", ACTION),
        Way::Event => ("rollback-on-event", EVENT),
    };
    let read = serde_json::from_str::<Value>(template);
    let mut payload = read.map_err(|error| Error::Missing(format!("a payload of {function}: {error}")))?;
    let arn = format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}");
    let time = format!("{changed_at:.3}").replace('Z', "+0000");
    let changes = match way {
        Way::Action => vec![
            ("/alarmArn", json!(arn)),
            ("/alarmData/alarmName", json!(alarm)),
            ("/alarmData/state/timestamp", json!(time)),
        ],
        Way::Event => vec![
            ("/resources/0", json!(arn)),
            ("/detail/alarmName", json!(alarm)),
            ("/detail/state/timestamp", json!(time)),
        ],
    };
    for (pointer, value) in changes {
        match payload.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => return Err(Error::Missing(format!("{pointer} in a payload of {function}"))),
        }
    }
    Ok((function, payload))
}

impl Delivery {
    /// How many rollouts the function concerned itself with.
    pub(crate) fn concerned(&self) -> usize {
        let stages = self.answer.pointer("/results/0/stages").and_then(Value::as_array);
        stages.map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use serin_core::trigger::{Trigger, parse};

    use super::*;

    #[test]
    fn both_payloads_are_understood_as_the_alarm_and_the_moment_that_they_tell_of() {
        let at: Timestamp = "2026-05-04T03:02:01.234Z".parse().unwrap();
        for way in [Way::Action, Way::Event] {
            let (_, payload) = payload("serin-a1b2c3-prod-canary-5xx", way, at).unwrap();
            let triggers = parse(&payload);
            let [Ok(Trigger::Alarm { arn, at: found, .. })] = triggers.as_slice() else {
                panic!("{triggers:?}")
            };
            assert_eq!((arn.alarm_name(), *found), ("serin-a1b2c3-prod-canary-5xx", Some(at)));
        }
    }
}
