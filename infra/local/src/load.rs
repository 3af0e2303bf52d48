//! A bounded, steady load on a stage, counted by who answered and how.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, task::JoinHandle, time::MissedTickBehavior};

use crate::api::{Api, Response};

/// At most so many requests are under way at once; a stack that is slower than the load is not buried under it.
const AT_ONCE: usize = 8;

/// Requests at a steady rate until it is dropped.
#[derive(Debug)]
pub struct Load {
    counts: Arc<Mutex<Counts>>,
    started: Instant,
    task: JoinHandle<()>,
}

/// What came in so far.
#[derive(Debug, Default)]
struct Counts {
    /// By the second in which an answer came.
    slices: Vec<Slice>,
    /// When each answered request was sent, and who answered it.
    sent: Vec<(Instant, String, u16)>,
}

/// The answers of one second, by version.
type Slice = BTreeMap<String, Count>;

/// Answers of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub responses: u32,
    /// Those with a status from 500.
    pub errors: u32,
}

/// What was counted over some seconds, by version. Answers that name no version are under the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub BTreeMap<String, Count>);

impl Load {
    /// Starts sending `per_second` requests to the stage.
    #[must_use]
    pub fn start(api: &Api, per_second: u32) -> Self {
        let counts = Arc::new(Mutex::new(Counts::default()));
        let started = Instant::now();
        let task = tokio::spawn(send(api.clone(), per_second, started, Arc::clone(&counts)));
        Self { counts, started, task }
    }

    /// How long it has been going on.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What came in during the last `seconds`.
    #[must_use]
    pub fn last(&self, seconds: usize) -> Tally {
        let counts = lock(&self.counts);
        let start = counts.slices.len().saturating_sub(seconds);
        sum(counts.slices.iter().skip(start))
    }

    /// What came in from `since` (as of `elapsed`) on.
    #[must_use]
    pub fn since(&self, since: Duration) -> Tally {
        let second = usize::try_from(since.as_secs()).unwrap_or(usize::MAX);
        sum(lock(&self.counts).slices.iter().skip(second))
    }

    /// The answers so far to requests that were sent after `moment`, whenever they came in.
    #[must_use]
    pub fn sent_after(&self, moment: Instant) -> Tally {
        let mut tally = Tally::default();
        let counts = lock(&self.counts);
        for (_, version, status) in counts.sent.iter().filter(|(sent, ..)| *sent > moment) {
            add(&mut tally.0, version, *status);
        }
        tally
    }

    /// What came in between two moments (as of `elapsed`), to the second.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> Tally {
        let second = |at: Duration| usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
        let seconds = second(to).saturating_sub(second(from)).saturating_add(1);
        sum(lock(&self.counts).slices.iter().skip(second(from)).take(seconds))
    }

    /// What came in so far.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.since(Duration::ZERO)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tally {
    /// The answers of one version.
    #[must_use]
    pub fn of(&self, version: &str) -> Count {
        self.0.get(version).copied().unwrap_or_default()
    }

    /// All answers.
    #[must_use]
    pub fn all(&self) -> Count {
        self.0.values().fold(Count::default(), |all, count| Count {
            responses: all.responses.saturating_add(count.responses),
            errors: all.errors.saturating_add(count.errors),
        })
    }

    /// A version's share of the answers in percent; `None` if there are none.
    #[must_use]
    pub fn share(&self, version: &str) -> Option<f64> {
        percent(self.of(version).responses, self.all().responses)
    }
}

impl Count {
    /// The share of errors in percent; `None` if there are no answers.
    #[must_use]
    pub fn error_rate(self) -> Option<f64> {
        percent(self.errors, self.responses)
    }
}

fn percent(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| 100.0 * f64::from(part) / f64::from(whole))
}

fn sum<'a>(slices: impl Iterator<Item = &'a Slice>) -> Tally {
    let mut tally = Tally::default();
    for (version, count) in slices.flatten() {
        let sum = tally.0.entry(version.clone()).or_default();
        sum.responses = sum.responses.saturating_add(count.responses);
        sum.errors = sum.errors.saturating_add(count.errors);
    }
    tally
}

/// A panic elsewhere leaves counts that are still good.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(api: Api, per_second: u32, started: Instant, counts: Arc<Mutex<Counts>>) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let room = Arc::new(Semaphore::new(AT_ONCE));
    // Dropped with this task, and every request under way with it.
    let mut requests = tokio::task::JoinSet::new();
    loop {
        pace.tick().await;
        while requests.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let (api, counts) = (api.clone(), Arc::clone(&counts));
        requests.spawn(async move {
            let sent = Instant::now();
            if let Ok(response) = api.get().await {
                let second = usize::try_from(started.elapsed().as_secs()).unwrap_or(usize::MAX);
                record(&counts, second, sent, response);
            }
            drop(permit);
        });
    }
}

fn record(counts: &Mutex<Counts>, second: usize, sent: Instant, response: Response) {
    let mut counts = lock(counts);
    while counts.slices.len() <= second {
        counts.slices.push(Slice::new());
    }
    if let Some(slice) = counts.slices.get_mut(second) {
        add(slice, &response.version, response.status);
    }
    counts.sent.push((sent, response.version, response.status));
}

fn add(slice: &mut Slice, version: &str, status: u16) {
    let count = slice.entry(version.to_owned()).or_default();
    count.responses = count.responses.saturating_add(1);
    count.errors = count.errors.saturating_add(u32::from(status >= 500));
}
