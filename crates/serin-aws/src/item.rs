//! Claims as items of the table, and their conditions and changes as DynamoDB's expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serin_core::{
    claim::{Absent, Change, Claim, Guard, Phase},
    ids::{RolloutId, StageId},
    switch::Switch,
};
use serin_steps::ports::{CallError, Called, Guarded};

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn json(value: &impl serde::Serialize) -> AttributeValue {
    text(serde_json::to_string(value).unwrap_or_default())
}

/// Milliseconds, so that a condition can compare them.
pub(crate) fn millis(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_millisecond().to_string())
}

fn time_of_millis(value: &AttributeValue) -> Option<Timestamp> {
    let millis = value.as_n().ok()?.parse().ok()?;
    Timestamp::from_millisecond(millis).ok()
}

/// A stage's claim.
pub(crate) fn claim_key(stage: &StageId) -> Item {
    key(format!("STAGE#{}#{}", stage.rest_api_id, stage.stage_name), "CLAIM")
}

/// That an alarm guards a stage.
pub(crate) fn alarm_key(arn: &str, stage: &StageId) -> Item {
    key(
        format!("ALARM#{arn}"),
        &format!("STAGE#{}#{}", stage.rest_api_id, stage.stage_name),
    )
}

/// That a rollout has claimed, ever.
pub(crate) fn rollout_key(rollout: &RolloutId) -> Item {
    key(format!("ROLLOUT#{rollout}"), "ROLLOUT")
}

/// An item's key.
pub(crate) fn key(partition: String, sort: &str) -> Item {
    HashMap::from([("pk".to_owned(), text(partition)), ("sk".to_owned(), text(sort))])
}

/// What says which stage, by whom and since when: in claims, alarm items and rollout items alike.
pub(crate) fn ownership(claim: &Claim) -> Item {
    HashMap::from([
        ("restApiId".to_owned(), text(&claim.stage.rest_api_id)),
        ("stageName".to_owned(), text(&claim.stage.stage_name)),
        ("rolloutId".to_owned(), text(claim.rollout_id.as_str())),
        ("beganAt".to_owned(), text(claim.began_at.to_string())),
    ])
}

/// A new claim as an item.
pub(crate) fn claim_item(claim: &Claim) -> Item {
    let mut item = claim_key(&claim.stage);
    item.extend(ownership(claim));
    item.insert("executionArn".to_owned(), text(claim.execution_arn.as_str()));
    item.insert("phase".to_owned(), text(claim.phase.name()));
    item.insert("overrides".to_owned(), json(&claim.overrides));
    item.insert("percent".to_owned(), json(&claim.percent));
    item.insert("alarms".to_owned(), json(&claim.alarms));
    item.insert("nextBeatBy".to_owned(), text(claim.next_beat_by.to_string()));
    item.insert("watched".to_owned(), text("yes"));
    item
}

/// Reads an item's texts.
struct Texts<'a>(&'a Item);

impl<'a> Texts<'a> {
    fn optional(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    fn required(&self, name: &str) -> Called<&'a str> {
        self.optional(name)
            .ok_or_else(|| CallError::Rejected(format!("an item of the table has no {name}")))
    }

