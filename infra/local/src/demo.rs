//! `make demo`: FashionFlow releases three times, once well and twice not, and everything that is claimed is checked.

mod broken;
mod checks;
mod healthy;
mod outage;
mod restored;
mod watch;
mod worse;

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use crate::{
    api::Api,
    error::Result,
    monitoring::Monitoring,
    terminal::{Line, Style, Terminal},
    world::World,
};

use checks::Checks;

/// Requests a second: enough that 5 % of them are seen, and few enough for two cores.
const LOAD: u32 = 40;

/// Plays both stories and says whether all checks held.
///
/// # Errors
/// If the stack cannot be made, or a call to it fails.
pub async fn play(terminal: &mut Terminal) -> Result<bool> {
    let started = Instant::now();
    terminal.say(&Line::styled(
        Style::Bold,
        "Serin: FashionFlow releases recommendations, on AWS on this machine",
    ));
    let mut world = start(terminal).await?;
    let told = Box::pin(stories(terminal, &world)).await;
    let held = world.keep_logs_of(told)?;
    terminal.gap();
    let (style, verdict) = if held {
        (Style::Green, "all checks held")
    } else {
        (Style::Red, "a check failed")
    };
    terminal.say(&Line::styled(style, verdict).and(Style::Plain, format!(", {} in all", seconds(started.elapsed()))));
    Ok(held)
}

async fn start(terminal: &mut Terminal) -> Result<World> {
    let progress = RefCell::new(Progress { terminal, phase: None });
    let world = World::start(|phase| progress.borrow_mut().begin(phase)).await?;
    progress.borrow_mut().end();
    Ok(world)
}

/// Says what goes on during the start, and how long it took.
struct Progress<'a> {
    terminal: &'a mut Terminal,
    phase: Option<(String, Instant)>,
}

impl Progress<'_> {
    fn begin(&mut self, phase: &str) {
        self.end();
        self.terminal
            .show(vec![Line::styled(Style::Dim, format!("  {phase} ..."))]);
        self.phase = Some((phase.to_owned(), Instant::now()));
    }

    fn end(&mut self) {
        self.terminal.clear();
        if let Some((phase, began)) = self.phase.take() {
            let line = Line::styled(Style::Dim, format!("  {phase:<28}{:>8}", seconds(began.elapsed())));
            self.terminal.say(&line);
        }
    }
}

async fn stories(terminal: &mut Terminal, world: &World) -> Result<bool> {
    let began = Instant::now();
    terminal.show(vec![Line::styled(
        Style::Dim,
        "  sam deploy: FashionFlow, three times ...",
    )]);
    let (first, second, third) = tokio::try_join!(
        world.fashionflow_with("fashionflow", healthy::MONITORING),
        world.fashionflow_with("fashionflow-sister", Monitoring::default()),
        world.fashionflow_with("fashionflow-cousin", worse::MONITORING)
    )?;
    terminal.clear();
    terminal.say(&Line::styled(
        Style::Dim,
        format!("  {:<28}{:>8}", "sam deploy: FashionFlow", seconds(began.elapsed())),
    ));
    let mut checks = Checks::default();
    Box::pin(healthy::tell(terminal, world, &first, &mut checks)).await?;
    terminal.gap();
    terminal.say(&Line::styled(
        Style::Dim,
        "The other stories play on APIs of their own: the next rollout on the same stage waits until the last one has drained, 220 s.",
    ));
    broken::tell(terminal, world, &second, &mut checks).await?;
    worse::tell(terminal, world, &third, &mut checks).await?;
    Ok(checks.all_held())
}

/// `12.3 s`.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Sends `count` requests and says how many answers came from each version.
async fn answers(api: &Api, count: u32) -> Result<std::collections::BTreeMap<String, u32>> {
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..count {
        let response = api.get().await?;
        let sum = answers.entry(response.version).or_insert(0_u32);
        *sum = sum.saturating_add(1);
    }
    Ok(answers)
}
