//! The fake.

use serin_core::stage::{PatchOperation, StageView};
use serin_steps::{
    fakes::{NewCanary, RestApi},
    ports::CallError,
};

use crate::{
    operation::{Canary, Operation, Patch, Slot},
    sides::{Answer, Outcome, Refusal, STAGES, id, numbered, percent, value},
};

/// The fake, with one stage on its first deployment.
pub(crate) struct Fake {
    api: RestApi,
    made: Vec<String>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let api = RestApi::new(
            "differential",
            &Self::name(0),
            [("alias".to_owned(), "v1".to_owned())].into(),
        );
        let made = api.deployments.keys().map(ToString::to_string).collect();
        Self { api, made }
    }

    fn name(slot: Slot) -> String {
        format!("stage-{slot}")
    }

    pub(crate) fn stages(&self) -> Vec<Answer> {
        (0..STAGES).map(|slot| self.stage(slot)).collect()
    }

    fn stage(&self, slot: Slot) -> Answer {
        self.answer(self.api.stage(&Self::name(slot)))
    }

    fn answer(&self, answer: Result<StageView, CallError>) -> Answer {
        answer
            .map(|view| numbered(&self.made, view))
            .map_err(|error| refusal(&error))
    }

    pub(crate) fn call(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::GetStage { stage } => Outcome::Stage(self.stage(*stage)),
            Operation::CreateDeployment { stage, canary } => {
                let (stage, canary) = (stage.map(Self::name), canary.as_ref().map(new_canary));
                let made = self.api.create_deployment("", stage.as_deref(), canary);
                Outcome::Made(
                    made.map(|id| self.remember(id.to_string()))
                        .map_err(|error| refusal(&error)),
                )
            }
            Operation::CreateStage {
                stage,
                deployment,
                variables,
                canary,
            } => {
                let own = id(&self.made, *deployment);
                let other = canary.as_ref().and_then(|(deployment, _)| *deployment);
                let other = other.map(|deployment| id(&self.made, deployment));
                let canary = canary
                    .as_ref()
                    .map(|(_, canary)| (other.as_deref(), new_canary(canary)));
                let made = self
                    .api
                    .create_stage(&Self::name(*stage), &own, variables.clone(), canary);
                Outcome::Stage(self.answer(made))
            }
            Operation::UpdateStage { stage, patches } => {
                let patches: Vec<_> = patches.iter().map(|patch| self.patch(patch)).collect();
                let changed = self.api.update_stage(&Self::name(*stage), &patches);
                Outcome::Stage(self.answer(changed))
            }
        }
    }

    fn patch(&self, patch: &Patch) -> PatchOperation {
        PatchOperation {
            op: patch.op,
            path: patch.path.to_owned(),
            value: value(&self.made, &patch.value),
            from: patch.from,
        }
    }

    fn remember(&mut self, id: String) -> usize {
        self.made.push(id);
        self.made.len() - 1
    }
}

fn new_canary(canary: &Canary) -> NewCanary {
    NewCanary {
        overrides: canary.overrides.clone(),
        use_stage_cache: canary.use_stage_cache,
        ..NewCanary::at(percent(canary))
    }
}

fn refusal(error: &CallError) -> Refusal {
    match error {
        CallError::NotFound(_) => Refusal::NotFound,
        CallError::Rejected(_) => Refusal::BadRequest,
        CallError::Unavailable(_) => Refusal::Conflict,
        CallError::Throttled(_) => Refusal::Other,
    }
}
