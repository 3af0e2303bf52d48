//! The two sides that are compared: the fake, and API Gateway on LocalStack.

use aws_sdk_apigateway::{
    Client, Config,
    config::retry::RetryConfig,
    error::{ProvideErrorMetadata, SdkError},
    types::{DeploymentCanarySettings, Op, PatchOperation},
};
use serin_core::{
    percent::Percent,
    stage::{CanaryView, PatchOperation as FakePatch, StageView},
};
use serin_local::Clients;
use serin_steps::{
    fakes::{NewCanary, RestApi},
    ports::CallError,
};

use crate::operation::{Canary, Deployment, Operation, Patch, Slot, Value};

/// How a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 404.
    NotFound,
    /// 400.
    BadRequest,
    /// 409.
    Conflict,
    /// Anything else, which AWS does not answer.
    Other,
}

/// A stage with deployments named by the order in which they were made, or why there is none.
pub(crate) type Answer = Result<StageView, Refusal>;

/// What a call came to: the stage, a new deployment's number, or a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Stage(Answer),
    Made(Result<usize, Refusal>),
}

const STAGES: usize = 2;
const UNKNOWN: &str = "nosuch";

/// The header by which the plugin lets LocalStack answer by itself.
const BY_ITSELF: &str = "x-serin-local-by-itself";

/// The fake, with one stage on its first deployment.
pub(crate) struct Fake {
    api: RestApi,
    made: Vec<String>,
}

/// A REST API on LocalStack, with stages of names that nobody else has.
pub(crate) struct Local {
    client: Client,
    api: String,
    prefix: String,
    made: Vec<String>,
    by_itself: bool,
}

