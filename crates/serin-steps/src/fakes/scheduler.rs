//! The dead man's switches: schedules that fire on the account's own clock, against its API Gateway.

use jiff::Timestamp;
use serin_core::{
    ids::{RolloutId, StageId},
    stage::Patch,
};

use super::{Account, Call, FakeAws};
use crate::ports::{CallError, Called, DeadMansSwitch};

/// A schedule, or what it has begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// The stage whose canary it removes.
    pub stage: StageId,
    /// When it fires.
    pub at: Timestamp,
}

impl Account {
    /// CreateSchedule, or UpdateSchedule where there is one.
    pub fn arm(&mut self, rollout: &RolloutId, stage: &StageId, at: Timestamp) {
        let schedule = Schedule {
            stage: stage.clone(),
            at,
        };
        self.schedules.insert(rollout.clone(), schedule);
    }

    /// UpdateSchedule. One that has fired is there for as long as what it has begun goes on, so it is set again.
    ///
    /// # Errors
    /// Where there is none.
    pub fn push(&mut self, rollout: &RolloutId, at: Timestamp) -> Called<()> {
        let schedule = self.schedules.get(rollout).or_else(|| self.fired.get(rollout));
        let missing = || CallError::NotFound(format!("Schedule {rollout} does not exist."));
        let stage = schedule.ok_or_else(missing)?.stage.clone();
        self.arm(rollout, &stage, at);
        Ok(())
    }

    /// DeleteSchedule. What it has begun goes on.
    pub fn disarm(&mut self, rollout: &RolloutId) {
        self.schedules.remove(rollout);
    }

    /// Fires a schedule, which is gone with that. What it begins may be refused for a while, and arrives later.
    pub fn fire(&mut self, rollout: &RolloutId) {
        if let Some(schedule) = self.schedules.remove(rollout) {
            self.fired.insert(rollout.clone(), schedule);
        }
    }

    /// What a schedule has begun arrives: it removes whatever canary there is, and nobody hears the answer.
    pub fn arrive(&mut self, rollout: &RolloutId) {
        let Some(Schedule { stage, .. }) = self.fired.remove(rollout) else {
            return;
        };
        if let Ok(api) = self.api(&stage.rest_api_id) {
            let _ = api.update_stage(&stage.stage_name, &[Patch::RemoveCanary.operation()]);
        }
    }
}

impl DeadMansSwitch for FakeAws {
    async fn arm(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> Called<()> {
        self.call(Call::Arm, |account| {
            account.arm(rollout, stage, at);
            Ok(())
        })
        .await
    }

    async fn push(&self, rollout: &RolloutId, _: &StageId, at: Timestamp) -> Called<()> {
        self.call(Call::Push, |account| account.push(rollout, at)).await
    }

    async fn disarm(&self, rollout: &RolloutId) -> Called<()> {
        self.call(Call::Disarm, |account| {
            account.disarm(rollout);
            Ok(())
        })
        .await
    }
}
