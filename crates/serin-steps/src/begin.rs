//! `begin`: checks the request, claims the stage, makes the canary's deployment and attaches it at 0 %.

use serde_json::Value;
use serin_core::{
    alarm::PlannedAlarm,
    analysis::{Analysis, Mode, metric_api_name},
    claim::{Absent, Claim, Guard, Phase, beat_by},
    decide::{Decision, Finding, Verdict},
    document::{Document, Progress, VERSION},
    fields::Faults,
    ids::{ExecutionArn, Home, RolloutId},
    percent::Percent,
    plan::{Plan, Step},
    request::{self, Request, Surroundings},
    switch::Switch,
    timing::later,
};

use crate::{
    document,
    error::{StepError, Stepped},
    ports::{Alarms, CallError, Claims, Clock, DeadMansSwitch, Gateway},
    timeline,
};

mod guards;
mod prepare;

use prepare::Prepared;
pub use serin_core::request::Settings;

/// What every part of `begin` needs.
struct Begin<'a, G, C, A, S, K> {
    gateway: &'a G,
    claims: &'a C,
    alarms: &'a A,
    switches: &'a S,
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
    switches: &impl DeadMansSwitch,
    clock: &impl Clock,
    settings: &Settings,
    input: Value,
) -> Stepped<Value> {
    let id = |name: &str| input.pointer(&format!("/execution/{name}")).and_then(Value::as_str);
    let (Some(arn), Some(name)) = (id("Id"), id("Name")) else {
        let allowed =
            "execution.Id and execution.Name, as the state machine gives them; start the state machine instead";
        return Err(Faults::one("execution", "nothing", allowed).into());
    };
    let home =
        Home::of_arn(arn).ok_or_else(|| Faults::one("execution.Id", format!("{arn:?}"), "the ARN of an execution"))?;
    let surroundings = Surroundings {
        home: home.clone(),
        settings: settings.clone(),
    };
    let request = request::parse(input.get("request").unwrap_or(&Value::Null), &surroundings)?;
    let begin = Begin {
        gateway,
        claims,
        alarms,
        switches,
        clock,
        home,
        rollout_id: name.into(),
        execution_arn: arn.into(),
    };
    begin.run(request).await
}

