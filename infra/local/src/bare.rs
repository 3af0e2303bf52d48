//! APIs without a backend, and alarms without a metric: quick to make by the hundred.

use aws_sdk_apigateway::types::IntegrationType;
use aws_sdk_cloudwatch::types::ComparisonOperator;

use crate::{api::failed, error::Result, world::World};

/// An API of one method that answers by itself, on a stage `prod`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BareApi {
    /// The id.
    pub id: String,
}

impl BareApi {
    /// The name of its stage.
    pub const STAGE: &str = "prod";
}

impl World {
    /// Makes such an API.
    ///
    /// # Errors
    /// What API Gateway refused it with.
    pub async fn bare_api(&self, name: &str) -> Result<BareApi> {
        let gateway = &self.clients().apigateway;
        let made = gateway.create_rest_api().name(name).send().await;
        let id = made.map_err(failed("CreateRestApi"))?.id.unwrap_or_default();
        let found = gateway.get_resources().rest_api_id(&id).send().await;
        let mut resources = found.map_err(failed("GetResources"))?.items.unwrap_or_default();
        let root = resources.pop().and_then(|resource| resource.id).unwrap_or_default();
        let method = gateway.put_method().rest_api_id(&id).resource_id(&root);
        let method = method.http_method("GET").authorization_type("NONE");
        method.send().await.map_err(failed("PutMethod"))?;
        let integration = gateway.put_integration().rest_api_id(&id).resource_id(&root);
        let integration = integration.http_method("GET").r#type(IntegrationType::Mock);
        integration.send().await.map_err(failed("PutIntegration"))?;
        let deployment = gateway.create_deployment().rest_api_id(&id).stage_name(BareApi::STAGE);
        deployment.send().await.map_err(failed("CreateDeployment"))?;
        Ok(BareApi { id })
    }

    /// Whether such an API's stage has a canary.
    ///
    /// # Errors
    /// If API Gateway does not say.
    pub async fn has_canary(&self, api: &BareApi) -> Result<bool> {
        let call = self
            .clients()
            .apigateway
            .get_stage()
            .rest_api_id(&api.id)
            .stage_name(BareApi::STAGE);
        let stage = call.send().await.map_err(failed("GetStage"))?;
        Ok(stage.canary_settings.is_some())
    }

    /// Makes an alarm that only goes off when it is told to.
    ///
    /// # Errors
    /// What CloudWatch refused it with.
    pub async fn bare_alarm(&self, name: &str) -> Result<()> {
        let call = self.clients().cloudwatch.put_metric_alarm().alarm_name(name);
        let call = call
            .namespace("Somebody")
            .metric_name("Errors")
            .statistic("Sum".into())
            .period(60);
        let call = call.evaluation_periods(1).threshold(1.0);
        let call = call.comparison_operator(ComparisonOperator::GreaterThanThreshold);
        call.send().await.map(drop).map_err(failed("PutMetricAlarm"))
    }
}
