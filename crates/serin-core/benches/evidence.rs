//! How long a look's windows take to judge, and to be told with the odds ratio and its interval: `make bench-evidence`. It is
//! the processor's time that is measured, so that what else the machine does is no matter.

#![expect(missing_docs, reason = "criterion_group! makes an item without any")]

use std::{hint::black_box, time::Duration};

use criterion::{
    Criterion, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serin_core::{
    analysis::{Analysis, Bad, Metric, MetricKind, Mode, Window},
    evidence::judge::{Evidence, Judge},
};

/// The time that this process has had of a processor.
struct ProcessorTime;

fn now() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanos)
}

static WALL_TIME: WallTime = WallTime;

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        now()
    }

    fn end(&self, start: Duration) -> Duration {
        now().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_secs_f64() * 1e9
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WALL_TIME.formatter()
    }
}

/// More than a rollout can have.
const MANY: usize = 10_000;

/// What a rollout has at most.
const MOST: usize = 2_880;

/// Windows of that size whose bad requests vary a little, by each of two metrics.
fn windows(canary: u64, baseline: u64, bad: u64) -> Vec<Window> {
    let window = |index: u64| {
        let ours = (bad / 10 + index % 3).min(canary);
        let bad = Bad {
            canary: ours,
            baseline: bad + index % 5 - ours.min(bad),
        };
        Window {
            start: Timestamp::UNIX_EPOCH,
            canary_requests: canary,
            baseline_requests: baseline,
            bad: vec![bad; 2],
        }
    };
    (0..).take(MANY).map(window).collect()
}

fn analysis(mode: Mode, kinds: &[MetricKind]) -> Analysis {
    Analysis {
        mode,
        metrics: kinds.iter().copied().map(Metric::new).collect(),
        ..Analysis::default()
    }
}

fn judge<'a>(analysis: &'a Analysis, windows: &[Window]) -> Judge<'a> {
    let mut judge = Judge::new(analysis);
    for window in windows {
        judge.push(window);
    }
    judge
}

/// What decides.
fn judged(analysis: &Analysis, windows: &[Window]) -> bool {
    judge(analysis, windows).is_harmful()
}

/// What `evaluate` does with the windows of a look.
fn told(analysis: &Analysis, windows: &[Window]) -> Evidence {
    judge(analysis, windows).evidence(windows.len())
}

fn bench(criterion: &mut Criterion<ProcessorTime>) {
    let guard = analysis(Mode::Guard, &[MetricKind::ServerErrors]);
    let gate = analysis(Mode::Gate, &[MetricKind::ServerErrors]);
    let both = analysis(Mode::Guard, &[MetricKind::ServerErrors, MetricKind::ClientErrors]);
    let few = windows(60, 540, 1);
    let settings = [
        ("600 a minute, few errors", &guard, few.clone()),
        ("600 a minute, few errors, gate", &gate, few.clone()),
        ("600 a minute, few errors, two metrics", &both, few),
        ("6,000 a minute, 0.5 % errors", &guard, windows(600, 5_400, 25)),
        (
            "10^9 a minute, 0.1 % errors",
            &guard,
            windows(100_000_000, 900_000_000, 1_000_000),
        ),
        ("600 a minute, an outage of half of them", &guard, windows(60, 540, 270)),
    ];
    // The report of `make bench-evidence` knows these groups.
    let mut group = criterion.benchmark_group("judged");
    for (name, analysis, windows) in &settings {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| judged(black_box(analysis), black_box(windows)));
        });
    }
    group.finish();
    for (group, most) in [("told", MOST), ("told-many", MANY)] {
        let mut group = criterion.benchmark_group(group);
        for (name, analysis, windows) in &settings {
            let windows: Vec<_> = windows.iter().take(most).cloned().collect();
            group.bench_function(*name, |bencher| {
                bencher.iter(|| told(black_box(analysis), black_box(&windows)));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