impl<G: Gateway, C: Claims, A: Alarms, S: DeadMansSwitch, K: Clock> Begin<'_, G, C, A, S, K> {
    async fn run(&self, request: Request) -> Stepped<Value> {
        let api_name = self.api_name(&request).await?;
        let guards = self.guards(&request).await?;
        let claim = self.claim(&request, &guards).await?;
        match self.prepare(&request, &claim).await {
            Ok(prepared) => {
                let document = self.document(request, api_name, &claim, prepared);
                self.announce(&document).await;
                document::write(&document)
            }
            Err(error @ (StepError::InvalidInput(_) | StepError::StageBusy(_))) => self.refuse(&claim, error).await,
            Err(error) => Err(error),
        }
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
            switch: Switch::Silent,
            ended_at: None,
        };
        if self.claims.take(&claim, now).await? {
            return Ok(claim);
        }
        self.owner(request).await
    }

    /// Who has the stage that could not be taken.
    async fn owner(&self, request: &Request) -> Stepped<Claim> {
        let claim = self.claims.read(&request.stage).await?;
        if let Some(claim) = claim.as_ref().filter(|claim| claim.rollout_id == self.rollout_id) {
            return match claim.phase {
                Phase::Preparing | Phase::Shifting => Ok(claim.clone()),
                Phase::Promoting | Phase::Promoted | Phase::Finished | Phase::RollingBack | Phase::RolledBack => {
                    Err(lost(Some(claim)))
                }
            };
        }
        if self.claims.stage_of(&self.rollout_id).await?.is_some() {
            return Err(StepError::StageBusy(format!(
                "rollout {} has ended, and a rollout claims a stage once; start another execution, under another name",
                self.rollout_id
            )));
        }
        match claim {
            Some(claim) => Err(self.busy(request, &claim)),
            None => Err(StepError::Transient(format!(
                "stage {} became free just now",
                request.stage
            ))),
        }
    }

    /// Why the stage of another rollout cannot be had, yet or at all.
    fn busy(&self, request: &Request, claim: &Claim) -> StepError {
        if claim.is_free(self.clock.now()) {
            return StepError::Transient(format!("stage {} became free just now", request.stage));
        }
        if claim.phase.is_terminal() {
            let until = claim.free_at().map_or_else(
                || "the sweep has taken its dead man's switch away".to_owned(),
                |free| format!("{free:.0}"),
            );
            return StepError::StageDraining(format!(
                "stage {} is looked after until {until}, after its rollout {} ended",
                request.stage, claim.rollout_id
            ));
        }
        StepError::StageBusy(format!(
            "stage {} belongs to rollout {} ({}, {} %) since {:.0}: {}",
            request.stage,
            claim.rollout_id,
            claim.phase.name(),
            claim.percent,
            claim.began_at,
            claim.execution_arn
        ))
    }

    /// A refusal gives the claim back at once: nothing of this rollout's can still be on its way to the stage, because this
    /// attempt is its only one and has recorded no baseline (ADR 0003).
    async fn refuse(&self, claim: &Claim, error: StepError) -> Stepped<Value> {
        let guard = Guard::mine(&self.rollout_id, &[Phase::Preparing]).without(Absent::Baseline);
        if self.claims.give_back(claim, &guard).await? {
            return Err(error);
        }
        // An earlier attempt recorded a baseline, so the canary may be there: the rollback cleans up.
        let text = error.to_string();
        Err(if matches!(error, StepError::StageBusy(_)) {
            StepError::Drift(text)
        } else {
            StepError::Rejected(text)
        })
    }

    fn document(&self, request: Request, api_name: String, claim: &Claim, prepared: Prepared) -> Document {
        let Prepared {
            canary,
            baseline,
            alarms,
        } = prepared;
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
                past: Vec::new(),
                promoted: false,
                awaiting_since: None,
                restarts: 0,
                ticks: 0,
                ignored_alarms: alarms.ignored,
            },
            findings: alarms
                .findings
                .into_iter()
                .chain(unjudged(&request.plan, &request.analysis))
                .collect(),
            plan: request.plan,
            alarms: claim.alarms.clone(),
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
        timeline::record(
            self.claims,
            timeline::decided(document, self.clock.now(), "begin", text),
        )
        .await;
    }
}

fn no_such_stage(request: &Request) -> Faults {
    let given = format!(
        "{:?}, which API {} does not have",
        request.stage.stage_name, request.stage.rest_api_id
    );
    Faults::one("stageName", given, "one of its stages")
}

/// Says per step, from the start, where only alarms will judge, or what a gate will wait for.
fn unjudged(plan: &Plan, analysis: &Analysis) -> Vec<Finding> {
    if analysis.mode == Mode::Off {
        return Vec::new();
    }
    let instead = if analysis.mode == Mode::Gate {
        "so it will be held for evidence of health"
    } else {
        "alarms only"
    };
    let why = |step: &Step| {
        let named = format!("{} % for {} s", step.percent, step.bake_seconds);
        if !analysis.can_judge(step.bake_seconds) {
            let needed = analysis.shortest_bake().as_secs();
            return Some(format!(
                "{named} is too short to judge: {instead} (evidence needs {needed} s)"
            ));
        }
        (step.percent == Percent::ALL).then(|| {
            format!("{named} leaves the baseline no traffic to compare with: alarms judge whether it does harm")
        })
    };
    let steps = plan.steps.iter().zip(1..);
    steps
        .filter_map(|(step, number)| {
            Some(Finding::new(
                format!("step {number}"),
                Verdict::Inconclusive,
                why(step)?,
            ))
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
