//! The account in memory with the time that calls take, and with the SDK's retries. Time is tokio's own, which jumps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serin_core::{
    alarm::{AlarmKind, AlarmReading},
    analysis::{Analysis, Window},
    claim::{Change, Claim, Guard},
    document::Document,
    ids::{AlarmArn, DeploymentId, ExecutionArn, RolloutId, StageId},
    stage::{Patch, StageView},
    timeline::Entry,
};
use serin_steps::{
    fakes::{API_GATEWAY, FakeAws},
    ports::{
        Alarms, CallError, Called, Claims, Clock, DeadMansSwitch, ExecutionStatus, Executions, Gateway, Guarded,
        Metrics, Written,
    },
};
use tokio::time::{Instant, sleep};

/// What the SDK does with a throttled call: three attempts, and a random part of 250 ms, then of 500 ms, between them.
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: f64 = 0.25;

/// A call that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// When it reached the service.
    pub(crate) at: Timestamp,
    /// When its answer came.
    pub(crate) answered: Timestamp,
    /// Which invocation sent it.
    pub(crate) by: &'static str,
    pub(crate) operation: &'static str,
    /// The REST API, for calls to API Gateway.
    pub(crate) api: String,
    pub(crate) throttled: bool,
}

/// An account whose calls take time.
#[derive(Clone)]
pub(crate) struct Slow {
    pub(crate) aws: FakeAws,
    pub(crate) log: Arc<Mutex<Vec<Sent>>>,
    began: (Instant, Timestamp),
    /// Which invocation sends the calls.
    by: &'static str,
}

impl Slow {
    pub(crate) fn new(aws: FakeAws) -> Self {
        let began = (Instant::now(), aws.now());
        Self {
            aws,
            log: Arc::default(),
            began,
            by: "somebody",
        }
    }

    /// The same account, for an invocation of that name.
    pub(crate) fn by(&self, by: &'static str) -> Self {
        Self { by, ..self.clone() }
    }

    /// Sets the account's clock by tokio's.
    fn tick(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.0.elapsed()).unwrap();
        let now = self.began.1 + elapsed;
        self.aws.account().now = now;
        now
    }

    async fn send<T, F: Future<Output = Called<T>> + Send>(
        &self,
        operation: &'static str,
        api: &str,
        call: impl Fn() -> F + Sync,
    ) -> Called<T> {
        let half = Duration::from_millis(half_a_trip(operation));
        let mut attempt = 0;
        loop {
            sleep(half).await;
            let at = self.tick();
            let answer = call().await;
            sleep(half).await;
            let throttled = matches!(answer, Err(CallError::Throttled(_)));
            let backoff = self.note(Sent {
                at,
                answered: self.tick(),
                by: self.by,
                operation,
                api: api.to_owned(),
                throttled,
            });
            attempt += 1;
            if !throttled || attempt == ATTEMPTS {
                return answer;
            }
            sleep(Duration::from_secs_f64(
                FIRST_BACKOFF * f64::from(1 << (attempt - 1)) * backoff,
            ))
            .await;
        }
    }

    /// Writes a call down; how much of a backoff is waited for, spread evenly over calls.
    fn note(&self, sent: Sent) -> f64 {
        let mut log = self.log.lock().unwrap();
        log.push(sent);
        let number = u32::try_from(log.len()).unwrap();
        (f64::from(number) * 0.618_033_988_749).fract()
    }
}

/// Half of a call's time, in milliseconds: what such calls take on AWS within a region, roughly.
fn half_a_trip(operation: &str) -> u64 {
    match operation {
        operation if API_GATEWAY.contains(&operation) => 60,
        "DescribeAlarms" | "GetMetricData" | "DescribeExecution" | "CreateSchedule" | "UpdateSchedule"
        | "DeleteSchedule" => 30,
        _ => 3,
    }
}

impl Gateway for Slow {
    async fn api_name(&self, api: &str) -> Called<String> {
        self.send("GetRestApi", api, || self.aws.api_name(api)).await
    }

    async fn stage(&self, stage: &StageId) -> Called<StageView> {
        self.send("GetStage", &stage.rest_api_id, || self.aws.stage(stage))
            .await
    }

