//! What GetMetricData answered, over all its pages.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{MetricDataResult, StatusCode};
use jiff::Timestamp;
use serin_core::{
    analysis::{Analysis, Bad, Source, Window},
    evidence::latency,
};
use serin_steps::ports::{CallError, Called};

use super::{Series, Side};

/// The series that were asked for, and what is known of them so far.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    series: Vec<Answered<'a>>,
    windows: BTreeMap<i64, Counted>,
}

/// A series, and what was last said of it. A later page may complete what an earlier one left out.
#[derive(Debug)]
struct Answered<'a> {
    series: &'a Series,
    last: Option<MetricDataResult>,
}

impl<'a> Answer<'a> {
    /// Nothing is known yet.
    pub(super) fn to(series: &'a [Series]) -> Self {
        let series = series.iter().map(|series| Answered { series, last: None });
        Self {
            series: series.collect(),
            windows: BTreeMap::new(),
        }
    }

    /// One more page.
    pub(super) fn add(&mut self, results: &[MetricDataResult], analysis: &Analysis) {
        for result in results {
            let asked = self.series.iter_mut();
            let Some(answered) = asked.into_iter().find(|asked| asked.series.query.id() == result.id()) else {
                continue;
            };
            for (time, value) in result.timestamps().iter().zip(result.values()) {
                let window = self.windows.entry(time.secs());
                let window = window.or_insert_with(|| Counted::new(analysis.metrics.len()));
                window.set(answered.series, *value);
            }
            answered.last = Some(result.clone());
        }
    }

    /// The windows, once there are no more pages. No datapoint means 0, but only in a series of which CloudWatch says that
    /// it is complete: errors that could not be read must not count as none.
    pub(super) fn windows(self, analysis: &Analysis) -> Called<Vec<Window>> {
        let faults: Vec<_> = self.series.iter().filter_map(Answered::fault).collect();
        if !faults.is_empty() {
            return Err(CallError::Unavailable(format!("GetMetricData: {}", faults.join("; "))));
        }
        let windows = self.windows.into_iter();
        Ok(windows
            .filter_map(|(start, counted)| counted.window(start, analysis))
            .collect())
    }
}

impl Answered<'_> {
    /// Why the series cannot be relied on.
    fn fault(&self) -> Option<String> {
        let status = self.last.as_ref().and_then(MetricDataResult::status_code);
        if status == Some(&StatusCode::Complete) {
            return None;
        }
        let status = status.map_or("not answered", StatusCode::as_str);
        let messages = self.last.iter().flat_map(MetricDataResult::messages);
        let messages = messages.filter_map(|message| message.value());
        let fault = [status].into_iter().chain(messages).collect::<Vec<_>>().join(": ");
        let metric = self.series.query.metric_stat().and_then(|stat| stat.metric());
        Some(format!(
            "{}, {} {}: {fault}",
            self.series.query.id().unwrap_or_default(),
            metric.and_then(|metric| metric.namespace()).unwrap_or_default(),
            metric.and_then(|metric| metric.metric_name()).unwrap_or_default(),
        ))
    }
}

/// What a window's series said.
#[derive(Clone, Debug, PartialEq)]
struct Counted {
    canary: f64,
    other: f64,
    /// By the plan's metrics: the canary's and the other series'.
    bad: Vec<(f64, f64)>,
}

impl Counted {
    fn new(metrics: usize) -> Self {
        Self {
            canary: 0.0,
            other: 0.0,
            bad: vec![(0.0, 0.0); metrics],
        }
    }

    fn set(&mut self, series: &Series, value: f64) {
        let place = match (series.metric, series.side) {
            (None, Side::Canary) => Some(&mut self.canary),
            (None, Side::Other) => Some(&mut self.other),
            (Some(metric), Side::Canary) => self.bad.get_mut(metric).map(|bad| &mut bad.0),
            (Some(metric), Side::Other) => self.bad.get_mut(metric).map(|bad| &mut bad.1),
        };
        if let Some(place) = place {
            *place = value;
        }
    }

    /// The window, with what the stage's series has of the canary taken off. A metric without a datapoint had nothing bad.
    fn window(self, start: i64, analysis: &Analysis) -> Option<Window> {
        let includes_canary = matches!(
            analysis.source,
            Source::StageMetrics {
                stage_includes_canary: true,
                ..
            }
        );
        let baseline = |other: f64, canary: f64| if includes_canary { other - canary } else { other };
        let canary_requests = whole(self.canary);
        let baseline_requests = whole(baseline(self.other, self.canary));
        let bad = self.bad.iter().map(|(canary, other)| Bad {
            canary: latency::canary(*canary, canary_requests),
            baseline: latency::baseline(baseline(*other, *canary), baseline_requests),
        });
        let start = Timestamp::from_second(start).ok()?;
        Some(Window {
            start,
            canary_requests,
            baseline_requests,
            bad: bad.collect(),
        })
    }
}

/// A count that came as a double; 0 for what is none.
fn whole(count: f64) -> u64 {
    format!("{:.0}", count.max(0.0)).parse().unwrap_or(0)
}
