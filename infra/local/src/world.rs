//! A local AWS with Serin in it: what the demo and the end-to-end tests happen in.

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use aws_sdk_cloudwatch::types::StateValue;
use jiff::Timestamp;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    api::{Api, failed},
    aws::{ACCOUNT, Clients, REGION},
    binaries,
    deploy::{self, Deployment, SERIN},
    error::{Error, Result},
    http::Http,
    monitoring::{self, Monitoring},
    process,
    proxy::Proxy,
    rollout::Rollout,
    stack::Stack,
    workspace::Workspace,
};

/// The variable that says where a stack already runs.
pub const ENDPOINT_VARIABLE: &str = "SERIN_LOCAL_ENDPOINT";

/// The shortest window of evidence here: the plugin publishes each second, and CloudWatch has no period between 1 and 5.
pub const METRIC_SECONDS: u32 = 5;

/// A local AWS with Serin deployed.
#[derive(Debug)]
pub struct World {
    workspace: Workspace,
    stage: PathBuf,
    endpoint: String,
    clients: Clients,
    http: Http,
    table: String,
    stack: Option<Stack>,
}

/// An alarm's state.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmView {
    /// Its name.
    pub name: String,
    /// OK, ALARM or INSUFFICIENT_DATA.
    pub state: String,
    /// CloudWatch's reason.
    pub reason: String,
    /// When the state changed, by CloudWatch's clock.
    pub changed_at: Option<Timestamp>,
}

impl World {
    /// The stack that `SERIN_LOCAL_ENDPOINT` names, or else one of its own that ends with the returned value.
    ///
    /// # Errors
    /// If an environment, a build, the start or the deployment fails.
    pub async fn find_or_start() -> Result<Self> {
        match env::var(ENDPOINT_VARIABLE) {
            Ok(endpoint) => Self::attach(&endpoint).await,
            Err(_) => Self::start(|_| ()).await,
        }
    }

    /// Makes the environments, builds the functions, starts LocalStack and deploys Serin. `tell` hears what comes next.
    ///
    /// # Errors
    /// If any of that fails.
    pub async fn start(tell: impl Fn(&str)) -> Result<Self> {
        Self::start_with(None, tell).await
    }

    /// The same, with a proxy between the functions and AWS. Whatever else uses the world calls AWS directly.
    ///
    /// # Errors
    /// If any of that fails.
    pub async fn start_behind(proxy: &Proxy, tell: impl Fn(&str)) -> Result<Self> {
        Self::start_with(Some(proxy), tell).await
    }

    async fn start_with(proxy: Option<&Proxy>, tell: impl Fn(&str)) -> Result<Self> {
        let workspace = Workspace::find()?;
        tell("environments");
        workspace.set_up().await?;
        tell("functions");
        let stage = binaries::build_and_stage(&workspace).await?;
        tell("LocalStack");
        let stack = Stack::start(&workspace, proxy).await?;
        let endpoint = stack.endpoint().to_owned();
        let mut world = Self::at(workspace, stage, &endpoint);
        world.stack = Some(stack);
        tell("sam deploy");
        deploy::make_bucket(&endpoint).await?;
        let serin = Deployment::new("template.yaml", SERIN).for_this_machine();
        let serin = serin.with("MetricResolutionSeconds", METRIC_SECONDS);
        let deployed = serin.deploy(&world.workspace, &world.stage, &endpoint).await;
        world.keep_logs_of(deployed)?;
        world.table = world.find_table().await?;
        Ok(world)
    }

    /// A stack that somebody else started, and will stop.
    ///
    /// # Errors
    /// If Serin is not deployed there.
    pub async fn attach(endpoint: &str) -> Result<Self> {
        let workspace = Workspace::find()?;
        let stage = workspace.local("stage");
        let mut world = Self::at(workspace, stage, endpoint);
        world.table = world.find_table().await?;
        Ok(world)
    }

    fn at(workspace: Workspace, stage: PathBuf, endpoint: &str) -> Self {
        Self {
            workspace,
            stage,
            endpoint: endpoint.to_owned(),
            clients: Clients::new(endpoint),
            http: Http::new(),
            table: String::new(),
            stack: None,
        }
    }

    /// Where the local AWS answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The checkout.
    #[must_use]
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The clients.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The name of Serin's table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The folder with a log file per function, if the stack is ours.
    #[must_use]
    pub fn logs(&self) -> Option<PathBuf> {
        self.stack.as_ref().map(Stack::logs)
    }

