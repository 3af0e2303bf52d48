//! One LocalStack: started on a free loopback port, awaited, and stopped by its id.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result, tail},
    http::Http,
    process,
    proxy::Proxy,
    workspace::Workspace,
};

const START_LIMIT: Duration = Duration::from_secs(90);
const END_LIMIT: Duration = Duration::from_secs(2);

/// The services that Serin and its example need; they are loaded at the start, so that no first call waits or races.
const SERVICES: &str =
    "apigateway,cloudformation,cloudwatch,dynamodb,events,iam,lambda,logs,s3,scheduler,sns,sqs,stepfunctions,sts";

/// A running LocalStack. Dropping it ends it and every function that it runs.
#[derive(Debug)]
pub struct Stack {
    child: Child,
    endpoint: String,
    state: PathBuf,
    keep_state: bool,
}

impl Stack {
    /// Starts LocalStack and returns when it is healthy. The functions call AWS through the proxy, if there is one.
    ///
    /// # Errors
    /// If it does not come up; the error says where its log is.
    pub async fn start(workspace: &Workspace, proxy: Option<&Proxy>) -> Result<Self> {
        workspace.prune_states();
        // The folder's name is the owner's id: whoever comes later can tell whether it is still in use.
        let state = workspace.local(&format!("state/{}", std::process::id()));
        let _ = fs::remove_dir_all(&state);
        for folder in ["tmp", "logs", "processes"].map(|name| state.join(name)) {
            fs::create_dir_all(&folder).map_err(Error::file("cannot make", &folder))?;
        }
        let mut failure = None;
        // Between choosing a free port and using it somebody else may take it.
        for _ in 0..3 {
            let mut stack = Self::spawn(workspace, &state, proxy)?;
            match stack.wait_until_healthy().await {
                Ok(()) => {
                    if let Some(proxy) = proxy {
                        proxy.put_before(&stack.endpoint, state.join("processes"));
                    }
                    return Ok(stack);
                }
                Err(error) => {
                    stack.keep_state = true;
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or(Error::Interrupted))
    }

    fn spawn(workspace: &Workspace, state: &Path, proxy: Option<&Proxy>) -> Result<Self> {
        let port = free_port()?;
        let log = state.join("localstack.log");
        let output = File::create(&log).map_err(Error::file("cannot write", &log))?;
        let errors = output.try_clone().map_err(Error::file("cannot write", &log))?;
        let python = workspace.local("localstack/bin/python");
        let child = Command::new(&python)
            .args(["-m", "localstack.runtime.main"])
            .current_dir(state)
            .envs(environment(workspace, state, port))
            .envs(proxy.map(|proxy| ("SERIN_LOCAL_FUNCTION_ENDPOINT", proxy.endpoint())))
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_ENDPOINT_URL")
            // Nobody writes to it; that it closes is what tells the plugin that we are gone.
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Start {
                program: python.display().to_string(),
                source,
            })?;
        Ok(Self {
            child,
            endpoint: format!("http://127.0.0.1:{port}"),
            state: state.to_owned(),
            keep_state: false,
        })
    }

    async fn wait_until_healthy(&self) -> Result<()> {
        let http = Http::new();
        let url = format!("{}/_localstack/health", self.endpoint);
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if process::has_ended(self.child.id()) {
                return Err(self.failure("ended while it started"));
            }
            if http.get(&url).await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(self.failure("was not healthy within 90 s"))
    }

    /// Where it answers: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One file per function, with what it logged.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// Leaves the logs where they are when the stack ends.
    pub fn keep_logs(&mut self) {
        self.keep_state = true;
    }

    fn failure(&self, what: &str) -> Error {
        let log = self.state.join("localstack.log");
        let said = fs::read_to_string(&log).unwrap_or_default();
        Error::Stack {
            what: what.to_owned(),
            log,
            tail: tail(&said, 15),
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // At the end of its input the plugin ends every function and waits for it, and then LocalStack itself.
        drop(self.child.stdin.take());
        let closed = Instant::now();
        while !process::has_ended(self.child.id()) && closed.elapsed() < END_LIMIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Whatever is left then is killed; its state goes with its folder.
        process::kill_group(self.child.id());
        let _ = self.child.wait();
        if self.keep_state {
            let _ = fs::remove_dir_all(self.state.join("tmp"));
        } else {
            let _ = fs::remove_dir_all(&self.state);
        }
    }
}

fn free_port() -> Result<u16> {
    let found = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    found
        .map(|address| address.port())
        .map_err(Error::file("no free port on", "127.0.0.1"))
}

fn environment(workspace: &Workspace, state: &Path, port: u16) -> Vec<(&'static str, String)> {
    let listen = format!("127.0.0.1:{port}");
    let folder = |path: PathBuf| path.display().to_string();
    let fixed = [
        ("SERIN_LOCAL_LIFELINE", "1"),
        ("LAMBDA_RUNTIME_EXECUTOR", "local"),
        ("LAMBDA_IGNORE_ARCHITECTURE", "1"),
        ("PROVIDER_OVERRIDE_DYNAMODB", "serin"),
        // Version 2 fails on resources that SAM generates.
        ("PROVIDER_OVERRIDE_CLOUDFORMATION", "engine-legacy"),
        // LocalStack calls itself for every invocation: in this process, and not over HTTP.
        ("IN_MEMORY_CLIENT", "1"),
        // Otherwise a second per function is slept away.
        ("CFN_NO_WAIT_ITERATIONS", "100"),
        ("EAGER_SERVICE_LOADING", "1"),
        ("SERVICES", SERVICES),
        ("SKIP_SSL_CERT_DOWNLOAD", "1"),
        ("DISABLE_EVENTS", "1"),
        ("DNS_ADDRESS", "0"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        // Alarms carry local times without a zone.
        ("TZ", "UTC"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ];
    let own = [
        ("GATEWAY_LISTEN", listen.clone()),
        ("LOCALSTACK_HOST", listen),
        ("FILESYSTEM_ROOT", folder(state.to_owned())),
        ("TMPDIR", folder(state.join("tmp"))),
        ("SERIN_LOCAL_LOGS", folder(state.join("logs"))),
        ("SERIN_LOCAL_PROCESSES", folder(state.join("processes"))),
        ("PYTHONPATH", folder(workspace.root().join("infra/local/plugin"))),
    ];
    fixed
        .map(|(name, value)| (name, value.to_owned()))
        .into_iter()
        .chain(own)
        .collect()
}
