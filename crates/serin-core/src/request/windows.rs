//! Counts that a person has, window by window, with the analysis that is to judge them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::analysis;
use crate::{
    analysis::{Analysis, Bad, MetricKind, Window},
    evidence::{
        counts::MOST_REQUESTS,
        latency,
        real::{floor, real},
    },
    fields::{Faults, Field, Object, Reader, brief},
    timing::later,
};

/// The most windows that are read.
pub const MOST_WINDOWS: usize = 10_000;

/// Windows, and what they are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How they are judged, as in a request.
    pub analysis: Analysis,
    /// Oldest first. They are as long as the analysis says, and the first begins in 1970: a judge looks at no clock.
    pub windows: Vec<Window>,
}

/// Reads `{"analysis": {...}, "windows": [{"canary": {"requests": 60, "serverErrors": 1}, "baseline": {...}}, ...]}`.
///
/// The analysis is that of a request, with the same defaults. Each side of a window has its number of requests, and the bad
/// ones by the kind of each metric of the analysis; a metric that is missing counts none. Requests above the threshold of
/// `latency` may be a fraction, because CloudWatch interpolates them: they are rounded against harm. Where the analysis has
/// two such thresholds, `latency` is an object with a number for each: `{"500": 12, "800": 3}`.
///
/// # Errors
/// Every fault, with the path of its field, what was given and what is allowed.
pub fn parse_counts(input: &Value) -> Result<Counted, Faults> {
    let mut reader = Reader::default();
    let counted = read(&mut reader, input);
    reader.finish(counted)
}

fn read(reader: &mut Reader, input: &Value) -> Option<Counted> {
    let object = reader.object(&Field::root("", input), &["analysis", "windows"])?;
    let analysis = analysis::read(reader, &object, analysis::Place::ANY);
    let metrics = Metrics::of(analysis.as_ref());
    let windows = reader
        .required(&object, "windows", "a list of windows")
        .and_then(|field| reader.list(&field, 1, MOST_WINDOWS, "windows"));
    let windows: Option<Vec<_>> = windows.map(|fields| {
        let sides = fields.iter().map(|field| window(reader, field, &metrics));
        sides.collect()
    });
    let analysis = analysis?;
    let length = SignedDuration::from_secs(i64::from(analysis.window_seconds));
    let mut start = Timestamp::UNIX_EPOCH;
    let windows = windows?.into_iter().map(|sides| {
        let window = sides?.at(start);
        start = later(start, length);
        Some(window)
    });
    Some(Counted {
        windows: windows.collect::<Option<_>>()?,
        analysis,
    })
}

/// What may be counted beside requests.
struct Metrics {
    kinds: Vec<MetricKind>,
    fields: Vec<&'static str>,
}

impl Metrics {
    /// Those of the analysis; where it is faulty itself, any.
    fn of(analysis: Option<&Analysis>) -> Self {
        let kinds: Vec<_> = analysis
            .iter()
            .flat_map(|analysis| analysis.metrics.iter().map(|metric| metric.kind))
            .collect();
        let mut fields = vec!["requests"];
        if analysis.is_none() {
            fields.extend(["serverErrors", "clientErrors", "latency"]);
        }
        for kind in &kinds {
            if !fields.contains(&kind.name()) {
                fields.push(kind.name());
            }
        }
        Self { kinds, fields }
    }

    /// The thresholds in milliseconds, where there are several.
    fn thresholds(&self) -> Vec<String> {
        let thresholds = self.kinds.iter().filter_map(|kind| match kind {
            MetricKind::Latency { threshold_milliseconds } => Some(threshold_milliseconds.to_string()),
            MetricKind::ServerErrors | MetricKind::ClientErrors => None,
        });
        let thresholds: Vec<_> = thresholds.collect();
        if thresholds.len() > 1 { thresholds } else { Vec::new() }
    }
}

/// One side of a window: requests, and the bad ones by the metrics in their order.
struct Side {
    requests: u64,
    bad: Vec<u64>,
}

struct Sides {
    canary: Side,
    baseline: Side,
}

