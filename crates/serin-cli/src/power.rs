//! `serin power`: how soon a plan notices a regression, and what it costs until then.

mod options;

use std::io::{self, Write};

use lexopt::Parser;
use serde::Serialize;
use serin_core::{
    analysis::{Analysis, Mode},
    decimal::Decimal,
    evidence::{
        forecast::{Forecast, Power, StepForecast, forecast},
        harm::GRID,
        power::Scenario,
        words::{about, duration, percent},
    },
    percent::Percent,
};

use self::options::Options;
use crate::{
    Outcome,
    error::CliError,
    show,
    table::{Flush, Table},
};

const HELP: &str = include_str!("power.txt");

/// Runs the command with what stands after its name.
pub(crate) fn run(arguments: Parser, out: &mut impl Write) -> Result<Outcome, CliError> {
    let Some(options) = options::read(arguments)? else {
        return show(out, HELP);
    };
    let forecast = forecast(options.scenario, &options.plan, &options.analysis);
    if options.json {
        let warnings = warnings(&forecast, &options.scenario, &options.analysis);
        serde_json::to_writer(&mut *out, &Answer::new(&forecast, warnings)).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        tell(&options, &forecast, out)?;
    }
    Ok(Outcome::Fine)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    steps: Vec<AnswerStep>,
    noticed: Option<AnswerNoticed>,
    bad_requests_in_steps: Decimal,
    bad_requests_per_minute_promoted: Decimal,
    warnings: Vec<String>,
}

/// What is missing is infinite, or there is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStep {
    step: u32,
    percent: Percent,
    bake_seconds: u32,
    canary_requests_per_minute: Decimal,
    seconds_to_notice: Option<Decimal>,
    bad_requests: Option<Decimal>,
    smallest_rate: Option<Decimal>,
    power: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerNoticed {
    step: usize,
    seconds: Decimal,
    bad_requests: Decimal,
}

impl Answer {
    fn new(forecast: &Forecast, warnings: Vec<String>) -> Self {
        let finite = |number: f64| number.is_finite().then(|| Decimal::clamped(number));
        let steps = forecast.steps.iter().zip(1..).map(|(step, number)| AnswerStep {
            step: number,
            percent: step.percent,
            bake_seconds: step.bake_seconds,
            canary_requests_per_minute: Decimal::clamped(step.canary_per_minute),
            seconds_to_notice: finite(step.seconds_to_notice),
            bad_requests: finite(step.harmed),
            smallest_rate: step.smallest_rate.map(Decimal::clamped),
            power: match step.power {
                Power::Notices => "notices",
                Power::TooWeak => "tooWeak",
                Power::Blind => "blind",
                Power::TooShort => "tooShort",
            },
        });
        Self {
            steps: steps.collect(),
            noticed: forecast.noticed.map(|noticed| AnswerNoticed {
                step: noticed.step + 1,
                seconds: Decimal::clamped(noticed.seconds),
                bad_requests: Decimal::clamped(noticed.harmed),
            }),
            bad_requests_in_steps: Decimal::clamped(forecast.harmed_in_steps),
            bad_requests_per_minute_promoted: Decimal::clamped(forecast.promoted_per_minute),
            warnings,
        }
    }
}

