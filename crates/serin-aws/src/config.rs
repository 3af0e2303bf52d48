//! What the functions are told by their environment, and how they call AWS.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use serin_core::timing;

/// A connection is there at once or not at all.
const CONNECT: Duration = Duration::from_millis(1_500);
/// One attempt of a call.
const ATTEMPT: Duration = Duration::from_secs(4);
/// A call with all its attempts: well within a function's timeout, so that nothing is sent after "T" of the protocol.
const CALL: Duration = timing::CALL.unsigned_abs();
/// Throttling lifts within a second or it is the state machine's to retry.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// A variable of the environment that is missing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set; template.yaml sets it")]
pub struct ConfigError(&'static str);

/// How to call AWS, and the function's own settings.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) sdk: SdkConfig,
}

impl Config {
    /// Region, credentials and endpoints from the environment, with Serin's timeouts and retries.
    pub async fn load() -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_BACKOFF);
        let client = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client)
            .timeout_config(timeouts)
            .retry_config(retries)
            .load()
            .await;
        Self { sdk }
    }

    /// A variable of the environment that template.yaml sets.
    ///
    /// # Errors
    /// Where it is not set.
    pub fn variable(name: &'static str) -> Result<String, ConfigError> {
        std::env::var(name).map_err(|_| ConfigError(name))
    }
}
