//! What `serin power` is asked: a scenario, and a plan from a request or from the command line.

use std::ffi::OsString;

use lexopt::{Arg, Parser};
use serde_json::{Value, json};
use serin_core::{analysis::Analysis, evidence::power::Scenario, plan::Plan, request};

use crate::{error::CliError, input::Input};

/// The question, ready to be answered.
pub(super) struct Options {
    pub(super) scenario: Scenario,
    pub(super) plan: Plan,
    pub(super) analysis: Analysis,
    pub(super) json: bool,
}

/// Texts as they were given.
#[derive(Default)]
struct Given {
    per_minute: Option<String>,
    baseline_rate: Option<String>,
    canary_rate: Option<String>,
    request: Option<OsString>,
    percent: Option<String>,
    bake_seconds: Option<String>,
    alpha: Option<String>,
    json: bool,
}

fn usage(what: impl Into<String>) -> CliError {
    CliError::Usage {
        what: what.into(),
        command: "power",
    }
}

/// `None` where help is wanted.
pub(super) fn read(arguments: Parser) -> Result<Option<Options>, CliError> {
    let Some(given) = given(arguments).map_err(|error| usage(error.to_string()))? else {
        return Ok(None);
    };
    let json = given.json;
    let per_minute = needed(given.per_minute.as_deref(), "--requests-per-minute", requests)?;
    let baseline_rate = needed(given.baseline_rate.as_deref(), "--baseline-rate", rate)?;
    let canary_rate = needed(given.canary_rate.as_deref(), "--canary-rate", rate)?;
    if canary_rate <= baseline_rate {
        return Err(usage(
            "--canary-rate must be above --baseline-rate: a regression is what is to be noticed",
        ));
    }
    let (plan, analysis) = planned(&given)?;
    let scenario = Scenario {
        per_minute,
        baseline_rate,
        canary_rate,
        alpha: analysis.alpha.get(),
        metrics: if analysis.metrics.len() > 1 { 2.0 } else { 1.0 },
    };
    Ok(Some(Options {
        scenario,
        plan,
        analysis,
        json,
    }))
}

fn given(mut arguments: Parser) -> Result<Option<Given>, lexopt::Error> {
    let mut given = Given::default();
    while let Some(argument) = arguments.next()? {
        let text = match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("json") => {
                given.json = true;
                continue;
            }
            Arg::Long("request") => {
                given.request = Some(arguments.value()?);
                continue;
            }
            Arg::Long("requests-per-minute") => &mut given.per_minute,
            Arg::Long("baseline-rate") => &mut given.baseline_rate,
            Arg::Long("canary-rate") => &mut given.canary_rate,
            Arg::Long("percent") => &mut given.percent,
            Arg::Long("bake-seconds") => &mut given.bake_seconds,
            Arg::Long("alpha") => &mut given.alpha,
            Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(argument.unexpected()),
        };
        *text = Some(arguments.value()?.to_string_lossy().into_owned());
    }
    Ok(Some(given))
}

fn needed(text: Option<&str>, option: &str, read: fn(&str) -> Result<f64, &'static str>) -> Result<f64, CliError> {
    let text = text.ok_or_else(|| usage(format!("{option} is missing")))?;
    read(text).map_err(|allowed| usage(format!("{option}: given {text:?}; allowed: {allowed}")))
}

fn requests(text: &str) -> Result<f64, &'static str> {
    let most = f64::from(u32::MAX);
    let number = text
        .parse()
        .ok()
        .filter(|number| (f64::MIN_POSITIVE..=most).contains(number));
    number.ok_or("a number above 0, up to 4294967295 requests a minute")
}

/// `0.1%` or `0.001`.
fn rate(text: &str) -> Result<f64, &'static str> {
    let (digits, whole) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |digits| (digits.trim_end(), 100.0));
    let number = digits
        .parse::<f64>()
        .ok()
        .filter(|number| (0.0..=whole).contains(number));
    number
        .map(|number| number / whole)
        .ok_or("a share of the requests, as 0.1% or 0.001, from 0 to 1")
}

/// The plan and the analysis: of a request, or of the options, with the defaults of a request.
fn planned(given: &Given) -> Result<(Plan, Analysis), CliError> {
    let (name, value) = match (&given.request, &given.percent, &given.bake_seconds, &given.alpha) {
        (Some(file), None, None, None) => {
            let input = Input::read(file)?;
            (input.name, input.value)
        }
        (Some(_), ..) => {
            return Err(usage(
                "--request has a plan and an analysis of its own: leave out --percent, --bake-seconds and --alpha",
            ));
        }
        (None, None, Some(_), _) => return Err(usage("--bake-seconds needs --percent")),
        (None, ..) => ("the plan of the options".to_owned(), described(given)?),
    };
    request::parse_plan(&value).map_err(|faults| CliError::Faults { name, faults })
}

/// What the options say, as a request would.
fn described(given: &Given) -> Result<Value, CliError> {
    let mut request = json!({});
    if let Some(percents) = &given.percent {
        let percents = numbers("--percent", percents)?;
        let bakes = numbers("--bake-seconds", given.bake_seconds.as_deref().unwrap_or("600"))?;
        let bake = |index: usize| {
            if bakes.len() == 1 {
                bakes.first()
            } else {
                bakes.get(index)
            }
        };
        if bakes.len() != 1 && bakes.len() != percents.len() {
            return Err(usage("--bake-seconds takes one number, or as many as --percent"));
        }
        let steps = percents.iter().enumerate();
        let steps: Vec<_> = steps
            .map(|(index, percent)| json!({ "percent": percent, "bakeSeconds": bake(index) }))
            .collect();
        request = json!({ "plan": { "steps": steps } });
    }
    if let (Some(alpha), Some(fields)) = (&given.alpha, request.as_object_mut()) {
        fields.insert("analysis".to_owned(), json!({ "alpha": number("--alpha", alpha)? }));
    }
    Ok(request)
}

fn numbers(option: &str, text: &str) -> Result<Vec<Value>, CliError> {
    text.split(',').map(|part| number(option, part)).collect()
}

fn number(option: &str, text: &str) -> Result<Value, CliError> {
    let value = serde_json::from_str::<Value>(text.trim()).ok().filter(Value::is_number);
    value.ok_or_else(|| {
        usage(format!(
            "{option}: given {text:?}; allowed: a number, or several with commas between"
        ))
    })
}
