//! A rollout, seen from outside: its execution, and its timeline in the table.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleError;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    api::failed,
    aws::Clients,
    deploy::SERIN,
    error::{Error, Result, indented},
};

/// A rollout that was started.
#[derive(Clone, Debug)]
pub struct Rollout {
    pub(crate) clients: Clients,
    pub(crate) table: String,
    /// The execution's ARN.
    pub arn: String,
    /// The rollout's id, which is the execution's name.
    pub id: String,
}

/// How an execution stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    pub status: String,
    /// The error, if it failed.
    pub error: String,
    /// The cause, if it failed.
    pub cause: String,
    /// The output, if it succeeded.
    pub output: Value,
}

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Which function wrote it.
    pub by: String,
    /// What happened, in one sentence.
    pub text: String,
    /// What was decided, if anything was.
    pub decision: Option<String>,
    /// Why, sentence by sentence.
    pub findings: Vec<String>,
    /// The whole item, as it is stored: lists and objects are JSON.
    pub stored: BTreeMap<String, String>,
}

impl Execution {
    /// Whether it goes on.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.status == ExecutionStatus::Running.as_str()
    }
}

impl Rollout {
    /// How its execution stands.
    ///
    /// # Errors
    /// If Step Functions does not say.
    pub async fn execution(&self) -> Result<Execution> {
        let call = self.clients.sfn.describe_execution().execution_arn(&self.arn);
        let found = call.send().await.map_err(failed("DescribeExecution"))?;
        let output = found.output.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Ok(Execution {
            status: found.status.as_str().to_owned(),
            error: found.error.unwrap_or_default(),
            cause: found.cause.unwrap_or_default(),
            output: output.unwrap_or_default(),
        })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn end(&self, limit: Duration) -> Result<Execution> {
        let started = Instant::now();
        loop {
            let execution = self.execution().await?;
            if !execution.runs() {
                return Ok(execution);
            }
            if started.elapsed() > limit {
                return Err(Error::TooLate {
                    what: format!("the end of rollout {}", self.id),
                    seconds: limit.as_secs(),
                });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What its dead man's switch is set for, as the schedule says it; `None` where there is none.
    ///
    /// # Errors
    /// If EventBridge Scheduler cannot be asked.
    pub async fn switch(&self) -> Result<Option<String>> {
        let call = self.clients.scheduler.get_schedule();
        let schedule = match call.name(&self.id).group_name(SERIN).send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetScheduleError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            schedule => schedule.map_err(failed("GetSchedule"))?,
        };
        let input = schedule.target.and_then(|target| target.input).unwrap_or_default();
        Ok(Some(format!(
            "{} {input}",
            schedule.schedule_expression.unwrap_or_default()
        )))
    }

    /// Stops the execution, as a person can in the console.
    ///
    /// # Errors
    /// If Step Functions refuses.
    pub async fn stop(&self, error: &str, cause: &str) -> Result<()> {
        let call = self
            .clients
            .sfn
            .stop_execution()
            .execution_arn(&self.arn)
            .error(error)
            .cause(cause);
        call.send().await.map(drop).map_err(failed("StopExecution"))
    }

    /// What has happened so far, oldest first.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn timeline(&self) -> Result<Vec<Entry>> {
        let call = self
            .clients
            .dynamodb
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :at)")
            .expression_attribute_values(":pk", AttributeValue::S(format!("ROLLOUT#{}", self.id)))
            .expression_attribute_values(":at", AttributeValue::S("AT#".to_owned()));
        let found = call.send().await.map_err(failed("Query"))?;
        Ok(found.items.unwrap_or_default().iter().filter_map(entry).collect())
    }

    /// Waits until the timeline has an entry that `wanted` likes, and returns it.
    ///
    /// # Errors
    /// If none comes in time, or the rollout ends before.
    pub async fn entry(&self, what: &str, limit: Duration, wanted: impl Fn(&Entry) -> bool) -> Result<Entry> {
        let started = Instant::now();
        loop {
            let runs = self.execution().await?.runs();
            let timeline = self.timeline().await?;
            if let Some(found) = timeline.iter().find(|entry| wanted(entry)) {
                return Ok(found.clone());
            }
            if !runs || started.elapsed() > limit {
                let told = indented(timeline.iter().map(|entry| format!("{} {}", entry.by, entry.text)));
                return Err(Error::TooLate {
                    what: format!("{what}; the timeline of {} is:{told}", self.id),
                    seconds: started.elapsed().as_secs(),
                });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn entry(item: &HashMap<String, AttributeValue>) -> Option<Entry> {
    let texts = item
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())));
    let stored: BTreeMap<_, _> = texts.collect();
    let text = |name: &str| stored.get(name).cloned();
    let findings: Vec<Value> = stored
        .get("findings")
        .and_then(|findings| serde_json::from_str(findings).ok())
        .unwrap_or_default();
    let sentences = findings.iter().filter_map(|finding| finding.get("text")?.as_str());
    Some(Entry {
        at: text("at")?.parse().ok()?,
        by: text("by")?,
        text: text("text")?,
        decision: text("decision"),
        findings: sentences.map(str::to_owned).collect(),
        stored,
    })
}
