//! From a claimed stage to an attached canary at 0 %.

use serin_core::{
    claim::{Absent, Change, Claim, Guard, Phase, beat_by},
    fields::Faults,
    ids::{DeploymentId, RolloutId},
    request::Request,
    stage::{self, Baseline, CanaryTarget, StageView},
    switch::{Switch, set_for},
    timing::{LAST_WRITE, later},
};

use super::{Begin, guards::AtStart, lost, no_such_stage};
use crate::{
    error::{StepError, Stepped},
    ports::{Alarms, CallError, Claims, Clock, DeadMansSwitch, Gateway, Written},
    safe::{self, WriteBy},
};

/// A stage with its canary attached.
pub(super) struct Prepared {
    pub(super) canary: CanaryTarget,
    pub(super) baseline: Baseline,
    pub(super) alarms: AtStart,
}

impl<G: Gateway, C: Claims, A: Alarms, S: DeadMansSwitch, K: Clock> Begin<'_, G, C, A, S, K> {
    pub(super) async fn prepare(&self, request: &Request, claim: &Claim) -> Stepped<Prepared> {
        let alarms = self.alarms_now(&claim.alarms).await?;
        self.look(request, claim).await?;
        let canary = CanaryTarget {
            deployment_id: self.deployment(request, claim).await?,
            stage_variable_overrides: request.overrides.clone(),
            use_stage_cache: request.use_stage_cache,
        };
        let view = self.look(request, claim).await?;
        let (baseline, switch) = self.baseline(request, claim, &view, &canary).await?;
        if claim.phase == Phase::Preparing {
            let switch = self.arm(request, claim, switch).await?;
            self.attach(claim, &canary, switch).await?;
        } // Otherwise an earlier attempt did, and nothing has moved since.
        Ok(Prepared {
            canary,
            baseline,
            alarms,
        })
    }

    /// The stage, on which nobody else's canary may be. A ghost may: the attach makes ours of it, so that nothing is written to the
    /// stage before its baseline is recorded.
    async fn look(&self, request: &Request, claim: &Claim) -> Stepped<StageView> {
        let view = match self.gateway.stage(&request.stage).await {
            Err(CallError::NotFound(_)) => return Err(no_such_stage(request).into()),
            view => view?,
        };
        let ours = claim
            .target()
            .is_some_and(|target| claim.baseline.is_some() && view.has_removable(&target));
        if view.canary.is_none() || view.has_ghost() || ours {
            return Ok(view);
        }
        let advice = "promote or delete it first; Serin changes no canary that it did not make";
        Err(StepError::StageBusy(format!(
            "stage {} already has a canary: {}; {advice}",
            request.stage,
            view.describe()
        )))
    }

    /// The deployment to release: recorded, asked for, or made now. The first writer wins.
    async fn deployment(&self, request: &Request, claim: &Claim) -> Stepped<DeploymentId> {
        if let Some(id) = &claim.deployment_id {
            return Ok(id.clone());
        }
        let id = match &request.deployment_id {
            Some(id) => self.known_deployment(request, id).await?,
            None => self.new_deployment(request).await?,
        };
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]).without(Absent::Deployment);
        let change = Change {
            deployment_id: Some(id.clone()),
            ..Change::default()
        };
        match self.claims.change(&request.stage, &guard, &change).await? {
            Written::Done(_) => Ok(id),
            Written::Lost(Some(claim)) if claim.rollout_id == self.rollout_id && claim.phase == Phase::Preparing => {
                claim
                    .deployment_id
                    .ok_or_else(|| StepError::Transient("the deployment was not recorded".to_owned()))
            }
            Written::Lost(claim) => Err(lost(claim.as_deref())),
        }
    }

    async fn known_deployment(&self, request: &Request, id: &DeploymentId) -> Stepped<DeploymentId> {
        let api = &request.stage.rest_api_id;
        if self.gateway.has_deployment(api, id).await? {
            return Ok(id.clone());
        }
        let given = format!("\"{id}\", which API {api} does not have");
        Err(Faults::one(
            "canary.deploymentId",
            given,
            "a deployment of this API, or nothing to deploy it as it stands",
        )
        .into())
    }

    /// CreateDeployment must not happen twice, so a lost answer is looked up instead of asked for again.
    async fn new_deployment(&self, request: &Request) -> Stepped<DeploymentId> {
        let (api, description) = (&request.stage.rest_api_id, format!("serin rollout {}", self.rollout_id));
        if let Some(id) = self.gateway.deployment_described(api, &description).await? {
            return Ok(id);
        }
        match self.gateway.create_deployment(api, &description).await {
            Err(CallError::Unavailable(text)) => {
                let found = self.gateway.deployment_described(api, &description).await?;
                found.ok_or(StepError::Transient(text))
            }
            answer => Ok(answer?),
        }
    }

    /// Records what a rollback goes back to, and what the switch will be set for: the last check before either is needed.
    async fn baseline(
        &self,
        request: &Request,
        claim: &Claim,
        view: &StageView,
        target: &CanaryTarget,
    ) -> Stepped<(Baseline, Switch)> {
        if claim.baseline.is_none() && view.is_promoted(target) {
            let given = format!(
                "deployment {} with these variables, which the stage already has",
                target.deployment_id
            );
            return Err(Faults::one("canary", given, "another deployment, or a stage variable that differs").into());
        }
        let baseline = Baseline::of(view, target);
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]).without(Absent::Baseline);
        let armed = Switch::Armed(set_for(&request.plan, self.clock.now()));
        let change = Change {
            baseline: Some(baseline.clone()),
            switch: Some(armed),
            ..Change::default()
        };
        match self.claims.change(&claim.stage, &guard, &change).await? {
            Written::Done(_) => Ok((baseline, armed)),
            Written::Lost(Some(claim)) if is_beginning(&claim, &self.rollout_id) => claim
                .baseline
                .map(|baseline| (baseline, claim.switch))
                .ok_or_else(|| StepError::Transient("the baseline was not recorded".to_owned())),
            Written::Lost(claim) => Err(lost(claim.as_deref())),
        }
    }

    /// Sets the dead man's switch as the claim says, or later if that was long ago. Without it there is no canary (ADR 0010).
    async fn arm(&self, request: &Request, claim: &Claim, recorded: Switch) -> Stepped<Switch> {
        let Switch::Armed(at) = recorded else {
            return Ok(recorded); // The baseline is from a version of Serin that knows no switch.
        };
        let now = self.clock.now();
        if recorded.may_have_fired(now) {
            return Err(StepError::Rejected(format!(
                "rollout {} was left alone for so long that its dead man's switch, set for {at:.0}, may have fired",
                self.rollout_id
            )));
        }
        let at = recorded.due(&request.plan, now).unwrap_or(at);
        let armed = self.switches.arm(&claim.rollout_id, &claim.stage, at).await;
        armed.map_err(|error| error.about("the dead man's switch could not be armed"))?;
        Ok(Switch::Armed(at))
    }

    async fn attach(&self, claim: &Claim, target: &CanaryTarget, switch: Switch) -> Stepped<()> {
        let by = WriteBy(later(self.clock.now(), LAST_WRITE));
        let view = self.gateway.update_stage(&claim.stage, &stage::attach(target)).await?;
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]);
        let change = Change {
            next_beat_by: Some(beat_by(self.clock.now(), 0)),
            switch: Some(switch),
            ..Change::to(Phase::Shifting)
        };
        match self.claims.change(&claim.stage, &guard, &change).await? {
            Written::Done(_) if view.has_ours(target) => Ok(()),
            Written::Done(_) => Err(StepError::Drift(format!(
                "the canary was changed at once: {}",
                view.describe()
            ))),
            Written::Lost(Some(claim)) if claim.rollout_id == self.rollout_id && claim.phase == Phase::Shifting => {
                Ok(())
            }
            Written::Lost(other) => {
                safe::remove_ours(self.gateway, self.clock, &claim.stage, target, view, by).await?;
                Err(lost(other.as_deref()))
            }
        }
    }
}

fn is_beginning(claim: &Claim, rollout_id: &RolloutId) -> bool {
    claim.rollout_id == *rollout_id && matches!(claim.phase, Phase::Preparing | Phase::Shifting)
}
