//! How long ten thousand windows take to judge: `cargo bench -p serin-core`. The target is 5 ms.

#![expect(missing_docs, reason = "criterion_group! makes an item without any")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serin_core::evidence::{Counts, harm::Harm, odds};

const WINDOWS: u64 = 10_000;

/// Windows of that size whose bad requests vary a little.
fn windows(canary: u64, baseline: u64, bad: u64) -> Vec<Counts> {
    let window = |index: u64| {
        let ours = (bad / 10 + index % 3).min(canary);
        Counts::new(canary, baseline, ours, bad + index % 5)
    };
    (0..WINDOWS).map(window).collect()
}

fn judge(windows: &[Counts]) -> f64 {
    let mut harm = Harm::new();
    let mut peak = 0.0_f64;
    for counts in windows {
        harm.push(counts);
        peak = peak.max(harm.ln_mixed());
    }
    peak
}

fn bench(criterion: &mut Criterion) {
    let settings = [
        ("600 a minute, few errors", windows(60, 540, 1)),
        ("6,000 a minute, 0.5 % errors", windows(600, 5_400, 25)),
        (
            "10^9 a minute, 0.1 % errors",
            windows(100_000_000, 900_000_000, 1_000_000),
        ),
        ("an outage, half of 600 a minute", windows(60, 540, 270)),
    ];
    for (name, windows) in &settings {
        criterion.bench_function(&format!("10,000 windows, {name}"), |bencher| {
            bencher.iter(|| judge(black_box(windows)));
        });
    }
    let day: Vec<_> = windows(60, 540, 2).into_iter().take(1_440).collect();
    criterion.bench_function("interval of 1,440 windows, 600 a minute", |bencher| {
        bencher.iter(|| odds::interval(black_box(&day), 0.001));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
