//! `make bench-decisions`: simulates all releases, writes docs/decisions.md and docs/decisions.svg, and fails where a target
//! is missed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use serin_decisions::{
    late::{self, Late},
    plot,
    report::{self, Compared},
    rules::RULES,
    setting::{self, Setting},
    simulation::simulate,
    summary::summary,
    target::target,
};

const SEED: u64 = 20_261_125;

#[derive(Debug, thiserror::Error)]
enum DecisionsError {
    #[error("there is no argument {0:?}: it takes none")]
    Usage(String),
    #[error("cannot find the repository at {}: {source}", path.display())]
    Root { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: {source}", file.display())]
    Write { file: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Report(#[from] serin_report::ReportError),
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            progress("a target is missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            progress(&error.to_string());
            ExitCode::from(2)
        }
    }
}

/// Whether all targets are met.
fn run() -> Result<bool, DecisionsError> {
    if let Some(argument) = std::env::args().nth(1) {
        return Err(DecisionsError::Usage(argument));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = path
        .canonicalize()
        .map_err(|source| DecisionsError::Root { path, source })?;
    let begin = Instant::now();
    let settings: Vec<_> = setting::healthy().into_iter().chain(setting::regressions()).collect();
    let count = settings.len();
    let compared = settings.into_iter().zip(1_u32..).map(|(setting, number)| {
        progress(&format!(
            "{number} of {count}: {} ({} releases)",
            setting.name, setting.runs
        ));
        compare(setting, u64::from(number))
    });
    let compared: Vec<_> = compared.collect();
    let late = setting::late().into_iter().zip(1_u64..).map(|(setting, number)| {
        progress(&format!("late, {number}: {}", setting.name));
        late::compare(setting, SEED + 2_000 + number)
    });
    let late: Vec<_> = late.collect();
    progress(&format!("{:.0} s in all", begin.elapsed().as_secs_f64()));
    let text = text(&compared, &late);
    let file = root.join("docs/decisions.svg");
    fs::write(&file, plot::draw(&compared)).map_err(|source| DecisionsError::Write { file, source })?;
    serin_report::write_section(&root.join("docs/decisions.md"), "results", &text)?;
    show(&text);
    let met = |compared: &Compared| compared.target.as_ref().is_none_or(|target| target.met);
    Ok(compared.iter().all(met))
}

fn compare(setting: Setting, number: u64) -> Compared {
    let of = |setting: &Setting, seed| {
        let outcomes = simulate(setting, seed);
        let mut rule = 0..RULES;
        [(); RULES].map(|()| summary(setting, &outcomes, rule.next().unwrap_or_default()))
    };
    let summaries = of(&setting, SEED + number);
    let healthy = if setting.regression.is_none() {
        summaries
    } else {
        of(&setting.healthy_twin(), SEED + 1_000 + number)
    };
    let [serin, ..] = &summaries;
    Compared {
        target: target(&setting, serin),
        healthy: healthy.map(|summary| summary.false_rollbacks),
        summaries,
        setting,
    }
}

fn text(compared: &[Compared], late: &[Late]) -> String {
    let releases: u32 = compared.iter().map(|compared| compared.setting.runs).sum();
    format!(
        "{} simulated releases of {} kinds and the healthy twins of those that are not; seed {SEED}. In brackets: 95 % \
         confidence.\n\n### Targets\n\n{}\n### Healthy releases that are rolled back\n\n{}\n### Regressions\n\n{}\n### \
         Late regressions\n\n{}",
        serin_core::evidence::words::number(releases.into()),
        compared.len(),
        report::targets(compared),
        report::healthy(compared),
        report::regressions(compared),
        report::late(late)
    )
}

/// Says on the terminal what goes on.
fn progress(what: &str) {
    eprintln!("decisions: {what}");
}

#[expect(clippy::print_stdout, reason = "the tables are what this program is for")]
fn show(text: &str) {
    println!("{text}");
}