fn id(made: &[String], deployment: Deployment) -> String {
    match deployment {
        Deployment::Made(ago) => made.get(made.len() - 1 - ago % made.len()).cloned(),
        Deployment::Unknown => None,
    }
    .unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The same stage with `#0`, `#1` and so on for its deployments.
fn numbered(made: &[String], mut view: StageView) -> StageView {
    let name = |id: &str| match made.iter().position(|made| made == id) {
        Some(number) => format!("#{number}"),
        None => id.to_owned(),
    };
    view.deployment_id = name(view.deployment_id.as_str()).as_str().into();
    // A drawn value may be a deployment's id.
    view.variables.values_mut().for_each(|value| *value = name(value));
    if let Some(canary) = &mut view.canary {
        canary.deployment_id = name(canary.deployment_id.as_str()).as_str().into();
        canary.overrides.values_mut().for_each(|value| *value = name(value));
    }
    view
}

fn percent(canary: &Canary) -> Percent {
    Percent::parse(canary.percent).unwrap()
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

    fn patch(&self, patch: &Patch) -> FakePatch {
        FakePatch {
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

fn value(made: &[String], value: &Value) -> Option<String> {
    match value {
        Value::None => None,
        Value::Text(text) => Some((*text).to_owned()),
        Value::Deployment(deployment) => Some(id(made, *deployment)),
    }
}

/// An API that can be deployed: it has a method.
pub(crate) async fn make_api(clients: &Clients) -> String {
    let client = &clients.apigateway;
    let api = client.create_rest_api().name("differential").send().await.unwrap();
    let (api, root) = (api.id.unwrap(), api.root_resource_id.unwrap());
    let method = client
        .put_method()
        .rest_api_id(&api)
        .resource_id(&root)
        .http_method("GET");
    method.authorization_type("NONE").send().await.unwrap();
    let integration = client.put_integration().rest_api_id(&api).resource_id(&root);
    let mock = aws_sdk_apigateway::types::IntegrationType::Mock;
    integration.http_method("GET").r#type(mock).send().await.unwrap();
    api
}

/// Sends a call, as LocalStack answers it by itself if that is asked for.
macro_rules! send {
    ($local:expr, $call:expr) => {{
        let by_itself = $local.by_itself;
        // A call that is made twice would hide what the first came to.
        let once = Config::builder().retry_config(RetryConfig::disabled());
        let call = $call.customize().config_override(once).mutate_request(move |request| {
            if by_itself {
                request.headers_mut().insert(BY_ITSELF, "yes");
            }
        });
        call.send().await.map_err(|error| local_refusal(&error))
    }};
}

impl Local {
    /// Stages whose names begin with `prefix`; the first is on a deployment of its own.
    pub(crate) async fn new(clients: &Clients, api: &str, prefix: String, by_itself: bool) -> Self {
        let client = clients.apigateway.clone();
        let made = client
            .create_deployment()
            .rest_api_id(api)
            .send()
            .await
            .unwrap()
            .id
            .unwrap();
        let local = Self {
            client,
            api: api.to_owned(),
            prefix,
            made: vec![made],
            by_itself,
        };
        let call = local.client.create_stage().rest_api_id(api).stage_name(local.name(0));
        call.deployment_id(id(&local.made, Deployment::Made(0)))
            .variables("alias", "v1")
            .send()
            .await
            .unwrap();
        local
    }

    fn name(&self, slot: Slot) -> String {
        format!("{}-{slot}", self.prefix)
    }

    pub(crate) async fn stages(&self) -> Vec<Answer> {
        let mut stages = Vec::new();
        for slot in 0..STAGES {
            stages.push(self.stage(slot).await);
        }
        stages
    }

    async fn stage(&self, slot: Slot) -> Answer {
        let call = self
            .client
            .get_stage()
            .rest_api_id(&self.api)
            .stage_name(self.name(slot));
        let stage = send!(self, call)?;
        self.view(stage.deployment_id, stage.variables, stage.canary_settings)
    }

    pub(crate) async fn call(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::GetStage { stage } => Outcome::Stage(self.stage(*stage).await),
            Operation::CreateDeployment { stage, canary } => Outcome::Made(self.deploy(*stage, canary.as_ref()).await),
            Operation::CreateStage { .. } => Outcome::Stage(self.create_stage(operation).await),
            Operation::UpdateStage { stage, patches } => Outcome::Stage(self.update(*stage, patches).await),
        }
    }

    async fn deploy(&mut self, stage: Option<Slot>, canary: Option<&Canary>) -> Result<usize, Refusal> {
        let settings = canary.map(|canary| {
            DeploymentCanarySettings::builder()
                .percent_traffic(number(canary))
                .set_stage_variable_overrides(Some(canary.overrides.clone().into_iter().collect()))
                .use_stage_cache(canary.use_stage_cache)
                .build()
        });
        let call = self.client.create_deployment().rest_api_id(&self.api);
        let call = call
            .set_stage_name(stage.map(|slot| self.name(slot)))
            .set_canary_settings(settings);
        let made = send!(self, call)?;
        self.made.push(made.id.unwrap());
        Ok(self.made.len() - 1)
    }

    async fn create_stage(&self, operation: &Operation) -> Answer {
        let Operation::CreateStage {
            stage,
            deployment,
            variables,
            canary,
        } = operation
        else {
            unreachable!("{operation:?}")
        };
        let settings = canary.as_ref().map(|(deployment, canary)| {
            aws_sdk_apigateway::types::CanarySettings::builder()
                .set_deployment_id(deployment.map(|deployment| id(&self.made, deployment)))
                .percent_traffic(number(canary))
                .set_stage_variable_overrides(Some(canary.overrides.clone().into_iter().collect()))
                .use_stage_cache(canary.use_stage_cache)
                .build()
        });
        let call = self
            .client
            .create_stage()
            .rest_api_id(&self.api)
            .stage_name(self.name(*stage));
        let call = call
            .deployment_id(id(&self.made, *deployment))
            .set_variables(Some(variables.clone().into_iter().collect()))
            .set_canary_settings(settings);
        let stage = send!(self, call)?;
        self.view(stage.deployment_id, stage.variables, stage.canary_settings)
    }

    async fn update(&self, slot: Slot, patches: &[Patch]) -> Answer {
        let operations = patches.iter().map(|patch| {
            PatchOperation::builder()
                .op(Op::from(patch.op))
                .path(patch.path)
                .set_value(value(&self.made, &patch.value))
                .set_from(patch.from.map(str::to_owned))
                .build()
        });
        let call = self
            .client
            .update_stage()
            .rest_api_id(&self.api)
            .stage_name(self.name(slot));
        let stage = send!(self, call.set_patch_operations(Some(operations.collect())))?;
        self.view(stage.deployment_id, stage.variables, stage.canary_settings)
    }

    fn view(
        &self,
        deployment_id: Option<String>,
        variables: Option<std::collections::HashMap<String, String>>,
        canary: Option<aws_sdk_apigateway::types::CanarySettings>,
    ) -> Answer {
        let canary = match canary {
            None => None,
            Some(canary) => Some(CanaryView {
                deployment_id: canary.deployment_id.unwrap_or_default().as_str().into(),
                // A share that no stage can have is like no answer.
                percent: Percent::nearest(canary.percent_traffic).ok_or(Refusal::Other)?,
                overrides: canary
                    .stage_variable_overrides
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
                use_stage_cache: canary.use_stage_cache,
            }),
        };
        let view = StageView {
            deployment_id: deployment_id.unwrap_or_default().as_str().into(),
            variables: variables.unwrap_or_default().into_iter().collect(),
            canary,
        };
        Ok(numbered(&self.made, view))
    }
}

fn number(canary: &Canary) -> f64 {
    f64::from(percent(canary).hundredths()) / 100.0
}

fn local_refusal<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Refusal {
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("NotFoundException") => Refusal::NotFound,
        Some("BadRequestException") => Refusal::BadRequest,
        Some("ConflictException") => Refusal::Conflict,
        _ => Refusal::Other,
    }
}
