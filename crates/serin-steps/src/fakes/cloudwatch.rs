//! CloudWatch's ports: alarms of the kinds that are asked for, and request counts.

use jiff::{SignedDuration, Timestamp};
use serin_core::{
    alarm::{AlarmKind, AlarmReading},
    analysis::{Analysis, Bad, Window},
    document::Document,
};

use super::{Account, Call, FakeAws};
use crate::ports::{Alarms, Called, Metrics};

impl Account {
    /// The alarms of those kinds whose names are wanted.
    #[must_use]
    pub fn readings(&self, kinds: &[AlarmKind], wanted: impl Fn(&str) -> bool) -> Vec<AlarmReading> {
        let found = self
            .alarms
            .iter()
            .filter(|(name, alarm)| kinds.contains(&alarm.kind) && wanted(name));
        found
            .map(|(name, alarm)| AlarmReading {
                name: name.clone(),
                state: alarm.state,
                reason: alarm.reason.clone(),
            })
            .collect()
    }
}

impl Alarms for FakeAws {
    async fn named(&self, kinds: &[AlarmKind], names: &[&str]) -> Called<Vec<AlarmReading>> {
        self.call(Call::AlarmsNamed, |account| {
            Ok(account.readings(kinds, |name| names.contains(&name)))
        })
        .await
    }

    async fn with_prefix(&self, kinds: &[AlarmKind], prefix: &str) -> Called<Vec<AlarmReading>> {
        self.call(Call::AlarmsWithPrefix, |account| {
            Ok(account.readings(kinds, |name| name.starts_with(prefix)))
        })
        .await
    }
}

impl Metrics for FakeAws {
    async fn requests(
        &self,
        _document: &Document,
        analysis: &Analysis,
        from: Timestamp,
        to: Timestamp,
    ) -> Called<Vec<Window>> {
        self.call(Call::Requests, |account| {
            let length = SignedDuration::from_secs(analysis.window_seconds.into());
            let starts = std::iter::successors(Some(from), |start| start.checked_add(length).ok());
            let window = |start| {
                let traffic = account.traffic_at(start);
                let metrics = analysis.metrics.iter();
                Window {
                    start,
                    canary_requests: traffic.canary,
                    baseline_requests: traffic.baseline,
                    bad: metrics
                        .map(|_| Bad {
                            canary: traffic.canary_bad,
                            baseline: traffic.baseline_bad,
                        })
                        .collect(),
                }
            };
            Ok(starts.take_while(|start| *start < to).map(window).collect())
        })
        .await
    }
}