fn tell(options: &Options, forecast: &Forecast, out: &mut impl Write) -> Result<(), CliError> {
    let Options { scenario, analysis, .. } = options;
    writeln!(out, "{}\n", question(scenario, analysis))?;
    let head = [
        "step",
        "share",
        "bake",
        "canary requests/min",
        "noticed after",
        "bad requests until then",
        "smallest noticed",
    ];
    let mut table = Table::new(head, [Flush::Right; 7]);
    for (step, number) in forecast.steps.iter().zip(1_u32..) {
        table.push(row(number, step, scenario), None);
    }
    if !forecast.steps.is_empty() {
        for line in table.lines() {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    for warning in warnings(forecast, scenario, analysis) {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(out, "{}", conclusion(forecast))?;
    Ok(())
}

fn question(scenario: &Scenario, analysis: &Analysis) -> String {
    format!(
        "{} requests a minute, of which the baseline fails {} and the canary {}; {}, alpha {}, windows of {} s that \
         settle for {} s",
        about(scenario.per_minute),
        percent(scenario.baseline_rate),
        percent(scenario.canary_rate),
        if analysis.metrics.len() == 1 {
            "one metric".to_owned()
        } else {
            format!("{} metrics", analysis.metrics.len())
        },
        analysis.alpha,
        analysis.window_seconds,
        analysis.settle_seconds,
    )
}

fn row(number: u32, step: &StepForecast, scenario: &Scenario) -> [String; 7] {
    let smallest = step.smallest_rate;
    let smallest = smallest.map_or_else(|| "none".to_owned(), |rate| rate_and_times(rate, scenario));
    let harmed = if step.harmed.is_finite() {
        about(step.harmed)
    } else {
        "all".to_owned()
    };
    [
        number.to_string(),
        format!("{} %", step.percent),
        duration(f64::from(step.bake_seconds)),
        about(step.canary_per_minute),
        duration(step.seconds_to_notice),
        harmed,
        smallest,
    ]
}

/// What the plan and each of its steps cannot do, and what would help.
fn warnings(forecast: &Forecast, scenario: &Scenario, analysis: &Analysis) -> Vec<String> {
    let mut warnings = Vec::new();
    if analysis.mode == Mode::Off {
        let text = "analysis.mode is \"off\": a rollout looks at no evidence, and notices nothing of this. The numbers are \
                    those of \"guard\"";
        warnings.push(text.to_owned());
    }
    if forecast.steps.is_empty() {
        let text = "the plan has no step: nothing can be compared before the canary has all traffic";
        warnings.push(text.to_owned());
    }
    warnings.extend(unnoticed(forecast, scenario));
    for (step, number) in forecast.steps.iter().zip(1_u32..) {
        let bake = duration(f64::from(step.bake_seconds));
        let name = format!("step {number} ({} % for {bake})", step.percent);
        let text = match step.power {
            Power::Notices => continue,
            Power::TooShort => format!(
                "{name} is too short to judge: alarms only. It needs {} s to hold a clean and settled window",
                analysis.shortest_bake().as_secs()
            ),
            Power::Blind => format!(
                "{name} cannot detect anything: a canary that failed all of its {} requests a minute would not be \
                 noticed in time",
                about(step.canary_per_minute)
            ),
            Power::TooWeak => format!(
                "{name} does not notice {} by itself: {}",
                percent(scenario.canary_rate),
                if step.seconds_to_notice.is_finite() {
                    format!("that takes {}", duration(step.seconds_to_notice))
                } else {
                    "it never would".to_owned()
                }
            ),
        };
        warnings.push(text);
    }
    warnings
}

/// That the whole plan does not notice the regression, and what it does notice.
fn unnoticed(forecast: &Forecast, scenario: &Scenario) -> Option<String> {
    let steps = forecast.steps.iter();
    if forecast.noticed.is_some() || steps.clone().any(|step| step.power == Power::Notices) {
        return None;
    }
    let noticed = steps
        .zip(1..)
        .filter_map(|(step, number)| Some((step.smallest_rate?, number)));
    let (rate, number) = noticed.min_by(|one, other: &(f64, u32)| one.0.total_cmp(&other.0))?;
    let [smallest, given] = [rate, scenario.canary_rate].map(|rate| rate_and_times(rate, scenario));
    let odds = |rate: f64| rate / (1.0 - rate);
    let hint = if odds(scenario.canary_rate) < GRID[0] * odds(scenario.baseline_rate) {
        format!(". Evidence looks for odds ratios from {} on", GRID[0])
    } else {
        String::new()
    };
    Some(format!(
        "the plan does not notice {given}: the smallest regression that a step notices is {smallest}, in step {number}{hint}"
    ))
}

/// `1 % (10x)`.
fn rate_and_times(rate: f64, scenario: &Scenario) -> String {
    match rate / scenario.baseline_rate {
        times if times.is_finite() => format!("{} ({}x)", percent(rate), about(times)),
        _ => percent(rate),
    }
}

fn conclusion(forecast: &Forecast) -> String {
    let promoted = format!(
        "{} fail a minute once it is promoted",
        about(forecast.promoted_per_minute)
    );
    match forecast.noticed {
        Some(noticed) => format!(
            "All steps together: noticed {} after the first step began, by the evidence of {}. Until then {} requests \
             have failed because of it; {promoted}.",
            duration(noticed.seconds),
            match noticed.step {
                0 => "step 1".to_owned(),
                last => format!("steps 1 to {}", last + 1),
            },
            about(noticed.harmed),
        ),
        None => format!(
            "All steps together do not notice it before promotion. Until then {} requests have failed because of it; \
             {promoted}.",
            about(forecast.harmed_in_steps),
        ),
    }
}
