//! The log of an invocation, read back: no line may hold a secret.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serin_steps::fakes::FakeAws;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

/// What stands in a payload, a variable or a description and must not stand in a log. It cannot be the name of anything.
pub const SECRET: &str = "hunter2 {do not log}";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What comes of an invocation, and the lines that it logged at every level.
pub fn of<T>(invocation: impl FnOnce() -> T) -> (T, String) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(LevelFilter::TRACE)
        .with_writer(lines.clone())
        .finish();
    let outcome = tracing::subscriber::with_default(subscriber, invocation);
    let log = String::from_utf8_lossy(&lines.bytes()).into_owned();
    (outcome, log)
}

/// What no function may log: the values of the stages' variables, and what a test marked as a secret.
#[must_use]
pub fn secrets(aws: &FakeAws) -> BTreeSet<String> {
    let account = aws.account();
    let stages = account.apis.values().flat_map(|api| api.stages.values());
    let values = stages.flat_map(|stage| {
        let overrides = stage.canary.iter().flat_map(|canary| canary.overrides.values());
        stage.variables.values().chain(overrides).cloned()
    });
    // `on` and the like are words of every language.
    let values = values.filter(|value| value.len() >= 8);
    values.chain([SECRET.to_owned()]).collect()
}
