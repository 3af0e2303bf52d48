//! Step Functions.

use aws_sdk_sfn::{Client, types::ExecutionStatus as Status};
use serin_core::ids::ExecutionArn;
use serin_steps::ports::{CallError, Called, ExecutionStatus, Executions};

use crate::{call, config::Config};

/// Step Functions.
#[derive(Clone, Debug)]
pub struct StepFunctions {
    client: Client,
}

impl StepFunctions {
    /// A client with Serin's timeouts and retries.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            client: Client::new(&config.sdk),
        }
    }
}

impl Executions for StepFunctions {
    async fn status(&self, execution: &ExecutionArn) -> Called<ExecutionStatus> {
        let answer = self
            .client
            .describe_execution()
            .execution_arn(execution.as_str())
            .send()
            .await;
        match answer.map_err(|error| call::error("DescribeExecution", error)) {
            Ok(execution) if matches!(execution.status, Status::Running | Status::PendingRedrive) => {
                Ok(ExecutionStatus::Running)
            }
            Ok(execution) => Ok(ExecutionStatus::Over(execution.status.as_str().to_owned())),
            Err(CallError::NotFound(_)) => Ok(ExecutionStatus::Over("it does not exist".to_owned())),
            Err(error) => Err(error),
        }
    }
}
