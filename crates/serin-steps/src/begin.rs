//! `begin`: checks the request, claims the stage, makes the canary's deployment and attaches it at 0 %.

use serde_json::{Value, json};
use serin_core::{
    alarm::{AlarmKind, AlarmReading, AlarmState, IfAlreadyInAlarm, PlannedAlarm},
    analysis::metric_api_name,
    claim::{Absent, Change, Claim, Guard, Phase, beat_by, later},
    decide::{Decision, Finding, Verdict},
    document::{Document, Progress, VERSION},
    fields::{Fault, Faults},
    ids::{DeploymentId, ExecutionArn, Home, RolloutId},
    percent::Percent,
    request::{self, Request, Surroundings},
    stage::{self, Baseline, CanaryTarget, StageView},
    timing::WRITE_WINDOW,
};

use crate::{
    document,
    error::{StepError, Stepped},
    ports::{Alarms, CallError, Claims, Clock, Gateway, Written},
    safe::{self, WriteBy},
    timeline,
};

/// What every part of `begin` needs.
struct Begin<'a, G, C, A, K> {
    gateway: &'a G,
    claims: &'a C,
    alarms: &'a A,
    clock: &'a K,
    home: Home,
    rollout_id: RolloutId,
    execution_arn: ExecutionArn,
}

/// Begins a rollout: `{"request": <what the user asked for>, "execution": {"Id", "Name"}}`.
///
/// # Errors
/// `InvalidInput`, `StageBusy` and `StageDraining` leave the stage as it was and the claim free, or its owner's.
pub async fn begin(
    gateway: &impl Gateway,
    claims: &impl Claims,
    alarms: &impl Alarms,
    clock: &impl Clock,
    hook_pattern: &str,
    input: Value,
) -> Stepped<Value> {
    let id = |name: &str| input.pointer(&format!("/execution/{name}")).and_then(Value::as_str);
    let (Some(arn), Some(name)) = (id("Id"), id("Name")) else {
        return Err(StepError::InvalidInput(
            "begin is called by the state machine, with execution.Id and execution.Name; start the state machine instead"
                .to_owned(),
        ));
    };
    let home = Home::of_arn(arn)
        .ok_or_else(|| StepError::InvalidInput(format!("execution.Id: {arn:?} is not the ARN of an execution")))?;
    let surroundings = Surroundings {
        home: home.clone(),
        hook_pattern: hook_pattern.to_owned(),
    };
    let request = request::parse(input.get("request").unwrap_or(&Value::Null), &surroundings)?;
    let begin = Begin {
        gateway,
        claims,
        alarms,
        clock,
        home,
        rollout_id: name.into(),
        execution_arn: arn.into(),
    };
    begin.run(request).await
}

