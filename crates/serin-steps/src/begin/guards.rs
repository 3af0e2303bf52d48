//! The alarms that will guard the rollout: which they are, and whether they allow it to begin.

use serin_core::{
    alarm::{AlarmKind, AlarmReading, AlarmState, IfAlreadyInAlarm, PlannedAlarm},
    decide::{Finding, Verdict},
    fields::{Fault, Faults},
    ids::AlarmArn,
    request::Request,
};

use super::{Begin, no_such_stage};
use crate::{
    error::Stepped,
    ports::{Alarms, CallError, Gateway},
};

impl<G: Gateway, C: Sync, A: Alarms, S: Sync, K: Sync> Begin<'_, G, C, A, S, K> {
    /// The alarms of the plan: those asked for, all of which must exist, or the stage's own.
    pub(super) async fn guards(&self, request: &Request) -> Stepped<Vec<PlannedAlarm>> {
        let Some(planned) = &request.alarms else {
            return self.own_alarms(request).await;
        };
        let names: Vec<_> = planned.iter().map(|alarm| alarm.arn.alarm_name()).collect();
        let found = if names.is_empty() {
            Vec::new()
        } else {
            self.alarms.named(&AlarmKind::ALL, &names).await?
        };
        let missing = names
            .iter()
            .enumerate()
            .filter(|(_, name)| !found.iter().any(|alarm| alarm.name == **name));
        let faults: Vec<_> = missing
            .map(|(index, name)| Fault {
                path: format!("alarms[{index}]"),
                given: format!("{name:?}, which does not exist"),
                allowed: format!("an alarm of account {} in {}", self.home.account, self.home.region),
            })
            .collect();
        if faults.is_empty() {
            Ok(planned.clone())
        } else {
            Err(Faults(faults).into())
        }
    }

    async fn own_alarms(&self, request: &Request) -> Stepped<Vec<PlannedAlarm>> {
        let prefix = request.stage.alarm_prefix();
        let found = self.alarms.with_prefix(&AlarmKind::ALL, &prefix).await?;
        if found.is_empty() && matches!(self.gateway.stage(&request.stage).await, Err(CallError::NotFound(_))) {
            return Err(no_such_stage(request).into()); // It has no alarms because it is no stage.
        }
        let given = match found.len() {
            0 => format!("nothing, and there is no alarm whose name begins with {prefix:?}"),
            1..=serin_core::alarm::MAX_ALARMS => {
                let planned = |alarm: &AlarmReading| PlannedAlarm {
                    arn: self.home.alarm_arn(&alarm.name),
                    if_already_in_alarm: IfAlreadyInAlarm::Refuse,
                };
                return Ok(found.iter().map(planned).collect());
            }
            many => format!("nothing, and {many} alarms begin with {prefix:?}"),
        };
        let allowed = "a list of 1 to 20 alarms, the stage's own (infra/monitoring.yaml makes them), or [] to run unguarded on purpose";
        Err(Faults::one("alarms", given, allowed).into())
    }

    /// The alarms are read after the claim is written, so that none can fall between.
    pub(super) async fn alarms_now(&self, planned: &[PlannedAlarm]) -> Stepped<AtStart> {
        let names: Vec<_> = planned.iter().map(|alarm| alarm.arn.alarm_name()).collect();
        let found = if names.is_empty() {
            Vec::new()
        } else {
            self.alarms.named(&AlarmKind::ALL, &names).await?
        };
        let in_state = |alarm: &&PlannedAlarm, state: AlarmState| {
            found
                .iter()
                .any(|reading| reading.name == alarm.arn.alarm_name() && reading.state == state)
        };
        let on = planned.iter().filter(|alarm| in_state(alarm, AlarmState::Alarm));
        let (ignored, refused): (Vec<_>, Vec<_>) =
            on.partition(|alarm| alarm.if_already_in_alarm == IfAlreadyInAlarm::IgnoreUntilOk);
        if !refused.is_empty() {
            let names: Vec<_> = refused.iter().map(|alarm| alarm.arn.alarm_name()).collect();
            let allowed = "alarms that are OK or without data at the start, or {\"name\": ..., \"ifAlreadyInAlarm\": \"ignoreUntilOk\"} to ship a fix";
            return Err(Faults::one("alarms", format!("{}, already in ALARM", names.join(", ")), allowed).into());
        }
        let silent = planned
            .iter()
            .filter(|alarm| in_state(alarm, AlarmState::InsufficientData));
        Ok(AtStart {
            ignored: ignored.into_iter().map(|alarm| alarm.arn.clone()).collect(),
            findings: silent.map(|alarm| without_data(alarm.arn.alarm_name())).collect(),
        })
    }
}

/// What the alarms said when the stage had just been claimed.
pub(super) struct AtStart {
    /// Those that are on and are ignored until they are OK.
    pub(super) ignored: Vec<AlarmArn>,
    /// Those that have no data yet, as those of a canary have before there is one.
    pub(super) findings: Vec<Finding>,
}

fn without_data(name: &str) -> Finding {
    let text = format!("alarm {name} has no data yet");
    Finding::new(format!("alarm {name}"), Verdict::Inconclusive, text)
}
