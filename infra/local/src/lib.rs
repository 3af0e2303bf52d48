//! AWS on this machine, without an account or Docker.
//!
//! [`World::start`] makes what it needs, starts LocalStack with the plugin beside this crate, and runs the same `sam deploy` of the
//! same `template.yaml` that goes to AWS. Then a story can be told: [`World::fashionflow`] makes an API to release to,
//! [`World::start_rollout`] releases, [`Load`] sends requests, and [`Rollout`] says what became of it. When the world is
//! dropped, nothing of it is left. `infra/local/README.md` says what differs from AWS.

mod api;
mod aws;
mod bare;
mod binaries;
mod claim;
pub mod demo;
mod deploy;
mod error;
mod http;
mod load;
mod monitoring;
mod process;
mod proxy;
mod rollout;
mod stack;
mod terminal;
mod workspace;
mod world;

pub use api::{ALIAS, Api, CanaryView, Response, StageView};
pub use aws::{ACCOUNT, Clients, REGION};
pub use aws_sdk_cloudwatch::types::StateValue;
pub use bare::BareApi;
pub use claim::ClaimView;
pub use deploy::{Deployment, SERIN};
pub use error::{Error, Result};
pub use http::{Answer, Http};
pub use load::{Count, Load, Tally};
pub use monitoring::Monitoring;
pub use proxy::{Aim, Call, Effect, Fault, Proxy, Record, Service, Span};
pub use rollout::{Entry, Execution, Rollout};
pub use stack::Stack;
pub use terminal::{Line, Style, Terminal};
pub use workspace::Workspace;
pub use world::{AlarmView, ENDPOINT_VARIABLE, METRIC_SECONDS, World, until};

use std::process::{ExitStatus, Stdio};

use tokio::signal::unix::{SignalKind, signal};

/// Returns when somebody wants us to end; what is under way is then to be dropped, and with it the stack.
///
/// # Errors
/// Always: with `Interrupted`, or with why signals cannot be heard.
pub async fn interrupted<T>() -> Result<T> {
    let listen = |kind| {
        signal(kind).map_err(|source| Error::Start {
            program: "signals".to_owned(),
            source,
        })
    };
    let (mut terminate, mut hang_up) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Err(Error::Interrupted)
}

/// Runs a command against the world and returns how it ended. Its whole process group ends with the returned future.
///
/// # Errors
/// If it cannot be started.
pub async fn run(world: &World, program: &str, arguments: &[String]) -> Result<ExitStatus> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).envs(world.environment()).stdin(Stdio::null());
    process::Group::start(&mut command)?.status().await
}
