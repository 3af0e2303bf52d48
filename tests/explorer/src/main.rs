//! `explore`: searches every bound, the deep ones too; `explore NAME...`: those of these names; `explore without LINE`:
//! searches the quick ones with a line of the protocol taken out, until it is caught.

#![expect(clippy::print_stdout, reason = "it prints what was covered")]

use std::process::ExitCode;

use serin_explorer::{
    bounds,
    mutation::Mutation,
    report::{Total, describe},
    search::search,
};

/// More states than any bound has; they take 8 GiB or so.
const MOST: usize = 40_000_000;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [without, line] if without == "without" => without_line(line),
        names => explore(names),
    }
}

fn explore(names: &[String]) -> ExitCode {
    let mut total = Total::default();
    let all = bounds::quick().into_iter().chain(bounds::deep());
    for bound in all.filter(|bound| names.is_empty() || names.iter().any(|name| name == bound.name)) {
        let report = search(&bound, None, MOST);
        println!("{}", describe(&bound, &report));
        total.add(&bound, &report);
    }
    println!("{total}");
    if total.violations == 0 && total.missed == 0 && total.complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn without_line(name: &str) -> ExitCode {
    let known = Mutation::ALL.into_iter().find(|line| format!("{line:?}") == name);
    let Some(line) = known else {
        println!("{name:?} is no line; lines are {:?}", Mutation::ALL);
        return ExitCode::FAILURE;
    };
    for bound in bounds::quick() {
        let report = search(&bound, Some(line), MOST);
        println!("{}", describe(&bound, &report));
        if report.violation.is_some() {
            return ExitCode::SUCCESS;
        }
    }
    println!("{line:?} was not caught: it is not needed for safety within these bounds");
    ExitCode::FAILURE
}
