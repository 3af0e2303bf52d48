//! EventBridge Scheduler: the dead man's switches.

use std::sync::OnceLock;

use aws_sdk_scheduler::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    error::BuildError,
    operation::create_schedule::CreateScheduleError,
    types::{
        ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy,
        ScheduleState, Target,
    },
};
use jiff::Timestamp;
use serde_json::json;
use serin_core::{
    ids::{Home, RolloutId, StageId},
    switch::schedule_name,
    timing::{SWITCH_CALL, SWITCH_TRIES},
};
use serin_steps::ports::{CallError, Called, DeadMansSwitch};

use crate::{
    call,
    config::{Config, ConfigError},
};

/// Once more where the first attempt fails, and no longer than that: nearly everybody has something better to do.
const ATTEMPTS: u32 = 2;
/// The most that EventBridge Scheduler takes; its age ends a switch's attempts before that.
const MOST_RETRIES: i32 = 185;

/// EventBridge Scheduler's schedules of one group.
#[derive(Debug)]
pub struct Scheduler {
    config: aws_sdk_scheduler::Config,
    /// Made at the first call: a rollback that waits for nothing else must not wait for this either.
    client: OnceLock<Client>,
    group: String,
    /// The role that may change stages. A schedule acts by it.
    role_arn: String,
    /// Where a schedule leaves what it could not do.
    dead_letters_arn: String,
}

/// What a schedule is to be, for making it and for setting it again alike: what is left out is reset.
struct Wanted {
    expression: String,
    description: String,
    window: FlexibleTimeWindow,
    target: Target,
}

/// A call with all that a schedule is to be. Two operations take the same, as different types.
macro_rules! filled {
    ($call:expr, $name:expr, $group:expr, $wanted:expr) => {{
        let wanted = $wanted;
        $call
            .name($name)
            .group_name(&$group)
            .schedule_expression(wanted.expression)
            .schedule_expression_timezone("UTC")
            .description(wanted.description)
            .state(ScheduleState::Enabled)
            .flexible_time_window(wanted.window)
            .target(wanted.target)
            .action_after_completion(ActionAfterCompletion::Delete)
    }};
}

impl Scheduler {
    /// The schedules that the variables `SWITCH_GROUP`, `SWITCH_ROLE_ARN` and `SWITCH_DEAD_LETTERS_ARN` tell of.
    ///
    /// # Errors
    /// Where one of them is not set.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let timeouts = TimeoutConfig::builder().operation_timeout(SWITCH_CALL.unsigned_abs());
        let timeouts = timeouts
            .operation_attempt_timeout(SWITCH_CALL.unsigned_abs() / ATTEMPTS)
            .build();
        let config = aws_sdk_scheduler::config::Builder::from(&config.sdk)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .build();
        Ok(Self {
            config,
            client: OnceLock::new(),
            group: Config::variable("SWITCH_GROUP")?,
            role_arn: Config::variable("SWITCH_ROLE_ARN")?,
            dead_letters_arn: Config::variable("SWITCH_DEAD_LETTERS_ARN")?,
        })
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::from_conf(self.config.clone()))
    }

    fn wanted(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> Result<Wanted, BuildError> {
        let retries = RetryPolicy::builder()
            .maximum_retry_attempts(MOST_RETRIES)
            .maximum_event_age_in_seconds(i32::try_from(SWITCH_TRIES.as_secs()).unwrap_or(i32::MAX))
            .build();
        let target = Target::builder()
            .arn(self.target_arn())
            .role_arn(&self.role_arn)
            .input(input(stage))
            .retry_policy(retries)
            .dead_letter_config(DeadLetterConfig::builder().arn(&self.dead_letters_arn).build());
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        Ok(Wanted {
            expression: format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S")),
            description: format!("Removes the canary of {stage} if nobody looks after rollout {rollout} any more."),
            window: window.build()?,
            target: target.build()?,
        })
    }

    /// The universal target of API Gateway's UpdateStage.
    fn target_arn(&self) -> String {
        let partition = Home::of_arn(&self.dead_letters_arn).map_or_else(|| "aws".to_owned(), |home| home.partition);
        format!("arn:{partition}:scheduler:::aws-sdk:apigateway:updateStage")
    }

    async fn update(&self, name: &str, wanted: Wanted) -> Called<()> {
        let call = filled!(self.client().update_schedule(), name, self.group, wanted);
        let answer = call.send().await;
        answer.map(drop).map_err(|error| call::error("UpdateSchedule", error))
    }
}

/// What UpdateStage is called with. Universal targets take the names of the AWS SDK for Java 2.
fn input(stage: &StageId) -> String {
    json!({
        "RestApiId": stage.rest_api_id,
        "StageName": stage.stage_name,
        "PatchOperations": [{ "Op": "remove", "Path": "/canarySettings" }],
    })
    .to_string()
}

fn built(error: &BuildError) -> CallError {
    CallError::Rejected(error.to_string())
}

impl DeadMansSwitch for Scheduler {
    async fn arm(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> Called<()> {
        let name = &schedule_name(rollout);
        let wanted = || self.wanted(rollout, stage, at).map_err(|error| built(&error));
        let call = filled!(self.client().create_schedule(), name, self.group, wanted()?);
        match call.send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateScheduleError::is_conflict_exception) =>
            {
                self.update(name, wanted()?).await // It is there, from an attempt whose answer was lost.
            }
            answer => answer.map(drop).map_err(|error| call::error("CreateSchedule", error)),
        }
    }

    async fn push(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> Called<()> {
        let wanted = self.wanted(rollout, stage, at).map_err(|error| built(&error))?;
        self.update(&schedule_name(rollout), wanted).await
    }

    async fn disarm(&self, rollout: &RolloutId) -> Called<()> {
        let name = schedule_name(rollout);
        let call = self.client().delete_schedule().name(name).group_name(&self.group);
        match call.send().await.map_err(|error| call::error("DeleteSchedule", error)) {
            Err(CallError::NotFound(_)) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
