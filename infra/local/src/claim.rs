//! A stage's claim, seen from outside: read from the table, as a person would.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::{
    api::{Api, failed},
    error::Result,
    world::World,
};

/// What a claim says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimView {
    /// Whose the stage is.
    pub rollout_id: String,
    /// How far that rollout is: `shifting`, `rolledBack` and so on.
    pub phase: String,
    /// When it claimed the stage.
    pub began_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// The canary deployment, once there is one.
    pub deployment_id: Option<String>,
    /// Why it is rolled back, if it is.
    pub reason: Option<String>,
}

impl World {
    /// The claim of an API's stage; `None` if no rollout has claimed it, or the last one was refused.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn claim(&self, api: &Api) -> Result<Option<ClaimView>> {
        let text = |value: String| AttributeValue::S(value);
        let call = self
            .clients()
            .dynamodb
            .get_item()
            .table_name(self.table())
            .consistent_read(true)
            .key("pk", text(format!("STAGE#{}#{}", api.id, api.stage)))
            .key("sk", text("CLAIM".to_owned()));
        let found = call.send().await.map_err(failed("GetItem"))?;
        Ok(found.item.as_ref().and_then(claim))
    }
}

fn claim(item: &HashMap<String, AttributeValue>) -> Option<ClaimView> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let ended_at = item.get("endedAt").and_then(|value| value.as_n().ok());
    let ended_at = ended_at.and_then(|millis| Timestamp::from_millisecond(millis.parse().ok()?).ok());
    Some(ClaimView {
        rollout_id: text("rolloutId")?,
        phase: text("phase")?,
        began_at: text("beganAt")?.parse().ok()?,
        ended_at,
        deployment_id: text("deploymentId"),
        reason: text("reason"),
    })
}