    /// The ARN of the state machine.
    #[must_use]
    pub fn state_machine(&self) -> String {
        format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{SERIN}-rollout")
    }

    /// Leaves the logs where they are if `result` is an error, and hands it on.
    ///
    /// # Errors
    /// `result`'s.
    pub fn keep_logs_of<T>(&mut self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.keep_logs();
        }
        result
    }

    /// Leaves the logs where they are until the next stack starts, and returns their folder.
    pub fn keep_logs(&mut self) -> Option<PathBuf> {
        self.stack.as_mut().map(Stack::keep_logs);
        self.logs()
    }

    /// Deploys a template beside Serin's.
    ///
    /// # Errors
    /// If `sam deploy` fails.
    pub async fn deploy(&self, deployment: &Deployment) -> Result<()> {
        deployment.deploy(&self.workspace, &self.stage, &self.endpoint).await
    }

    /// Deploys FashionFlow under this name, with its alarms as [`Monitoring`] has them. Several at once share the time; the
    /// names must differ.
    ///
    /// # Errors
    /// If a deployment fails.
    pub async fn fashionflow(&self, name: &str) -> Result<Api> {
        self.fashionflow_with(name, Monitoring::default()).await
    }

    /// Deploys FashionFlow under this name, with these alarms.
    ///
    /// # Errors
    /// If a deployment fails.
    pub async fn fashionflow_with(&self, name: &str, monitoring: Monitoring) -> Result<Api> {
        let api = self.fashionflow_without_alarms(name).await?;
        self.deploy(&monitoring.of(&api)).await?;
        if monitoring.access_logs {
            self.write_access_log(&api).await?;
        }
        Ok(api)
    }

    /// Deploys FashionFlow under this name, and no alarms.
    ///
    /// # Errors
    /// If the deployment fails.
    pub async fn fashionflow_without_alarms(&self, name: &str) -> Result<Api> {
        let example = Deployment::new("infra/example-api/template.yaml", name).for_this_machine();
        self.deploy(&example.with("ApiName", name)).await?;
        self.find_api(name).await
    }

    /// Lets the stage write its access log as the monitoring stack's outputs say.
    async fn write_access_log(&self, api: &Api) -> Result<()> {
        let outputs = self.outputs(&monitoring::stack(api)).await?;
        let output = |name: &str| {
            let found = outputs.iter().find(|output| output["OutputKey"] == name);
            let value = found.and_then(|output| output["OutputValue"].as_str());
            value.ok_or_else(|| Error::Missing(format!("the stack has no output {name}")))
        };
        let (destination, format) = (output("AccessLogArn")?, output("AccessLogFormat")?);
        api.write_access_log(destination, format).await
    }

    /// The outputs of a stack: objects with `OutputKey` and `OutputValue`.
    async fn outputs(&self, stack: &str) -> Result<Vec<Value>> {
        let query = ["--query", "Stacks[0].Outputs", "--output", "json"];
        let said = self
            .aws(
                &[
                    &["cloudformation", "describe-stacks", "--stack-name", stack],
                    &query[..],
                ]
                .concat(),
            )
            .await?;
        serde_json::from_str(&said).map_err(Error::call("DescribeStacks"))
    }

    /// Runs the AWS CLI against this stack and returns what it printed.
    ///
    /// # Errors
    /// If it fails; the error has its output.
    pub async fn aws(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.workspace.local("tools/bin/aws"));
        command.args(arguments).envs(self.environment());
        process::run_silently(&mut command).await
    }

    /// Finds a deployed API by its name.
    ///
    /// # Errors
    /// If there is none.
    pub async fn find_api(&self, name: &str) -> Result<Api> {
        let call = self.clients.apigateway.get_rest_apis().limit(500);
        let found = call
            .send()
            .await
            .map_err(failed("GetRestApis"))?
            .items
            .unwrap_or_default();
        let api = found.into_iter().find(|api| api.name.as_deref() == Some(name));
        let id = api
            .and_then(|api| api.id)
            .ok_or_else(|| Error::Missing(format!("there is no API called {name}")))?;
        let stage = "prod";
        Ok(Api {
            url: format!("{}/_aws/execute-api/{id}/{stage}/recommendations", self.endpoint),
            clients: self.clients.clone(),
            http: self.http.clone(),
            name: name.to_owned(),
            id,
            stage,
        })
    }

    /// Starts a rollout with this input.
    ///
    /// # Errors
    /// If Step Functions refuses it; what Serin thinks of it is the execution's to say.
    pub async fn start_rollout(&self, input: &Value) -> Result<Rollout> {
        let call = self
            .clients
            .sfn
            .start_execution()
            .state_machine_arn(self.state_machine());
        let started = call
            .input(input.to_string())
            .send()
            .await
            .map_err(failed("StartExecution"))?;
        let arn = started.execution_arn;
        let id = arn.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(Rollout {
            clients: self.clients.clone(),
            table: self.table.clone(),
            arn,
            id,
        })
    }

    /// Invokes one of Serin's functions, `rollback` or `instruct`, say, and returns its answer.
    ///
    /// # Errors
    /// If it cannot be invoked, or the function failed.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value> {
        let url = format!("{}/2015-03-31/functions/{SERIN}-{function}/invocations", self.endpoint);
        let answer = self.http.call("POST", &url, "lambda", payload.to_string()).await?;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status >= 300 || answer.function_failed {
            return Err(Error::Call {
                call: format!("invoking {function}"),
                message: body,
            });
        }
        serde_json::from_str(&body).map_err(Error::call(format!("invoking {function}")))
    }

    /// The alarms whose names begin with `prefix`.
    ///
    /// # Errors
    /// If CloudWatch does not say.
    pub async fn alarms(&self, prefix: &str) -> Result<Vec<AlarmView>> {
        let call = self.clients.cloudwatch.describe_alarms().alarm_name_prefix(prefix);
        let found = call
            .send()
            .await
            .map_err(failed("DescribeAlarms"))?
            .metric_alarms
            .unwrap_or_default();
        let views = found.into_iter().map(|alarm| AlarmView {
            name: alarm.alarm_name.unwrap_or_default(),
            state: alarm
                .state_value
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default(),
            reason: alarm.state_reason.unwrap_or_default(),
            changed_at: alarm.state_updated_timestamp.and_then(|at| {
                let nanoseconds = i32::try_from(at.subsec_nanos()).ok()?;
                Timestamp::new(at.secs(), nanoseconds).ok()
            }),
        });
        Ok(views.collect())
    }

    /// Sets an alarm's state by hand; the next evaluation, 2 s later at the most, may set it back.
    ///
    /// # Errors
    /// If there is no such alarm.
    pub async fn set_alarm(&self, name: &str, state: StateValue, reason: &str) -> Result<()> {
        let call = self
            .clients
            .cloudwatch
            .set_alarm_state()
            .alarm_name(name)
            .state_value(state);
        call.state_reason(reason)
            .send()
            .await
            .map(drop)
            .map_err(failed("SetAlarmState"))
    }

    async fn find_table(&self) -> Result<String> {
        let found = self
            .clients
            .dynamodb
            .list_tables()
            .send()
            .await
            .map_err(failed("ListTables"))?;
        let names = found.table_names.unwrap_or_default();
        let table = names
            .into_iter()
            .find(|name| name.starts_with(&format!("{SERIN}-Table")));
        table.ok_or_else(|| Error::Missing(format!("Serin is not deployed at {}", self.endpoint)))
    }

    /// What a command needs in its environment to use this stack.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let aws = deploy::environment(&self.endpoint).map(|(name, value)| (name, value.to_owned()));
        let own = [
            (ENDPOINT_VARIABLE, self.endpoint.clone()),
            ("SERIN_STATE_MACHINE", self.state_machine()),
            ("SERIN_TABLE", self.table.clone()),
        ];
        aws.into_iter().chain(own).collect()
    }

    /// The folder that deployments are made from.
    #[must_use]
    pub fn stage(&self) -> &Path {
        &self.stage
    }
}

/// Waits until `holds` says so, looking every 100 ms.
///
/// # Errors
/// If it does not within `limit`, or a look fails.
pub async fn until<F>(what: &str, limit: Duration, mut holds: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<bool>>,
{
    let started = Instant::now();
    while !holds().await? {
        if started.elapsed() > limit {
            return Err(Error::TooLate {
                what: what.to_owned(),
                seconds: limit.as_secs(),
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