    async fn update_stage(&self, stage: &StageId, patches: &[Patch]) -> Called<StageView> {
        let update = || self.aws.update_stage(stage, patches);
        self.send("UpdateStage", &stage.rest_api_id, update).await
    }

    async fn create_deployment(&self, api: &str, description: &str) -> Called<DeploymentId> {
        let create = || self.aws.create_deployment(api, description);
        self.send("CreateDeployment", api, create).await
    }

    async fn deployment_described(&self, api: &str, description: &str) -> Called<Option<DeploymentId>> {
        let look = || self.aws.deployment_described(api, description);
        self.send("GetDeployments", api, look).await
    }

    async fn has_deployment(&self, api: &str, id: &DeploymentId) -> Called<bool> {
        self.send("GetDeployment", api, || self.aws.has_deployment(api, id))
            .await
    }
}

impl Claims for Slow {
    async fn read(&self, stage: &StageId) -> Called<Option<Claim>> {
        self.send("GetItem", "", || self.aws.read(stage)).await
    }

    async fn take(&self, claim: &Claim, now: Timestamp) -> Called<bool> {
        self.send("TransactWriteItems", "", || self.aws.take(claim, now)).await
    }

    async fn change(&self, stage: &StageId, guard: &Guard, change: &Change) -> Called<Written> {
        self.send("UpdateItem", "", || self.aws.change(stage, guard, change))
            .await
    }

    async fn give_back(&self, claim: &Claim, guard: &Guard) -> Called<bool> {
        self.send("TransactWriteItems", "", || self.aws.give_back(claim, guard))
            .await
    }

    async fn guarded_by(&self, alarm: &AlarmArn) -> Called<Vec<Guarded>> {
        self.send("Query", "", || self.aws.guarded_by(alarm)).await
    }

    async fn stage_of(&self, rollout: &RolloutId) -> Called<Option<StageId>> {
        self.send("GetItem", "", || self.aws.stage_of(rollout)).await
    }

    async fn watched(&self) -> Called<Vec<StageId>> {
        self.send("Query", "", || self.aws.watched()).await
    }

    async fn unwatch(&self, stage: &StageId, rollout: &RolloutId) -> Called<()> {
        self.send("UpdateItem", "", || self.aws.unwatch(stage, rollout)).await
    }

    async fn record(&self, entry: &Entry) -> Called<()> {
        self.send("PutItem", "", || self.aws.record(entry)).await
    }
}

impl Alarms for Slow {
    async fn named(&self, kinds: &[AlarmKind], names: &[&str]) -> Called<Vec<AlarmReading>> {
        self.send("DescribeAlarms", "", || self.aws.named(kinds, names)).await
    }

    async fn with_prefix(&self, kinds: &[AlarmKind], prefix: &str) -> Called<Vec<AlarmReading>> {
        self.send("DescribeAlarms", "", || self.aws.with_prefix(kinds, prefix))
            .await
    }
}

impl Metrics for Slow {
    async fn requests(
        &self,
        document: &Document,
        analysis: &Analysis,
        from: Timestamp,
        to: Timestamp,
    ) -> Called<Vec<Window>> {
        let ask = || self.aws.requests(document, analysis, from, to);
        self.send("GetMetricData", "", ask).await
    }
}

impl Executions for Slow {
    async fn status(&self, execution: &ExecutionArn) -> Called<ExecutionStatus> {
        self.send("DescribeExecution", "", || self.aws.status(execution)).await
    }
}

impl DeadMansSwitch for Slow {
    async fn arm(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> Called<()> {
        self.send("CreateSchedule", "", || self.aws.arm(rollout, stage, at))
            .await
    }

    async fn push(&self, rollout: &RolloutId, stage: &StageId, at: Timestamp) -> Called<()> {
        self.send("UpdateSchedule", "", || self.aws.push(rollout, stage, at))
            .await
    }

    async fn disarm(&self, rollout: &RolloutId) -> Called<()> {
        self.send("DeleteSchedule", "", || self.aws.disarm(rollout)).await
    }
}

impl Clock for Slow {
    fn now(&self) -> Timestamp {
        self.tick()
    }

    async fn sleep(&self, duration: SignedDuration) {
        sleep(Duration::try_from(duration).unwrap_or_default()).await;
    }
}
