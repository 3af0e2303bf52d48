//! The analysis of a request: what counts as bad, how sure one must be, and where the counts come from.

use crate::{
    analysis::{
        Analysis, MAX_METRICS, Metric, MetricKind, Mode, OnInconclusive, STANDARD_SECONDS, Source, default_alpha,
        is_period,
    },
    decimal::Decimal,
    fields::{Field, Object, Reader, brief, json_length},
};

const FIELDS: [&str; 8] = [
    "mode",
    "alpha",
    "metrics",
    "windowSeconds",
    "settleSeconds",
    "maxHoldSeconds",
    "onInconclusive",
    "source",
];

const LONGEST_HOLD: u32 = 14 * 24 * 60 * 60;

/// What an analysis is read for.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) api: &'a str,
    pub(super) stage_name: &'a str,
    /// How often the metrics that are read get a value, in seconds.
    pub(super) metric_seconds: u32,
}

impl Place<'static> {
    /// Any stage, with metrics as fine as they may be: for people who try out what evidence would say.
    pub(super) const ANY: Self = Self {
        api: "api",
        stage_name: "stage",
        metric_seconds: 5,
    };
}

/// The analysis of a request that names none: guarded by the server errors of the stage's own metrics.
pub(super) fn usual(stage_name: &str) -> Analysis {
    Analysis {
        mode: Mode::Guard,
        metrics: vec![Metric::new(MetricKind::ServerErrors)],
        source: Source::StageMetrics {
            canary_stage: format!("{stage_name}/Canary"),
            stage_includes_canary: true,
        },
        ..Analysis::default()
    }
}

pub(super) fn read(reader: &mut Reader, object: &Object<'_>, place: Place<'_>) -> Option<Analysis> {
    match object.get("analysis") {
        None => Some(usual(place.stage_name)),
        Some(field) => one(reader, &field, place),
    }
}

/// Every field is read before any is found missing, so that all faults are told at once.
pub(super) fn one(reader: &mut Reader, field: &Field<'_>, place: Place<'_>) -> Option<Analysis> {
    let usual = usual(place.stage_name);
    let object = reader.object(field, &FIELDS)?;
    let modes = [("off", Mode::Off), ("guard", Mode::Guard), ("gate", Mode::Gate)];
    let mode = or(object.get("mode"), Mode::Guard, |field| reader.word(field, &modes));
    let alpha = or(object.get("alpha"), default_alpha(), |field| {
        decimal(reader, field, 0.000_001, 0.1, "a number from 0.000001 to 0.1")
    });
    let metrics = or(object.get("metrics"), usual.metrics, |field| metrics(reader, field));
    let window = or(object.get("windowSeconds"), STANDARD_SECONDS, |field| {
        window(reader, field, place.metric_seconds)
    });
    let settle = or(object.get("settleSeconds"), 120, |field| {
        reader.whole(field, 0, 3_600, "seconds")
    });
    let hold = optional_hold(reader, &object, mode);
    let policies = [
        ("hold", OnInconclusive::Hold),
        ("advance", OnInconclusive::Advance),
        ("rollBack", OnInconclusive::RollBack),
    ];
    let policy = or(object.get("onInconclusive"), OnInconclusive::RollBack, |field| {
        reader.word(field, &policies)
    });
    let source = or(object.get("source"), usual.source, |field| {
        source(reader, field, place.api, place.stage_name)
    });
    Some(Analysis {
        mode: mode?,
        alpha: alpha?,
        metrics: metrics?,
        window_seconds: window?,
        settle_seconds: settle?,
        max_hold_seconds: hold?,
        on_inconclusive: policy?,
        source: source?,
    })
}

/// What a field says, or the default where it is missing; `None` only where it is there and faulty.
pub(super) fn or<'a, T>(field: Option<Field<'a>>, default: T, read: impl FnOnce(&Field<'a>) -> Option<T>) -> Option<T> {
    field.map_or(Some(default), |field| read(&field))
}

/// Nothing is held but by a gate: a hold that could not happen would only lengthen the rollout's deadline.
fn optional_hold(reader: &mut Reader, object: &Object<'_>, mode: Option<Mode>) -> Option<u32> {
    let is_gate = mode == Some(Mode::Gate);
    let hold = or(object.get("maxHoldSeconds"), 3_600, |field| {
        reader.whole(field, 0, LONGEST_HOLD, "seconds")
    });
    for name in ["maxHoldSeconds", "onInconclusive"] {
        if let (Some(field), false, true) = (object.get(name), is_gate, mode.is_some()) {
            reader.fault(
                &field.path,
                brief(field.value),
                "nothing, unless analysis.mode is \"gate\": only a gate holds",
            );
        }
    }
    hold.map(|seconds| if is_gate { seconds } else { 0 })
}

/// A period of CloudWatch's that is no shorter than what the metrics tell apart.
fn window(reader: &mut Reader, field: &Field<'_>, metric_seconds: u32) -> Option<u32> {
    let seconds = reader.whole(field, metric_seconds, 3_600, "seconds")?;
    if !is_period(seconds) || !seconds.is_multiple_of(metric_seconds) {
        let allowed = if metric_seconds < STANDARD_SECONDS {
            format!("a multiple of {metric_seconds} seconds that is 5, 10, 20, 30 or a multiple of 60")
        } else {
            "a multiple of 60 seconds".to_owned()
        };
        reader.fault(&field.path, brief(field.value), allowed);
    }
    Some(seconds)
}

fn decimal(reader: &mut Reader, field: &Field<'_>, low: f64, high: f64, allowed: &str) -> Option<Decimal> {
    let number = field.value.as_f64().filter(|number| (low..=high).contains(number));
    let decimal = number.and_then(Decimal::nearest);
    if decimal.is_none() {
        reader.fault(&field.path, brief(field.value), allowed);
    }
    decimal
}