impl<G: Gateway, C: Claims, A: Alarms, K: Clock> Begin<'_, G, C, A, K> {
    async fn run(&self, request: Request) -> Stepped<Value> {
        let guards = self.guards(&request).await?;
        let api_name = self.api_name(&request).await?;
        let claim = self.claim(&request, &guards).await?;
        match self.prepare(&request, &claim).await {
            Ok((canary, baseline, ignored)) => {
                let document = self.document(request, api_name, guards, &claim, canary, baseline, ignored);
                self.announce(&document).await;
                document::write(&document)
            }
            Err(error @ (StepError::InvalidInput(_) | StepError::StageBusy(_))) => self.refuse(&claim, error).await,
            Err(error) => Err(error),
        }
    }

    /// The alarms of the plan: those asked for, all of which must exist, or the stage's own.
    async fn guards(&self, request: &Request) -> Stepped<Vec<PlannedAlarm>> {
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

    async fn api_name(&self, request: &Request) -> Stepped<String> {
        let id = &request.stage.rest_api_id;
        match self.gateway.api_name(id).await {
            Ok(name) => Ok(metric_api_name(&name, id)),
            Err(CallError::NotFound(_)) => Err(Faults::one(
                "restApiId",
                format!("{id:?}, which is no REST API here"),
                format!(
                    "a REST API of account {} in {}; HTTP and WebSocket APIs have no canary",
                    self.home.account, self.home.region
                ),
            )
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the stage, or finds that this rollout already has it.
    async fn claim(&self, request: &Request, guards: &[PlannedAlarm]) -> Stepped<Claim> {
        let now = self.clock.now();
        let claim = Claim {
            stage: request.stage.clone(),
            rollout_id: self.rollout_id.clone(),
            execution_arn: self.execution_arn.clone(),
            phase: Phase::Preparing,
            from: None,
            began_at: now,
            deployment_id: None,
            overrides: request.overrides.clone(),
            baseline: None,
            percent: Percent::ZERO,
            alarms: guards.to_vec(),
            next_beat_by: beat_by(now, 0),
            awaiting: None,
            instruction: None,
            reason: None,
            ended_at: None,
        };
        if self.claims.take(&claim, now).await? {
            return Ok(claim);
        }
        self.owner(request, self.claims.read(&request.stage).await?)
    }

    /// Who has the stage that could not be taken.
    fn owner(&self, request: &Request, claim: Option<Claim>) -> Stepped<Claim> {
        let Some(claim) = claim else {
            let once = "a rollout claims a stage once, and this one has ended; start another execution";
            return Err(StepError::StageBusy(format!("rollout {}: {once}", self.rollout_id)));
        };
        if claim.rollout_id == self.rollout_id {
            return match claim.phase {
                Phase::Preparing | Phase::Shifting => Ok(claim),
                Phase::Promoting | Phase::Promoted | Phase::Finished | Phase::RollingBack | Phase::RolledBack => {
                    Err(lost(Some(&claim)))
                }
            };
        }
        if claim.is_free(self.clock.now()) {
            return Err(StepError::Transient(format!(
                "stage {} became free just now",
                request.stage
            )));
        }
        if let Some(ended) = claim.ended_at.filter(|_| claim.phase.is_terminal()) {
            let free = later(ended, serin_core::timing::FREE_AFTER);
            return Err(StepError::StageDraining(format!(
                "stage {} is looked after until {free:.0}, after its rollout {} ended",
                request.stage, claim.rollout_id
            )));
        }
        Err(StepError::StageBusy(format!(
            "stage {} belongs to rollout {} ({}, {} %) since {:.0}: {}",
            request.stage,
            claim.rollout_id,
            claim.phase.name(),
            claim.percent,
            claim.began_at,
            claim.execution_arn
        )))
    }

    async fn prepare(&self, request: &Request, claim: &Claim) -> Stepped<(CanaryTarget, Baseline, Vec<PlannedAlarm>)> {
        let ignored = self.alarms_now(&claim.alarms).await?;
        self.look(request, claim).await?;
        let target = CanaryTarget {
            deployment_id: self.deployment(request, claim).await?,
            stage_variable_overrides: request.overrides.clone(),
            use_stage_cache: request.use_stage_cache,
        };
        let view = self.without_ghost(request, self.look(request, claim).await?).await?;
        let baseline = self.baseline(claim, &view, &target).await?;
        self.attach(claim, &target).await?;
        Ok((target, baseline, ignored))
    }

    /// The alarms are read after the claim is written, so that none can fall between.
    async fn alarms_now(&self, planned: &[PlannedAlarm]) -> Stepped<Vec<PlannedAlarm>> {
        let names: Vec<_> = planned.iter().map(|alarm| alarm.arn.alarm_name()).collect();
        let found = if names.is_empty() {
            Vec::new()
        } else {
            self.alarms.named(&AlarmKind::ALL, &names).await?
        };
        let in_alarm = |alarm: &&PlannedAlarm| {
            found
                .iter()
                .any(|reading| reading.name == alarm.arn.alarm_name() && reading.state == AlarmState::Alarm)
        };
        let (ignored, refused): (Vec<_>, Vec<_>) = planned
            .iter()
            .filter(in_alarm)
            .cloned()
            .partition(|alarm| alarm.if_already_in_alarm == IfAlreadyInAlarm::IgnoreUntilOk);
        if refused.is_empty() {
            return Ok(ignored);
        }
        let names: Vec<_> = refused.iter().map(|alarm| alarm.arn.alarm_name()).collect();
        let allowed = "alarms that are OK or without data at the start, or {\"name\": ..., \"ifAlreadyInAlarm\": \"ignoreUntilOk\"} to ship a fix";
        Err(Faults::one("alarms", format!("{}, already in ALARM", names.join(", ")), allowed).into())
    }

    /// The stage, on which nobody else's canary may be.
    async fn look(&self, request: &Request, claim: &Claim) -> Stepped<StageView> {
        let view = match self.gateway.stage(&request.stage).await {
            Err(CallError::NotFound(_)) => {
                let given = format!(
                    "{:?}, which API {} does not have",
                    request.stage.stage_name, request.stage.rest_api_id
                );
                return Err(Faults::one("stageName", given, "one of its stages").into());
            }
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

    /// A ghost serves nothing of its own but locks the stage.
    async fn without_ghost(&self, request: &Request, view: StageView) -> Stepped<StageView> {
        if !view.has_ghost() {
            return Ok(view);
        }
        Ok(safe::remove(self.gateway, &request.stage).await?)
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

    /// Records what a rollback goes back to: the last check before the attach.
    async fn baseline(&self, claim: &Claim, view: &StageView, target: &CanaryTarget) -> Stepped<Baseline> {
        if claim.baseline.is_none() && view.is_promoted(target) {
            let given = format!(
                "deployment {} with these variables, which the stage already has",
                target.deployment_id
            );
            return Err(Faults::one("canary", given, "another deployment, or a stage variable that differs").into());
        }
        let baseline = Baseline::of(view, target);
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]).without(Absent::Baseline);
        let change = Change {
            baseline: Some(baseline.clone()),
            ..Change::default()
        };
        match self.claims.change(&claim.stage, &guard, &change).await? {
            Written::Done(_) => Ok(baseline),
            Written::Lost(Some(claim)) if is_beginning(&claim, &self.rollout_id) => claim
                .baseline
                .ok_or_else(|| StepError::Transient("the baseline was not recorded".to_owned())),
            Written::Lost(claim) => Err(lost(claim.as_deref())),
        }
    }

    async fn attach(&self, claim: &Claim, target: &CanaryTarget) -> Stepped<()> {
        if claim.phase == Phase::Shifting {
            return Ok(()); // An earlier attempt did, and nothing has moved since.
        }
        let by = WriteBy(later(self.clock.now(), WRITE_WINDOW));
        let view = self.gateway.update_stage(&claim.stage, &stage::attach(target)).await?;
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]);
        let change = Change {
            next_beat_by: Some(beat_by(self.clock.now(), 0)),
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

    /// A refusal gives the claim back at once: nothing of this rollout's can still be on its way to the stage, because this
    /// attempt is its only one and has recorded no baseline (ADR 0003).
    async fn refuse(&self, claim: &Claim, error: StepError) -> Stepped<Value> {
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]).without(Absent::Baseline);
        if self.claims.give_back(claim, &guard).await? {
            return Err(error);
        }
        // A baseline was recorded by an earlier attempt: the canary may be there, so this is the rollback's to clean up.
        Err(StepError::Drift(error.to_string()))
    }

    #[expect(clippy::too_many_arguments, reason = "it gathers what the other parts found out")]
    fn document(
        &self,
        request: Request,
        api_name: String,
        alarms: Vec<PlannedAlarm>,
        claim: &Claim,
        canary: CanaryTarget,
        baseline: Baseline,
        ignored: Vec<PlannedAlarm>,
    ) -> Document {
        let now = self.clock.now();
        let decision = if request.plan.steps.is_empty() {
            Decision::Promote
        } else {
            Decision::Advance
        };
        Document {
            version: VERSION,
            rollout_id: self.rollout_id.clone(),
            execution_arn: self.execution_arn.clone(),
            stage: request.stage,
            api_name,
            began_at: claim.began_at,
            deadline: later(claim.began_at, request.plan.time_limit()),
            baseline,
            canary,
            progress: Progress {
                step: 0,
                percent: Percent::ZERO,
                since: now,
                promoted: false,
                awaiting_since: None,
                restarts: 0,
                ticks: 0,
                ignored_alarms: ignored.into_iter().map(|alarm| alarm.arn).collect(),
            },
            findings: too_short(&request.plan, &request.analysis),
            plan: request.plan,
            alarms,
            analysis: request.analysis,
            hooks: request.hooks,
            decision,
            wait_seconds: 1,
            reason: None,
            result: None,
        }
    }

    async fn announce(&self, document: &Document) {
        let text = format!(
            "began on stage {}: deployment {} takes over from {}, guarded by {} alarms",
            document.stage,
            document.canary.deployment_id,
            document.baseline.deployment_id,
            document.alarms.len()
        );
        let plan = json!({ "plan": document.plan, "alarms": document.alarms });
        tracing::info!(%plan, "plan");
        timeline::record(
            self.claims,
            timeline::decided(document, self.clock.now(), "begin", text),
        )
        .await;
    }
}

fn is_beginning(claim: &Claim, rollout_id: &RolloutId) -> bool {
    claim.rollout_id == *rollout_id && matches!(claim.phase, Phase::Preparing | Phase::Shifting)
}

/// Says per step, from the start, where only alarms will judge.
fn too_short(plan: &serin_core::plan::Plan, analysis: &serin_core::analysis::Analysis) -> Vec<Finding> {
    let short = plan
        .steps
        .iter()
        .zip(1..)
        .filter(|(step, _)| !analysis.can_judge(step.bake_seconds));
    short
        .map(|(step, number)| Finding {
            subject: format!("step {number}"),
            verdict: Verdict::Inconclusive,
            text: format!(
                "{} % for {} s is too short to judge: alarms only (evidence needs {} s)",
                step.percent,
                step.bake_seconds,
                analysis.shortest_bake().as_secs()
            ),
        })
        .collect()
}

/// The claim went to somebody else, or is being rolled back.
pub(crate) fn lost(claim: Option<&Claim>) -> StepError {
    StepError::ClaimLost(match claim {
        None => "the stage is not claimed any more".to_owned(),
        Some(claim) => match &claim.reason {
            Some(reason) => format!("rollout {} is {}: {reason}", claim.rollout_id, claim.phase.name()),
            None => format!(
                "the stage is claimed by rollout {}, {}",
                claim.rollout_id,
                claim.phase.name()
            ),
        },
    })
}
