//! The alarms that guard a rollout.

use serde::{Deserialize, Serialize};

use crate::ids::AlarmArn;

/// The most alarms of a plan.
pub const MAX_ALARMS: usize = 20;

/// What a plan says of an alarm that is already in ALARM when the rollout starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IfAlreadyInAlarm {
    /// The rollout is refused.
    #[default]
    Refuse,
    /// It is ignored until it has been OK once, so that a fix can ship during an incident.
    IgnoreUntilOk,
}

/// An alarm of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAlarm {
    /// Its ARN.
    pub arn: AlarmArn,
    /// What to do where it is in ALARM at the start.
    #[serde(default)]
    pub if_already_in_alarm: IfAlreadyInAlarm,
}

/// What an alarm is made of. CloudWatch describes composite alarms only to those who ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// An alarm on a metric, or on a formula of metrics.
    Metric,
    /// An alarm on other alarms.
    Composite,
}

impl AlarmKind {
    /// Every kind: any of them may guard a rollout.
    pub const ALL: [Self; 2] = [Self::Metric, Self::Composite];
}

/// The state of an alarm, as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AlarmState {
    /// Its threshold is not reached.
    #[serde(rename = "OK")]
    Ok,
    /// Its threshold is reached.
    #[serde(rename = "ALARM")]
    Alarm,
    /// There is no data to tell. Neither good nor bad.
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl AlarmState {
    /// Reads CloudWatch's name of a state.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "OK" => Some(Self::Ok),
            "ALARM" => Some(Self::Alarm),
            "INSUFFICIENT_DATA" => Some(Self::InsufficientData),
            _ => None,
        }
    }
}

/// An alarm as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AlarmReading {
    /// Its name.
    pub name: String,
    /// Its state at the time of the look.
    pub state: AlarmState,
    /// CloudWatch's reason for that state.
    pub reason: String,
}
