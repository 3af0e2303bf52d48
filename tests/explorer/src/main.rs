//! `explore`: searches every bound, the deep ones too, and the quick ones without each line of the protocol that is not needed
//! for safety; `explore NAME...`: the bounds of these names; `explore without LINE`: the quick ones with a line taken out,
//! until it is caught.

#![expect(clippy::print_stdout, reason = "it prints what was covered")]

use std::process::ExitCode;

use serin_explorer::{
    bound::Bound,
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
    let all: Vec<_> = bounds::quick().into_iter().chain(bounds::deep()).collect();
    let known: Vec<_> = all.iter().map(|bound| bound.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        println!("{unknown:?} is no bound; bounds are {known:?}");
        return ExitCode::FAILURE;
    }
    for bound in all
        .into_iter()
        .filter(|bound| names.is_empty() || names.iter().any(|name| name == bound.name))
    {
        let report = search(&bound, None, MOST);
        println!("{}", describe(&bound, &report));
        total.add(&bound, &report);
    }
    println!("{total}");
    let is_safe_without = |line: &Mutation| {
        println!("\nwithout {:?}, which is not needed for safety", line.line());
        bounds::quick().into_iter().all(|bound| is_safe(&bound, *line))
    };
    let is_told_right = !names.is_empty() || Mutation::NOT_NEEDED.iter().all(is_safe_without);
    if total.violations == 0 && total.missed == 0 && total.complete && is_told_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether every order is safe without the line, too.
fn is_safe(bound: &Bound, without: Mutation) -> bool {
    let report = search(bound, Some(without), MOST);
    println!("{}", describe(bound, &report));
    report.violation.is_none() && report.complete
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
