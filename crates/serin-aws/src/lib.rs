//! The ports of `serin-steps` over the AWS SDK, and the Lambda runtime around them: the only crate that names either.

mod call;
mod clock;
mod cloudwatch;
mod config;
mod executions;
mod gateway;
mod item;
mod metrics;
#[cfg(test)]
mod replies;
mod scheduler;
mod serve;
mod table;

pub use clock::SystemClock;
pub use cloudwatch::CloudWatch;
pub use config::{Config, ConfigError};
pub use executions::StepFunctions;
pub use gateway::ApiGateway;
pub use scheduler::Scheduler;
pub use serve::{ServeError, serve};
pub use table::Table;
