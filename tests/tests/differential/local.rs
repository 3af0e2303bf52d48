//! API Gateway on LocalStack.

use aws_sdk_apigateway::{
    Client, Config,
    config::retry::RetryConfig,
    error::{ProvideErrorMetadata, SdkError},
    types::{CanarySettings, DeploymentCanarySettings, IntegrationType, Op, PatchOperation},
};
use serin_core::{
    percent::Percent,
    stage::{CanaryView, StageView},
};
use serin_local::Clients;

use crate::{
    operation::{Canary, Deployment, Operation, Patch, Slot},
    sides::{Answer, Outcome, Refusal, STAGES, id, numbered, percent, value},
};

/// The header by which the plugin lets LocalStack answer by itself.
const BY_ITSELF: &str = "x-serin-local-by-itself";

/// A REST API on LocalStack, with stages of names that nobody else has.
pub(crate) struct Local {
    client: Client,
    api: String,
    prefix: String,
    made: Vec<String>,
    by_itself: bool,
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
    let mock = IntegrationType::Mock;
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
            CanarySettings::builder()
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
        canary: Option<CanarySettings>,
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
