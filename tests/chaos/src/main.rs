//! `make chaos`: rollouts under traffic on the local AWS, while processes die, executions are stopped, alarms come twice,
//! late, too early and too late, and the API, the table and the scheduler fail.
//!
//! A round is drawn from its seed: what happens, and when. How the calls of its processes then fall is the machine's, so
//! a repeated round is the same story, and not the same schedule; `serin-explorer` tries all schedules.

mod alarm;
mod grants;
mod round;
mod script;
mod show;
mod storm;
mod verdict;

use std::{cell::RefCell, process::ExitCode, time::Duration};

use serin_local::{Error, Proxy, Result, World};

use crate::{
    round::{Outcome, Place},
    script::Script,
    show::{Board, holds},
};

const USAGE: &str = "\
Breaks Serin while it runs on the local AWS, and checks that no rollback is lost.

  chaos [--rounds N] [--seed N] [--at-once N]
  chaos --storm N

  --rounds N    so many rounds, 30 without it
  --seed N      the first round's seed, a new one without it; the others count up from it
  --at-once N   so many rounds side by side, 5 without it
  --storm N     no rounds, but one alarm for so many stages, under the account's limit of management calls
";

struct Options {
    seed: u64,
    rounds: u64,
    at_once: usize,
    storm: Option<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            say(format!("{error}\n\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    let outcome = tokio::select! {
        outcome = run(&options) => outcome,
        outcome = serin_local::interrupted() => outcome,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&error);
            ExitCode::from(if matches!(error, Error::Interrupted) { 130 } else { 1 })
        }
    }
}

/// `None` where only the usage is asked for.
fn options() -> std::result::Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt as _};
    let mut options = Options {
        // Whoever gives no seed gets the tens of some number, so that the first round begins again.
        seed: u64::from(fastrand::u16(1..)) * 10,
        rounds: 30,
        at_once: 5,
        storm: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("seed") => options.seed = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("at-once") => options.at_once = arguments.value()?.parse::<usize>()?.max(1),
            Long("storm") => options.storm = Some(arguments.value()?.parse::<usize>()?.max(1)),
            Short('h') | Long("help") => return Ok(None),
            other @ (Long(_) | Short(_) | Value(_)) => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

/// Whether everything held.
async fn run(options: &Options) -> Result<bool> {
    if let Some(stages) = options.storm {
        return storm::play(stages).await;
    }
    let seeds = options.seed..options.seed.saturating_add(options.rounds);
    let scripts: Vec<_> = seeds.map(Script::of).collect();
    let board = RefCell::new(Board::new(options.seed, scripts.len(), options.at_once));
    let proxy = Proxy::start().await?;
    let mut world = World::start_behind(&proxy, |phase| board.borrow_mut().prepare(phase)).await?;
    let place = Place {
        world: &world,
        proxy: &proxy,
        tell: &|script, phase| board.borrow_mut().tell(script, phase),
    };
    let ended = |script: &Script, outcome: &Result<Outcome>| board.borrow_mut().end(script, outcome);
    let outcomes = tokio::select! {
        outcomes = round::play_all(place, &scripts, options.at_once, &ended) => outcomes,
        () = redraw(&board) => Vec::new(),
    };
    let ungranted = grants::missing(&proxy.journal(|_| true));
    board.borrow_mut().sum_up(&scripts, &outcomes, &ungranted);
    let held = outcomes.iter().all(holds) && ungranted.is_empty();
    if !held && let Some(logs) = world.keep_logs() {
        say(format!("what the functions logged is in {}", logs.display()));
    }
    Ok(held)
}

async fn redraw(board: &RefCell<Board>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        board.borrow_mut().draw();
    }
}

fn say(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
