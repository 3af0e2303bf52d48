//! `serin judge`: counts, judged window by window as a rollout judges them.

use std::io::{self, Write};

use lexopt::Parser;
use serde::Serialize;
use serin_core::{
    analysis::{Analysis, Mode, Window},
    decimal::Decimal,
    decision::Decision,
    evidence::{
        ruling::{Ruling, rulings},
        words,
    },
    request::{self, Counted},
};

use crate::{
    Outcome,
    arguments::file_and,
    error::CliError,
    input::Input,
    show,
    table::{Flush, Table},
};

const HELP: &str = include_str!("judge.txt");

/// Runs the command with what stands after its name.
pub(crate) fn run(arguments: Parser, out: &mut impl Write) -> Result<Outcome, CliError> {
    let Some((file, [json, exit_code])) = file_and(arguments, "judge", "counts", ["json", "exit-code"])? else {
        return show(out, HELP);
    };
    let input = Input::read(&file)?;
    let name = input.name;
    let counted = request::parse_counts(&input.value).map_err(|faults| CliError::Faults { name, faults })?;
    let last = if json {
        lines(&counted, out)
    } else {
        table(&counted, out)
    }?;
    let is_harmful = exit_code && last == Some(Decision::RollBack);
    Ok(if is_harmful { Outcome::Harmful } else { Outcome::Fine })
}

/// A window's line.
#[derive(Serialize)]
struct Line {
    window: u32,
    #[serde(rename = "lnE")]
    ln_e: Forms,
    decision: Decision,
    finding: String,
}

#[derive(Serialize)]
struct Forms {
    exact: Decimal,
    bound: Decimal,
    mixed: Decimal,
}

impl Line {
    fn new(window: u32, ruling: Ruling) -> Self {
        let Ruling {
            ln_exact: exact,
            ln_bound: bound,
            ln_mixed: mixed,
            decision,
            finding,
        } = ruling;
        Self {
            window,
            ln_e: Forms { exact, bound, mixed },
            decision,
            finding,
        }
    }
}

/// One line of JSON for each window; what the last of them decided.
fn lines(counted: &Counted, out: &mut impl Write) -> Result<Option<Decision>, CliError> {
    let mut last = None;
    for (ruling, number) in rulings(&counted.analysis, &counted.windows).zip(1_u32..) {
        last = Some(ruling.decision);
        let line = Line::new(number, ruling);
        serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    Ok(last)
}

/// A table; what the last window decided.
fn table(counted: &Counted, out: &mut impl Write) -> Result<Option<Decision>, CliError> {
    let head = [
        "window",
        "canary",
        "baseline",
        "ln E exact",
        "ln E bound",
        "ln E mixed",
        "decision",
    ];
    let flush = [
        Flush::Right,
        Flush::Left,
        Flush::Left,
        Flush::Right,
        Flush::Right,
        Flush::Right,
        Flush::Left,
    ];
    let mut table = Table::new(head, flush);
    let mut last = None;
    for ((ruling, window), number) in rulings(&counted.analysis, &counted.windows)
        .zip(&counted.windows)
        .zip(1_u32..)
    {
        last = Some(ruling.decision);
        table.push(row(number, window, &ruling), Some(ruling.finding));
    }
    writeln!(out, "{}\n", what(&counted.analysis))?;
    for line in table.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(last)
}

fn row(number: u32, window: &Window, ruling: &Ruling) -> [String; 7] {
    let side = |requests: u64, bad: Vec<u64>| {
        let bad: Vec<_> = bad.into_iter().map(words::number).collect();
        format!("{} of {}", bad.join(", "), words::number(requests))
    };
    [
        number.to_string(),
        side(
            window.canary_requests,
            window.bad.iter().map(|bad| bad.canary).collect(),
        ),
        side(
            window.baseline_requests,
            window.bad.iter().map(|bad| bad.baseline).collect(),
        ),
        format!("{:.6}", ruling.ln_exact.get()),
        format!("{:.6}", ruling.ln_bound.get()),
        format!("{:.6}", ruling.ln_mixed.get()),
        ruling.decision.name().to_owned(),
    ]
}

/// What is counted and when it rolls back.
fn what(analysis: &Analysis) -> String {
    let metrics: Vec<_> = analysis.metrics.iter().map(|metric| metric.kind.describe()).collect();
    let rule = match analysis.mode {
        Mode::Off => "off: nothing is rolled back by evidence".to_owned(),
        Mode::Guard | Mode::Gate => {
            let name = if analysis.mode == Mode::Gate { "gate" } else { "guard" };
            let threshold = 1.0 / analysis.alpha.get();
            format!(
                "{name}: rolls back once ln E mixed has reached ln {} = {:.6} (alpha {})",
                words::about(threshold),
                threshold.ln(),
                analysis.alpha
            )
        }
    };
    format!(
        "bad of requests, by window of {} s: {}\n{rule}",
        analysis.window_seconds,
        metrics.join(", ")
    )
}
