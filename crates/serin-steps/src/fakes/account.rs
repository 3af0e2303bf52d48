//! What an account holds, as a plain value: it can be copied, compared and hashed, and each operation is a method.
//!
//! `FakeAws` is one account that everybody shares; the explorer of `tests/explorer` keeps millions of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serin_core::{
    alarm::{AlarmKind, AlarmState},
    claim::Claim,
    ids::{AlarmArn, ExecutionArn, RolloutId, StageId},
};

use super::{RestApi, Schedule};
use crate::ports::{ExecutionStatus, Guarded};

/// An alarm of the fake CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FakeAlarm {
    /// Its state.
    pub state: AlarmState,
    /// CloudWatch's reason for it.
    pub reason: String,
    /// What it is made of.
    pub kind: AlarmKind,
}

/// Requests a minute of both sides, as CloudWatch would count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Traffic {
    /// The canary's.
    pub canary: u64,
    /// The baseline's.
    pub baseline: u64,
    /// The canary's bad ones, by every metric.
    pub canary_bad: u64,
    /// The baseline's bad ones.
    pub baseline_bad: u64,
}

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The time.
    pub now: Timestamp,
    /// The REST APIs by id.
    pub apis: BTreeMap<String, RestApi>,
    /// The claims by stage.
    pub claims: BTreeMap<StageId, Claim>,
    /// Which alarm guards which stage.
    pub guards: BTreeMap<(AlarmArn, StageId), Guarded>,
    /// Which rollouts have ever claimed, and what.
    pub rollouts: BTreeMap<RolloutId, StageId>,
    /// The claims that the sweep looks after.
    pub watched: BTreeSet<StageId>,
    /// The alarms by name.
    pub alarms: BTreeMap<String, FakeAlarm>,
    /// The traffic that the metrics tell of, each from a moment on.
    traffic: Vec<(Timestamp, Traffic)>,
    /// The dead man's switches that are set.
    pub schedules: BTreeMap<RolloutId, Schedule>,
    /// What those that have fired have begun.
    pub fired: BTreeMap<RolloutId, Schedule>,
    /// The executions that do not run any more, and how they ended.
    pub ended_executions: BTreeMap<ExecutionArn, String>,
}

impl Account {
    /// An account with nothing in it.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            apis: BTreeMap::new(),
            claims: BTreeMap::new(),
            guards: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            watched: BTreeSet::new(),
            alarms: BTreeMap::new(),
            traffic: Vec::new(),
            schedules: BTreeMap::new(),
            fired: BTreeMap::new(),
            ended_executions: BTreeMap::new(),
        }
    }

    /// The traffic that the metrics tell of from now on.
    pub fn set_traffic(&mut self, traffic: Traffic) {
        self.traffic.push((self.now, traffic));
    }

    /// The traffic of the window that begins then.
    #[must_use]
    pub fn traffic_at(&self, start: Timestamp) -> Traffic {
        let usual = Traffic {
            canary: 10,
            baseline: 100,
            ..Traffic::default()
        };
        let known = self.traffic.iter().rev();
        known
            .filter(|(from, _)| *from <= start)
            .map(|(_, traffic)| *traffic)
            .next()
            .unwrap_or(usual)
    }

    /// DescribeExecution.
    #[must_use]
    pub fn status(&self, execution: &ExecutionArn) -> ExecutionStatus {
        let ended = self.ended_executions.get(execution);
        ended.map_or(ExecutionStatus::Running, |how| ExecutionStatus::Over(how.clone()))
    }
}