impl Sides {
    fn at(self, start: Timestamp) -> Window {
        let bad = self.canary.bad.into_iter().zip(self.baseline.bad);
        Window {
            start,
            canary_requests: self.canary.requests,
            baseline_requests: self.baseline.requests,
            bad: bad.map(|(canary, baseline)| Bad { canary, baseline }).collect(),
        }
    }
}

fn window(reader: &mut Reader, field: &Field<'_>, metrics: &Metrics) -> Option<Sides> {
    let object = reader.object(field, &["canary", "baseline"])?;
    let mut named = |name, round: Round| {
        reader
            .required(&object, name, &format!("an object: {}", metrics.fields.join(", ")))
            .and_then(|field| side(reader, &field, metrics, round))
    };
    let (canary, baseline) = (named("canary", latency::canary), named("baseline", latency::baseline));
    Some(Sides {
        canary: canary?,
        baseline: baseline?,
    })
}

/// How a side's fraction of a request is rounded, up to so many requests.
type Round = fn(f64, u64) -> u64;

fn side(reader: &mut Reader, field: &Field<'_>, metrics: &Metrics, round: Round) -> Option<Side> {
    let object = reader.object(field, &metrics.fields)?;
    let requests = reader
        .required(
            &object,
            "requests",
            &format!("a whole number from 0 to {MOST_REQUESTS}"),
        )
        .and_then(|field| number(reader, &field, MOST_REQUESTS, false));
    let most = requests.map_or(MOST_REQUESTS, floor);
    let mut bad = BTreeMap::new();
    let mut is_right = requests.is_some();
    for name in metrics.fields.iter().filter(|name| **name != "requests") {
        for (key, field) in counted(reader, &object, name, metrics) {
            match number(reader, &field, most, *name == "latency") {
                Some(number) => drop(bad.insert(key, number)),
                None => is_right = false,
            }
        }
    }
    let bad = metrics.kinds.iter().map(|kind| {
        let number = bad.get(&key(*kind, metrics)).copied().unwrap_or(0.0);
        round(number, most)
    });
    is_right.then(|| Side {
        requests: most,
        bad: bad.collect(),
    })
}

/// By what a metric's count is found: its name, or its threshold where there are several.
fn key(kind: MetricKind, metrics: &Metrics) -> String {
    let threshold = match kind {
        MetricKind::Latency { threshold_milliseconds } => Some(threshold_milliseconds.to_string()),
        MetricKind::ServerErrors | MetricKind::ClientErrors => None,
    };
    threshold
        .filter(|threshold| metrics.thresholds().contains(threshold))
        .unwrap_or_else(|| kind.name().to_owned())
}

/// The counts that a side has under one name, each with its key.
fn counted<'a>(reader: &mut Reader, object: &Object<'a>, name: &str, metrics: &Metrics) -> Vec<(String, Field<'a>)> {
    let Some(field) = object.get(name) else {
        return Vec::new();
    };
    let thresholds = metrics.thresholds();
    if name != "latency" || thresholds.is_empty() {
        return vec![(name.to_owned(), field)];
    }
    let known: Vec<_> = thresholds.iter().map(String::as_str).collect();
    let counts = reader.object(&field, &known);
    let counts = counts.iter().flat_map(Object::entries);
    counts.map(|(threshold, field)| (threshold.clone(), field)).collect()
}

/// A number of requests; whole unless it may have been interpolated, and then also a fraction above the most, which rounding
/// cuts off. `1e9` and `60.0` are whole numbers too.
fn number(reader: &mut Reader, field: &Field<'_>, most: u64, may_be_fraction: bool) -> Option<f64> {
    let fits = |number: &f64| {
        let is_fraction = number.fract() > 0.0;
        *number >= 0.0 && number.floor() <= real(most) && (may_be_fraction || !is_fraction)
    };
    let number = field.value.as_f64().filter(fits);
    if number.is_none() {
        let kind = if may_be_fraction { "a number" } else { "a whole number" };
        let limit = if most == MOST_REQUESTS {
            ""
        } else {
            ", the side's requests"
        };
        reader.fault(
            &field.path,
            brief(field.value),
            format!("{kind} from 0 to {most}{limit}"),
        );
    }
    number
}