fn metrics(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<Metric>> {
    let items = reader.list(field, 1, MAX_METRICS, "metrics")?;
    let mut metrics: Vec<Metric> = Vec::new();
    let count = items.len();
    for item in items {
        let Some(metric) = metric(reader, &item) else { continue };
        if metrics.iter().any(|known| known.kind == metric.kind) {
            reader.fault(&item.path, format!("{} again", metric.kind.name()), "each metric once");
        }
        metrics.push(metric);
    }
    (metrics.len() == count).then_some(metrics)
}

fn metric(reader: &mut Reader, field: &Field<'_>) -> Option<Metric> {
    let known = ["kind", "thresholdMilliseconds", "toleratedRate", "toleratedOddsRatio"];
    let object = reader.object(field, &known)?;
    let allowed = "\"serverErrors\" or \"clientErrors\" or \"latency\"";
    let kinds = [
        ("serverErrors", MetricKind::ServerErrors),
        ("clientErrors", MetricKind::ClientErrors),
        (
            "latency",
            MetricKind::Latency {
                threshold_milliseconds: 0,
            },
        ),
    ];
    let kind = reader
        .required(&object, "kind", allowed)
        .and_then(|field| reader.word(&field, &kinds));
    let kind = threshold(reader, &object, kind);
    let usual = Metric::new(kind.unwrap_or(MetricKind::ServerErrors));
    let rate = or(object.get("toleratedRate"), usual.tolerated_rate, |field| {
        decimal(
            reader,
            field,
            0.000_01,
            0.5,
            "a share of the requests, from 0.00001 to 0.5",
        )
    });
    let odds = or(object.get("toleratedOddsRatio"), usual.tolerated_odds_ratio, |field| {
        decimal(reader, field, 1.01, 100.0, "a number from 1.01 to 100")
    });
    Some(Metric {
        kind: kind?,
        tolerated_rate: rate?,
        tolerated_odds_ratio: odds?,
    })
}

/// Latency needs a threshold that is fixed before the rollout; nothing else has one.
fn threshold(reader: &mut Reader, object: &Object<'_>, kind: Option<MetricKind>) -> Option<MetricKind> {
    match kind? {
        MetricKind::Latency { .. } => {
            let allowed = "a whole number from 1 to 300000 milliseconds";
            let field = reader.required(object, "thresholdMilliseconds", allowed)?;
            let threshold_milliseconds = reader.whole(&field, 1, 300_000, "milliseconds")?;
            Some(MetricKind::Latency { threshold_milliseconds })
        }
        kind @ (MetricKind::ServerErrors | MetricKind::ClientErrors) => {
            if let Some(field) = object.get("thresholdMilliseconds") {
                reader.fault(&field.path, brief(field.value), "nothing, unless kind is \"latency\"");
                return None;
            }
            Some(kind)
        }
    }
}

#[derive(Clone, Copy)]
enum SourceKind {
    StageMetrics,
    AccessLogs,
}

fn source(reader: &mut Reader, field: &Field<'_>, api: &str, stage_name: &str) -> Option<Source> {
    let kinds = [
        ("stageMetrics", SourceKind::StageMetrics),
        ("accessLogs", SourceKind::AccessLogs),
    ];
    // The other kind's fields are faults too, so the kind is read first.
    let kind = match field.value.get("kind") {
        None => SourceKind::StageMetrics,
        Some(value) => {
            let kind = Field::root(&format!("{}.kind", field.path), value);
            reader.word(&kind, &kinds)?
        }
    };
    match kind {
        SourceKind::StageMetrics => stage_metrics(reader, field, stage_name),
        SourceKind::AccessLogs => access_logs(reader, field, api, stage_name),
    }
}

fn stage_metrics(reader: &mut Reader, field: &Field<'_>, stage_name: &str) -> Option<Source> {
    let object = reader.object(field, &["kind", "canaryStage", "stageIncludesCanary"])?;
    let allowed = "the value of the dimension Stage that counts the canary, 1 to 255 characters";
    let canary_stage = or(object.get("canaryStage"), format!("{stage_name}/Canary"), |field| {
        reader.text(field, allowed, |text| (1..=255).contains(&json_length(text)))
    });
    let stage_includes_canary = or(object.get("stageIncludesCanary"), true, |field| reader.truth(field));
    Some(Source::StageMetrics {
        canary_stage: canary_stage?,
        stage_includes_canary: stage_includes_canary?,
    })
}

/// The names are those that `infra/monitoring.yaml` gives.
fn access_logs(reader: &mut Reader, field: &Field<'_>, api: &str, stage_name: &str) -> Option<Source> {
    let object = reader.object(field, &["kind", "namespace", "logGroup"])?;
    let own = format!("Serin/{api}/{stage_name}");
    let namespace = or(object.get("namespace"), own, |field| {
        let allowed = "a namespace of CloudWatch, 1 to 255 letters, digits and .-_/#:, not of AWS's own";
        reader.text(field, allowed, |text| {
            super::is_name(text, 255, ".-_/#:") && !text.starts_with("AWS/")
        })
    });
    let usual = format!("/serin/{api}/{stage_name}/access");
    let log_group = or(object.get("logGroup"), usual, |field| {
        let allowed = "the name of a log group, 1 to 512 letters, digits and .-_/#";
        reader.text(field, allowed, |text| super::is_name(text, 512, ".-_/#"))
    });
    Some(Source::AccessLogs {
        namespace: namespace?,
        log_group: log_group?,
    })
}
