//! The table's port: conditions and changes are the core's own, applied under one lock as DynamoDB applies them to one item.

use jiff::Timestamp;
use serin_core::{
    claim::{Change, Claim, Guard},
    ids::{AlarmArn, RolloutId, StageId},
    timeline::Entry,
};

use super::{Account, Call, FakeAws};
use crate::ports::{Called, Claims, Guarded, Written};

impl Account {
    /// Takes a stage, all or nothing.
    pub fn take(&mut self, claim: &Claim, now: Timestamp) -> bool {
        let free = self.claims.get(&claim.stage).is_none_or(|old| old.is_free(now));
        if !free || self.rollouts.contains_key(&claim.rollout_id) {
            return false;
        }
        for alarm in &claim.alarms {
            let guarded = Guarded {
                stage: claim.stage.clone(),
                rollout_id: claim.rollout_id.clone(),
                began_at: claim.began_at,
            };
            self.guards.insert((alarm.arn.clone(), claim.stage.clone()), guarded);
        }
        self.rollouts.insert(claim.rollout_id.clone(), claim.stage.clone());
        self.watched.insert(claim.stage.clone());
        self.claims.insert(claim.stage.clone(), claim.clone());
        true
    }

    /// Writes a claim if the condition holds.
    pub fn change(&mut self, stage: &StageId, guard: &Guard, change: &Change) -> Written {
        let Some(old) = self.claims.get(stage).cloned() else {
            return Written::Lost(None);
        };
        if !guard.admits(&old) {
            return Written::Lost(Some(Box::new(old)));
        }
        let new = change.apply(&old);
        if change.ended_at.is_some() {
            self.guards.retain(|(_, guarded), _| guarded != stage);
        }
        self.claims.insert(stage.clone(), new.clone());
        Written::Done(Box::new(new))
    }

    /// Deletes a claim if the condition holds.
    pub fn give_back(&mut self, stage: &StageId, guard: &Guard) -> bool {
        if !self.claims.get(stage).is_some_and(|claim| guard.admits(claim)) {
            return false;
        }
        self.claims.remove(stage);
        self.watched.remove(stage);
        self.guards.retain(|(_, guarded), _| guarded != stage);
        true
    }

    /// The stages that an alarm guards.
    #[must_use]
    pub fn guarded_by(&self, alarm: &AlarmArn) -> Vec<Guarded> {
        let guards = self.guards.iter().filter(|((arn, _), _)| arn == alarm);
        guards.map(|(_, guarded)| guarded.clone()).collect()
    }

    /// Takes an ended claim of that rollout off the sweep's list.
    pub fn unwatch(&mut self, stage: &StageId, rollout: &RolloutId) {
        let ended = |claim: &Claim| claim.rollout_id == *rollout && claim.ended_at.is_some();
        if self.claims.get(stage).is_some_and(ended) {
            self.watched.remove(stage);
        }
    }
}

impl Claims for FakeAws {
    async fn read(&self, stage: &StageId) -> Called<Option<Claim>> {
        self.call(Call::ReadClaim, |account| Ok(account.claims.get(stage).cloned()))
            .await
    }

    async fn take(&self, claim: &Claim, now: Timestamp) -> Called<bool> {
        self.call(Call::Take, |account| Ok(account.take(claim, now))).await
    }

    async fn change(&self, stage: &StageId, guard: &Guard, change: &Change) -> Called<Written> {
        let call = if change.ended_at.is_some() {
            Call::End
        } else {
            Call::Change
        };
        self.call(call, |account| Ok(account.change(stage, guard, change)))
            .await
    }

    async fn give_back(&self, claim: &Claim, guard: &Guard) -> Called<bool> {
        self.call(Call::GiveBack, |account| Ok(account.give_back(&claim.stage, guard)))
            .await
    }

    async fn guarded_by(&self, alarm: &AlarmArn) -> Called<Vec<Guarded>> {
        self.call(Call::GuardedBy, |account| Ok(account.guarded_by(alarm)))
            .await
    }

    async fn stage_of(&self, rollout: &RolloutId) -> Called<Option<StageId>> {
        self.call(Call::StageOf, |account| Ok(account.rollouts.get(rollout).cloned()))
            .await
    }

    async fn watched(&self) -> Called<Vec<StageId>> {
        self.call(Call::Watched, |account| Ok(account.watched.iter().cloned().collect()))
            .await
    }

    async fn unwatch(&self, stage: &StageId, rollout: &RolloutId) -> Called<()> {
        self.call(Call::Unwatch, |account| {
            account.unwatch(stage, rollout);
            Ok(())
        })
        .await
    }

    async fn record(&self, entry: &Entry) -> Called<()> {
        self.call(Call::Record, |_| Ok(())).await?;
        self.account().timeline.push(entry.clone());
        Ok(())
    }
}