    fn time(&self, name: &str) -> Called<Timestamp> {
        let text = self.required(name)?;
        text.parse()
            .map_err(|_| CallError::Rejected(format!("{name} of an item of the table is no time: {text}")))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Called<Option<T>> {
        let Some(text) = self.optional(name) else {
            return Ok(None);
        };
        let read = serde_json::from_str(text);
        read.map(Some).map_err(|error| {
            CallError::Rejected(format!(
                "{name} of an item of the table is not JSON that Serin wrote ({:?})",
                error.classify()
            ))
        })
    }

    fn stage(&self) -> Called<StageId> {
        Ok(StageId {
            rest_api_id: self.required("restApiId")?.to_owned(),
            stage_name: self.required("stageName")?.to_owned(),
        })
    }
}

/// Reads a claim.
pub(crate) fn claim(item: &Item) -> Called<Claim> {
    let texts = Texts(item);
    let phase = texts.required("phase")?;
    let awaiting = item.get("awaiting").and_then(|step| step.as_n().ok());
    Ok(Claim {
        stage: texts.stage()?,
        rollout_id: texts.required("rolloutId")?.into(),
        execution_arn: texts.required("executionArn")?.into(),
        phase: Phase::parse(phase)
            .ok_or_else(|| CallError::Rejected(format!("a claim is in the unknown phase {phase:?}")))?,
        from: texts.optional("from").and_then(Phase::parse),
        began_at: texts.time("beganAt")?,
        deployment_id: texts.optional("deploymentId").map(Into::into),
        overrides: texts.json("overrides")?.unwrap_or_default(),
        baseline: texts.json("baseline")?,
        percent: texts.json("percent")?.unwrap_or_default(),
        alarms: texts.json("alarms")?.unwrap_or_default(),
        next_beat_by: texts.time("nextBeatBy")?,
        awaiting: awaiting.and_then(|step| step.parse().ok()),
        instruction: texts.json("instruction")?,
        reason: texts.optional("reason").map(str::to_owned),
        switch: switch(item),
        ended_at: item.get("endedAt").and_then(time_of_millis),
    })
}

/// A switch whose time cannot be read counts as one that is armed and may have fired: such a claim can be rolled back like any
/// other, its switch is taken away, and the next rollout waits for what it may have begun.
fn switch(item: &Item) -> Switch {
    let unreadable = Switch::Armed(Timestamp::MIN);
    if let Some(armed) = item.get("switchArmedFor") {
        let time = armed.as_s().ok().and_then(|text| text.parse().ok());
        return time.map_or(unreadable, Switch::Armed);
    }
    let Some(cut) = item.get("switchCutAt") else {
        return Switch::Silent;
    };
    time_of_millis(cut).map_or(unreadable, Switch::Cut)
}

/// Reads which stage an alarm guards.
pub(crate) fn guarded(item: &Item) -> Called<Guarded> {
    let texts = Texts(item);
    Ok(Guarded {
        stage: texts.stage()?,
        rollout_id: texts.required("rolloutId")?.into(),
        began_at: texts.time("beganAt")?,
    })
}

/// Reads the stage that an item is about.
pub(crate) fn stage(item: &Item) -> Called<StageId> {
    Texts(item).stage()
}

/// The stage in the key of a claim, which is all that the index holds.
pub(crate) fn stage_of_key(item: &Item) -> Option<StageId> {
    let key = Texts(item).optional("pk")?.strip_prefix("STAGE#")?;
    let (rest_api_id, stage_name) = key.split_once('#')?;
    Some(StageId {
        rest_api_id: rest_api_id.to_owned(),
        stage_name: stage_name.to_owned(),
    })
}

/// An expression with its names and values. Every name goes by an alias: several are reserved words.
#[derive(Debug, Default)]
pub(crate) struct Expression {
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Expression {
    fn name(&mut self, name: &str) -> String {
        let alias = format!("#{name}");
        self.names.insert(alias.clone(), name.to_owned());
        alias
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let alias = format!(":v{}", self.values.len());
        self.values.insert(alias.clone(), value);
        alias
    }

    fn equals(&mut self, name: &str, value: AttributeValue) -> String {
        format!("{} = {}", self.name(name), self.value(value))
    }

    fn phase_among(&mut self, phases: &[Phase]) -> String {
        let values: Vec<_> = phases.iter().map(|phase| self.value(text(phase.name()))).collect();
        format!("{} IN ({})", self.name("phase"), values.join(", "))
    }

    /// The stage is free: it has no claim, or one that ended before `ended_before` and whose switch is not armed, and was not
    /// taken away, too late, since `cut_before`.
    pub(crate) fn free(&mut self, ended_before: Timestamp, cut_before: Timestamp) -> String {
        let over = self.phase_among(&[Phase::Finished, Phase::RolledBack]);
        let (ended, before) = (self.name("endedAt"), self.value(millis(ended_before)));
        let (armed, cut) = (self.name("switchArmedFor"), self.name("switchCutAt"));
        let silent = self.value(millis(cut_before));
        format!(
            "attribute_not_exists({}) OR ({over} AND {ended} <= {before} AND attribute_not_exists({armed}) \
             AND (attribute_not_exists({cut}) OR {cut} <= {silent}))",
            self.name("pk")
        )
    }

    /// The condition of a guard.
    pub(crate) fn guard(&mut self, guard: &Guard) -> String {
        let mut conditions = vec![
            self.equals("rolloutId", text(guard.rollout_id.as_str())),
            self.phase_among(&guard.phases),
        ];
        for part in &guard.absent {
            let name = match part {
                Absent::Deployment => "deploymentId",
                Absent::Baseline => "baseline",
                Absent::Instruction => "instruction",
            };
            conditions.push(format!("attribute_not_exists({})", self.name(name)));
        }
        if let Some(step) = guard.awaiting {
            conditions.push(self.equals("awaiting", AttributeValue::N(step.to_string())));
        }
        conditions.join(" AND ")
    }

    /// The update of a change. In `SET`, what stands right of an equals sign is the old value.
    pub(crate) fn change(&mut self, change: &Change) -> String {
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        if let Some(phase) = change.phase {
            if phase == Phase::RollingBack {
                let (from, old) = (self.name("from"), self.name("phase"));
                set.push(format!("{from} = {old}"));
            }
            set.push(self.equals("phase", text(phase.name())));
        }
        let texts = [
            (
                "deploymentId",
                change.deployment_id.as_ref().map(|id| text(id.as_str())),
            ),
            ("baseline", change.baseline.as_ref().map(json)),
            ("percent", change.percent.as_ref().map(json)),
            ("nextBeatBy", change.next_beat_by.map(|time| text(time.to_string()))),
            ("instruction", change.instruction.as_ref().map(json)),
            ("reason", change.reason.as_ref().map(text)),
            ("endedAt", change.ended_at.map(millis)),
            (
                "awaiting",
                change
                    .awaiting
                    .flatten()
                    .map(|step| AttributeValue::N(step.to_string())),
            ),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                set.push(self.equals(name, value));
            }
        }
        if change.awaiting == Some(None) {
            remove.extend([self.name("awaiting"), self.name("instruction")]);
        }
        if let Some(switch) = change.switch {
            self.switch(switch, &mut set, &mut remove);
        }
        let remove = if remove.is_empty() {
            String::new()
        } else {
            format!(" REMOVE {}", remove.join(", "))
        };
        let set = if set.is_empty() {
            String::new()
        } else {
            format!("SET {}", set.join(", "))
        };
        format!("{set}{remove}").trim_start().to_owned()
    }

    /// One of its two attributes, or neither.
    fn switch(&mut self, switch: Switch, set: &mut Vec<String>, remove: &mut Vec<String>) {
        let (armed, cut) = match switch {
            Switch::Armed(at) => (Some(text(at.to_string())), None),
            Switch::Cut(at) => (None, Some(millis(at))),
            Switch::Silent => (None, None),
        };
        for (name, value) in [("switchArmedFor", armed), ("switchCutAt", cut)] {
            match value {
                Some(value) => set.push(self.equals(name, value)),
                None => remove.push(self.name(name)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
