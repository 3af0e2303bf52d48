//! What the functions are told by their environment, and how they call AWS.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
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

/// A variable of the environment that is missing or faulty.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not there.
    #[error("the environment variable {0} is not set; template.yaml sets it")]
    Missing(&'static str),
    /// It is no whole number.
    #[error("the environment variable {0} is {1:?}, and must be a whole number; template.yaml sets it")]
    NotANumber(&'static str, String),
}

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
        // Lambda gives region and credentials in the environment, always: no need to make what would look elsewhere.
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(EnvironmentVariableRegionProvider::new())
            .credentials_provider(EnvironmentVariableCredentialsProvider::new())
            .http_client(http_client())
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
        std::env::var(name).map_err(|_| ConfigError::Missing(name))
    }

    /// A whole number that template.yaml sets.
    ///
    /// # Errors
    /// Where it is not set, or no number.
    pub fn number(name: &'static str) -> Result<u32, ConfigError> {
        let text = Self::variable(name)?;
        text.parse().map_err(|_| ConfigError::NotANumber(name, text))
    }
}

/// One connector for all clients, made while the function starts. The SDK's own makes one for every client and another at the
/// first call, and each of them reads the system's certificates into a store of its own.
fn http_client() -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}
