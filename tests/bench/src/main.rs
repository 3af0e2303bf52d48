//! Measures the release binaries of the functions: how quickly they start, how quickly an alarm takes a canary's traffic to
//! zero, how much memory they take and how large they are. `docs/performance.md` says how, and is written by this.

mod aws;
mod cargo;
mod error;
mod evidence;
mod function;
mod http;
mod numbers;
mod profiles;
mod python;
mod report;
mod sample;
mod stub;
mod tls;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

use crate::{
    error::{BenchError, Outcome, doing},
    function::{Program, Surroundings},
    report::{Contender, Function},
    stub::Transport,
};

const USAGE: &str = "usage: serin-bench [--evidence | --profiles] [--runs NUMBER]

  --evidence       how long ten thousand windows take to judge, instead; by Criterion, which sees to the runs itself
  --profiles       what each line of the release profile buys, instead: compiles seven times, half an hour on 2 cores
  --runs NUMBER    how often each thing is measured, 15 to 1000; 25 if not said";

struct Options {
    evidence: bool,
    profiles: bool,
    runs: usize,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|options| bench(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serin-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Outcome<Options> {
    let wrong = |what: String| BenchError::Usage(format!("{what}\n\n{USAGE}"));
    let mut options = Options {
        evidence: false,
        profiles: false,
        runs: 25,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--evidence" => options.evidence = true,
            "--profiles" => options.profiles = true,
            "--runs" => {
                let runs = arguments.next().unwrap_or_default();
                let number = runs.parse().ok().filter(|runs| (15..=1000).contains(runs));
                options.runs =
                    number.ok_or_else(|| wrong(format!("--runs {runs:?} is not a number from 15 to 1000")))?;
            }
            other => return Err(wrong(format!("{other:?} is not known here"))),
        }
    }
    Ok(options)
}

fn bench(options: &Options) -> Outcome<()> {
    let root = root()?;
    let (section, text) = if options.evidence {
        (
            "evidence",
            format!("On {}.\n\n{}", machine()?, evidence::measure(&root)?),
        )
    } else {
        functions(&root, options)?
    };
    serin_report::write_section(&root.join("docs/performance.md"), section, &text)?;
    show(&text);
    Ok(())
}

/// What the functions take, and the section that it belongs into.
fn functions(root: &Path, options: &Options) -> Outcome<(&'static str, String)> {
    let logs = root.join("target/bench-lambda");
    fs::create_dir_all(&logs).map_err(doing(format!("make {}", logs.display())))?;
    let around = Surroundings {
        bundle: logs.join("certificates.pem"),
        logs,
    };
    let transports = [Transport::Plain, Transport::Tls(tls::server(&around.bundle)?)];
    let runs = options.runs;
    if options.profiles {
        let table = profiles::measure(root, &transports, &around, runs)?;
        return Ok(("profiles", format!("{}\n\n{table}", medians(runs)?)));
    }
    Ok(("measurements", everything(root, &transports, &around, runs)?))
}

fn root() -> Outcome<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().map_err(doing(format!("find {}", root.display())))
}

fn everything(root: &Path, transports: &[Transport; 2], around: &Surroundings, runs: usize) -> Outcome<String> {
    progress("building the release binaries");
    let (functions, floor) = cargo::functions_and_floor(root)?;
    let python = python::rollback(root)?;
    let medians = medians(runs)?;
    let rollback = functions.iter().find(|program| program.name == "rollback");
    let rollback = rollback.into_iter().map(|program| (program, "Serin"));
    let programs: Vec<_> = rollback.chain([(&floor, "floor"), (&python, "Python")]).collect();
    let contenders = compare(&programs, transports, around, runs)?;
    let functions = starts(&functions, transports, around, runs)?;
    Ok(format!(
        "{medians}\n{}.\n\n### Targets\n\n{}\n### Rollback by an alarm\n\n{}\n### Every function\n\n{}",
        python::versions(root)?,
        report::targets(&contenders, &functions),
        report::contenders(&contenders),
        report::functions(&functions)
    ))
}

/// All contenders take turns, so that what else the machine does befalls each of them alike.
fn compare(
    programs: &[(&Program, &'static str)],
    transports: &[Transport],
    around: &Surroundings,
    runs: usize,
) -> Outcome<Vec<Contender>> {
    let pairs = || {
        transports
            .iter()
            .flat_map(|transport| programs.iter().map(move |program| (transport, program)))
    };
    let mut contenders: Vec<_> = pairs()
        .map(|(transport, (_, title))| Contender::new(title, transport.name()))
        .collect();
    for run in 0..runs {
        progress(&format!("rollback, run {} of {runs}", run + 1));
        for (contender, (transport, (program, _))) in contenders.iter_mut().zip(pairs()) {
            contender.push(&sample::rollback(program, transport, around)?);
        }
    }
    Ok(contenders)
}

fn starts(
    programs: &[Program],
    [plain, tls]: &[Transport; 2],
    around: &Surroundings,
    runs: usize,
) -> Outcome<Vec<Function>> {
    let sized = |program: &Program| Ok(Function::new(&program.name, cargo::size(&program.path)?));
    let mut functions = programs.iter().map(sized).collect::<Outcome<Vec<_>>>()?;
    for run in 0..runs {
        progress(&format!("starts, run {} of {runs}", run + 1));
        for (function, program) in functions.iter_mut().zip(programs) {
            function.push([
                sample::start(program, plain, around)?,
                sample::start(program, tls, around)?,
            ]);
        }
    }
    Ok(functions)
}

/// What the functions were measured on and with.
fn medians(runs: usize) -> Outcome<String> {
    Ok(format!("Medians of {runs} runs on {}", machine()?))
}

/// The machine and the compiler.
fn machine() -> Outcome<String> {
    let cores = thread::available_parallelism().map_err(doing("count the cores"))?;
    let load = fs::read_to_string("/proc/loadavg").map_err(doing("read /proc/loadavg (this benchmark needs Linux)"))?;
    let load = load.split(' ').next().unwrap_or_default();
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .map_err(doing("run `rustc --version`"))?;
    let rustc = String::from_utf8_lossy(&rustc.stdout);
    let rustc = rustc.split(' ').nth(1).unwrap_or_default();
    Ok(format!(
        "{} Linux with {cores} cores, load {load} before the first; rustc {rustc}",
        std::env::consts::ARCH
    ))
}

/// Says on the terminal what goes on.
fn progress(what: &str) {
    eprintln!("serin-bench: {what}");
}

#[expect(clippy::print_stdout, reason = "the tables are what this program is for")]
fn show(text: &str) {
    println!("{text}");
}
