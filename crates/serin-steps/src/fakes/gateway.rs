//! The port of API Gateway over the account's REST APIs.

use serin_core::{
    ids::{DeploymentId, StageId},
    stage::{Patch, StageView},
};

use super::{Account, Call, FakeAws, RestApi};
use crate::ports::{CallError, Called, Gateway};

impl Account {
    /// A REST API.
    ///
    /// # Errors
    /// Where there is none of that id.
    pub fn api(&mut self, rest_api_id: &str) -> Called<&mut RestApi> {
        let api = self.apis.get_mut(rest_api_id);
        api.ok_or_else(|| CallError::NotFound("Invalid API identifier specified".to_owned()))
    }
}

impl Gateway for FakeAws {
    async fn api_name(&self, rest_api_id: &str) -> Called<String> {
        self.call(Call::ApiName, |account| Ok(account.api(rest_api_id)?.name.clone()))
            .await
    }

    async fn stage(&self, stage: &StageId) -> Called<StageView> {
        self.call(Call::Stage, |account| {
            account.api(&stage.rest_api_id)?.stage(&stage.stage_name)
        })
        .await
    }

    async fn update_stage(&self, stage: &StageId, patches: &[Patch]) -> Called<StageView> {
        let operations: Vec<_> = patches.iter().map(Patch::operation).collect();
        self.call(Call::UpdateStage, |account| {
            account
                .api(&stage.rest_api_id)?
                .update_stage(&stage.stage_name, &operations)
        })
        .await
    }

    async fn create_deployment(&self, rest_api_id: &str, description: &str) -> Called<DeploymentId> {
        self.call(Call::CreateDeployment, |account| {
            account.api(rest_api_id)?.create_deployment(description, None, None)
        })
        .await
    }

    async fn deployment_described(&self, rest_api_id: &str, description: &str) -> Called<Option<DeploymentId>> {
        self.call(Call::DeploymentDescribed, |account| {
            let deployments = &account.api(rest_api_id)?.deployments;
            let found = deployments.iter().find(|(_, text)| *text == description);
            Ok(found.map(|(id, _)| id.clone()))
        })
        .await
    }

    async fn has_deployment(&self, rest_api_id: &str, id: &DeploymentId) -> Called<bool> {
        self.call(Call::HasDeployment, |account| {
            Ok(account.api(rest_api_id)?.deployments.contains_key(id))
        })
        .await
    }
}
