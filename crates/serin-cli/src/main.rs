//! `serin`: what an operator asks of it on a terminal.

mod arguments;
mod error;
mod input;
mod judge;
mod power;
mod replay;
mod table;
mod unique;

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use lexopt::{Arg, Parser};

use crate::error::CliError;

const HELP: &str = "\
Progressive delivery for Amazon API Gateway: try out what it would decide, and check what it did.

Usage: serin COMMAND [OPTIONS]

Commands:
  judge    Judge counts that you have, window by window, as a rollout would
  power    Say how soon a plan notices a regression, and what it costs until then
  replay   Make the decisions of a rollout again, from its timeline

Options:
  -h, --help      Show this, or a command's own help after its name
  -V, --version   Show the version

Exit codes:
  0   answered
  1   the answer could not be written; with replay, or a decision came out otherwise
  2   the command line or the input is wrong; every fault is listed, nothing was judged
  3   only with judge --exit-code: evidence of harm, a rollout would be rolled back

A rollout is started with the AWS CLI: README.md.
";

/// What a command has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing that a script has to know.
    Fine,
    /// A rollout would be rolled back, and the script has asked.
    Harmful,
    /// A decision came out otherwise than it was recorded.
    Otherwise,
}

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = run(Parser::from_env(), &mut out).and_then(|outcome| {
        out.flush()?;
        Ok(outcome)
    });
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Harmful) => ExitCode::from(3),
        Ok(Outcome::Otherwise) => ExitCode::FAILURE,
        // Whoever reads has seen enough, as `head` does.
        Err(CliError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell where standard error is closed.
            let _ = writeln!(io::stderr(), "serin: {error}");
            ExitCode::from(error.code())
        }
    }
}

fn run(mut arguments: Parser, out: &mut impl Write) -> Result<Outcome, CliError> {
    let usage = |what: String| CliError::Usage { what, command: "" };
    match arguments.next().map_err(|error| usage(error.to_string()))? {
        Some(Arg::Value(command)) => match command.to_str() {
            Some("judge") => judge::run(arguments, out),
            Some("power") => power::run(arguments, out),
            Some("replay") => replay::run(arguments, out),
            _ => Err(usage(format!("there is no command \"{}\"", command.display()))),
        },
        Some(Arg::Short('h') | Arg::Long("help")) => show(out, HELP),
        Some(Arg::Short('V') | Arg::Long("version")) => show(out, concat!("serin ", env!("CARGO_PKG_VERSION"), "\n")),
        Some(other) => Err(usage(other.unexpected().to_string())),
        None => Err(usage("a command is missing: judge, power or replay".to_owned())),
    }
}

fn show(out: &mut impl Write, text: &str) -> Result<Outcome, CliError> {
    out.write_all(text.as_bytes())?;
    Ok(Outcome::Fine)
}
