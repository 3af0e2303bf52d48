//! FashionFlow on the local AWS: a stage whose variable `alias` names the version that answers.

use std::collections::BTreeMap;

use aws_sdk_apigateway::{
    error::DisplayErrorContext,
    types::{Op, PatchOperation},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    aws::{Clients, REGION},
    error::{Error, Result},
    http::{Answer, Http},
};

/// The variable that names the version.
pub const ALIAS: &str = "alias";

/// An API with a stage to release to.
#[derive(Clone, Debug)]
pub struct Api {
    pub(crate) clients: Clients,
    pub(crate) http: Http,
    /// The name, which is what its metrics go by.
    pub name: String,
    /// The id.
    pub id: String,
    /// The stage.
    pub stage: &'static str,
    /// Where its requests go to.
    pub url: String,
}

/// A stage, as API Gateway describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageView {
    /// Its own deployment.
    pub deployment_id: String,
    /// Its own variables.
    pub variables: BTreeMap<String, String>,
    /// The canary, if it has one.
    pub canary: Option<CanaryView>,
    /// When it was last changed, by API Gateway's clock.
    pub changed_at: Option<Timestamp>,
}

/// A canary, as API Gateway describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CanaryView {
    /// Its deployment.
    pub deployment_id: String,
    /// Its share of the traffic.
    pub percent: f64,
    /// The variables that differ from the stage's.
    pub overrides: BTreeMap<String, String>,
}

/// An answer of the example: who gave it, and whether it was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The version that says it answered; empty if none says so.
    pub version: String,
}

impl Api {
    /// The smallest input that releases `version` here; add to it what the story needs.
    #[must_use]
    pub fn release(&self, version: &str) -> Value {
        json!({
            "restApiId": self.id,
            "stageName": self.stage,
            "canary": { "stageVariableOverrides": { ALIAS: version } },
        })
    }

    /// What every alarm of this stage is called at the beginning.
    #[must_use]
    pub fn alarm(&self, name: &str) -> String {
        format!("serin-{}-{}-{name}", self.id, self.stage)
    }

    /// Sends one request through the stage.
    ///
    /// # Errors
    /// If there is no answer; an answer with an error status is an answer.
    pub async fn get(&self) -> Result<Response> {
        Ok(response(&self.http.get(&self.url).await?))
    }

    /// The stage as it is now.
    ///
    /// # Errors
    /// If API Gateway does not say.
    pub async fn view(&self) -> Result<StageView> {
        let call = self
            .clients
            .apigateway
            .get_stage()
            .rest_api_id(&self.id)
            .stage_name(self.stage);
        let stage = call.send().await.map_err(failed("GetStage"))?;
        let canary = stage.canary_settings.map(|canary| CanaryView {
            deployment_id: canary.deployment_id.unwrap_or_default(),
            percent: canary.percent_traffic,
            overrides: canary.stage_variable_overrides.into_iter().flatten().collect(),
        });
        let changed_at = stage.last_updated_date.and_then(|at| {
            let nanoseconds = i32::try_from(at.subsec_nanos()).ok()?;
            Timestamp::new(at.secs(), nanoseconds).ok()
        });
        Ok(StageView {
            deployment_id: stage.deployment_id.unwrap_or_default(),
            variables: stage.variables.into_iter().flatten().collect(),
            canary,
            changed_at,
        })
    }

    /// An ordinary deployment to the stage, such as a pipeline makes; it is refused while there is a canary.
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn deploy_to_stage(&self) -> Result<String> {
        let call = self
            .clients
            .apigateway
            .create_deployment()
            .rest_api_id(&self.id)
            .stage_name(self.stage);
        let made = call.send().await.map_err(failed("CreateDeployment"))?;
        Ok(made.id.unwrap_or_default())
    }

    /// Makes a canary by hand, as a person or another pipeline would.
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn make_foreign_canary(&self, percent: &str) -> Result<()> {
        let made = self
            .clients
            .apigateway
            .create_deployment()
            .rest_api_id(&self.id)
            .send()
            .await;
        let id = made.map_err(failed("CreateDeployment"))?.id.unwrap_or_default();
        self.patch([
            replace("/canarySettings/deploymentId", &id),
            replace("/canarySettings/percentTraffic", percent),
        ])
        .await
    }

    /// Takes the canary away by hand.
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn remove_canary(&self) -> Result<()> {
        let remove = PatchOperation::builder().op(Op::Remove).path("/canarySettings");
        self.patch([remove.build()]).await
    }

    /// Sets a variable of the stage by hand; a canary inherits it.
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn set_variable(&self, name: &str, value: &str) -> Result<()> {
        self.patch([replace(&format!("/variables/{name}"), value)]).await
    }

    /// Lets the stage write a line for every request to a log group.
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn write_access_log(&self, destination_arn: &str, format: &str) -> Result<()> {
        self.patch([
            replace("/accessLogSettings/destinationArn", destination_arn),
            replace("/accessLogSettings/format", format),
        ])
        .await
    }

    /// Tags the API: the plugin counts its requests by what its tags say (`gateway_metrics.py`).
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn tag(&self, name: &str, value: &str) -> Result<()> {
        let arn = format!("arn:aws:apigateway:{REGION}::/restapis/{}", self.id);
        let call = self
            .clients
            .apigateway
            .tag_resource()
            .resource_arn(arn)
            .tags(name, value);
        call.send().await.map(drop).map_err(failed("TagResource"))
    }

    async fn patch(&self, operations: impl IntoIterator<Item = PatchOperation>) -> Result<()> {
        let mut call = self
            .clients
            .apigateway
            .update_stage()
            .rest_api_id(&self.id)
            .stage_name(self.stage);
        for operation in operations {
            call = call.patch_operations(operation);
        }
        call.send().await.map(drop).map_err(failed("UpdateStage"))
    }
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

pub(crate) fn response(answer: &Answer) -> Response {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Response {
        status: answer.status,
        version: body
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
    }
}

/// For `map_err` on an SDK call: with everything that the error's sources say.
pub(crate) fn failed<E: std::error::Error>(call: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::Call {
        call: call.to_owned(),
        message: DisplayErrorContext(error).to_string(),
    }
}
