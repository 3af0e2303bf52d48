//! `sam deploy` of a template, exactly as it goes to AWS, against the local endpoint.

use std::path::Path;

use tokio::process::Command;

use crate::{
    error::{Error, Result},
    http::Http,
    process,
    workspace::Workspace,
};

/// The name of Serin's stack.
pub const SERIN: &str = "serin";

const BUCKET: &str = "sam-artifacts";

/// A template, the name of its stack and its parameters.
#[derive(Clone, Debug)]
pub struct Deployment {
    template: &'static str,
    stack: String,
    parameters: Vec<String>,
}

impl Deployment {
    /// `template` is relative to the top of the checkout.
    #[must_use]
    pub fn new(template: &'static str, stack: impl Into<String>) -> Self {
        Self {
            template,
            stack: stack.into(),
            parameters: Vec::new(),
        }
    }

    /// Sets a parameter of the template.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.parameters.push(format!("{name}={value}"));
        self
    }

    /// Sets the parameter `Architecture` to this machine's.
    #[must_use]
    pub fn for_this_machine(self) -> Self {
        let architecture = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x86_64"
        };
        self.with("Architecture", architecture)
    }

    /// Deploys from `stage`, the folder that `binaries` made.
    ///
    /// # Errors
    /// If `sam deploy` fails; the error has the end of its output.
    pub async fn deploy(&self, workspace: &Workspace, stage: &Path, endpoint: &str) -> Result<()> {
        let mut command = Command::new(workspace.local("tools/bin/sam"));
        command
            .current_dir(stage)
            .args(["deploy", "--template-file", self.template, "--stack-name", &self.stack])
            .args([
                "--s3-bucket",
                BUCKET,
                "--s3-prefix",
                &self.stack,
                "--region",
                "us-east-1",
            ])
            .args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
            .args(["--no-confirm-changeset", "--no-progressbar"])
            .envs(environment(endpoint))
            .env("SAM_CLI_TELEMETRY", "0")
            .env("SAM_CLI_POLL_DELAY", "0.5")
            .env("__SAM_CLI_APP_DIR", workspace.local("sam"));
        if !self.parameters.is_empty() {
            command.arg("--parameter-overrides").args(&self.parameters);
        }
        process::run_silently(&mut command).await.map(drop)
    }
}

/// Makes the bucket that `sam deploy` uploads to.
pub(crate) async fn make_bucket(endpoint: &str) -> Result<()> {
    let url = format!("{endpoint}/{BUCKET}");
    let answer = Http::new().call("PUT", &url, "s3", String::new()).await?;
    if answer.status < 300 {
        return Ok(());
    }
    Err(Error::Call {
        call: format!("PUT {url}"),
        message: String::from_utf8_lossy(&answer.body).into_owned(),
    })
}

/// What makes any AWS tool talk to the local endpoint, and to nothing else.
pub(crate) fn environment(endpoint: &str) -> [(&'static str, &str); 8] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ]
}
