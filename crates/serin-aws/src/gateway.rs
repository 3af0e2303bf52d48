//! API Gateway.

use aws_sdk_apigateway::{
    Client,
    config::{
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction, RetryConfig},
    },
    error::ProvideErrorMetadata,
    operation::{
        get_stage::GetStageOutput,
        update_stage::{UpdateStageError, UpdateStageOutput},
    },
    types::{CanarySettings, Op, PatchOperation},
};
use serin_core::{
    ids::{DeploymentId, StageId},
    percent::Percent,
    stage::{CanaryView, Patch, StageView, Variables},
};
use serin_steps::ports::{CallError, Called, Gateway};

use crate::{
    call::{self, CONCURRENT},
    config::Config,
};

/// API Gateway's control plane.
#[derive(Clone, Debug)]
pub struct ApiGateway {
    client: Client,
}

impl ApiGateway {
    /// A client with Serin's timeouts and retries.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let config = aws_sdk_apigateway::config::Builder::from(&config.sdk)
            .retry_classifier(TwoWriters)
            .build();
        Self {
            client: Client::from_conf(config),
        }
    }
}

/// Two writers at once are no reason to give up: API Gateway asks to try again, and the SDK does not know it.
#[derive(Debug)]
struct TwoWriters;

impl ClassifyRetry for TwoWriters {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_operation_error());
        let error = error.and_then(|error| error.downcast_ref::<UpdateStageError>());
        let again = error.is_some_and(|error| {
            error.is_conflict_exception() || error.message().is_some_and(|text| text.contains(CONCURRENT))
        });
        if again {
            RetryAction::transient_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "two writers of one stage"
    }
}

impl Gateway for ApiGateway {
    async fn api_name(&self, rest_api_id: &str) -> Called<String> {
        let answer = self.client.get_rest_api().rest_api_id(rest_api_id).send().await;
        let api = answer.map_err(|error| call::error("GetRestApi", error))?;
        Ok(api.name.unwrap_or_default())
    }

    async fn stage(&self, stage: &StageId) -> Called<StageView> {
        let call = self
            .client
            .get_stage()
            .rest_api_id(&stage.rest_api_id)
            .stage_name(&stage.stage_name);
        let GetStageOutput {
            deployment_id,
            canary_settings,
            variables,
            ..
        } = call.send().await.map_err(|error| call::error("GetStage", error))?;
        view(deployment_id, variables, canary_settings)
    }

    async fn update_stage(&self, stage: &StageId, patches: &[Patch]) -> Called<StageView> {
        let call = self
            .client
            .update_stage()
            .rest_api_id(&stage.rest_api_id)
            .stage_name(&stage.stage_name);
        let call = call.set_patch_operations(Some(patches.iter().map(operation).collect()));
        let UpdateStageOutput {
            deployment_id,
            canary_settings,
            variables,
            ..
        } = call.send().await.map_err(|error| call::error("UpdateStage", error))?;
        view(deployment_id, variables, canary_settings)
    }

    async fn create_deployment(&self, rest_api_id: &str, description: &str) -> Called<DeploymentId> {
        let call = self
            .client
            .create_deployment()
            .rest_api_id(rest_api_id)
            .description(description);
        let once = aws_sdk_apigateway::config::Config::builder().retry_config(RetryConfig::disabled());
        let answer = call.customize().config_override(once).send().await;
        let deployment = answer.map_err(|error| call::error("CreateDeployment", error))?;
        deployment
            .id
            .map(DeploymentId)
            .ok_or_else(|| CallError::Unavailable("CreateDeployment: an answer without an id".to_owned()))
    }

    async fn deployment_described(&self, rest_api_id: &str, description: &str) -> Called<Option<DeploymentId>> {
        let mut pages = self
            .client
            .get_deployments()
            .rest_api_id(rest_api_id)
            .limit(500)
            .into_paginator()
            .send();
        let mut newest = None;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call::error("GetDeployments", error))?;
            let ours = page.items.unwrap_or_default().into_iter();
            let ours = ours.filter(|deployment| deployment.description.as_deref() == Some(description));
            newest = newest.max(
                ours.filter_map(|deployment| Some((deployment.created_date?, deployment.id?)))
                    .max(),
            );
        }
        Ok(newest.map(|(_, id)| DeploymentId(id)))
    }

    async fn has_deployment(&self, rest_api_id: &str, id: &DeploymentId) -> Called<bool> {
        let call = self
            .client
            .get_deployment()
            .rest_api_id(rest_api_id)
            .deployment_id(id.as_str());
        match call.send().await.map_err(|error| call::error("GetDeployment", error)) {
            Ok(_) => Ok(true),
            Err(CallError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn operation(patch: &Patch) -> PatchOperation {
    let operation = patch.operation();
    PatchOperation::builder()
        .op(Op::from(operation.op))
        .path(operation.path)
        .set_value(operation.value)
        .set_from(operation.from.map(str::to_owned))
        .build()
}

fn view(
    deployment_id: Option<String>,
    variables: Option<std::collections::HashMap<String, String>>,
    canary: Option<CanarySettings>,
) -> Called<StageView> {
    let deployment_id = deployment_id.unwrap_or_default();
    let canary = match canary {
        None => None,
        Some(canary) => Some(CanaryView {
            // A canary without a deployment of its own is one of the stage's.
            deployment_id: DeploymentId(canary.deployment_id.unwrap_or_else(|| deployment_id.clone())),
            percent: Percent::nearest(canary.percent_traffic).ok_or_else(|| {
                CallError::Rejected(format!("the stage has a canary at {} %", canary.percent_traffic))
            })?,
            overrides: canary
                .stage_variable_overrides
                .unwrap_or_default()
                .into_iter()
                .collect(),
            use_stage_cache: canary.use_stage_cache,
        }),
    };
    let variables: Variables = variables.unwrap_or_default().into_iter().collect();
    Ok(StageView {
        deployment_id: DeploymentId(deployment_id),
        variables,
        canary,
    })
}
