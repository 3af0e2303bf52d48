//! How much worse a canary is said to be, where that is not one number for all windows.

use jiff::Timestamp;

use super::*;
use crate::{
    analysis::{Analysis, Bad, Metric, MetricKind, Mode, Window},
    evidence::{
        judge::{Evidence, Judge},
        words,
    },
};

/// What a guard knows after so many windows of each kind.
fn judged(kinds: &[(usize, Row)]) -> Evidence {
    let analysis = Analysis {
        mode: Mode::Guard,
        metrics: vec![Metric::new(MetricKind::ServerErrors)],
        ..Analysis::default()
    };
    let mut judge = Judge::new(&analysis);
    for (times, [canary, baseline, canary_bad, baseline_bad]) in kinds {
        let window = Window {
            start: Timestamp::UNIX_EPOCH,
            canary_requests: *canary,
            baseline_requests: *baseline,
            bad: vec![Bad {
                canary: *canary_bad,
                baseline: *baseline_bad,
            }],
        };
        (0..*times).for_each(|_| judge.push(&window));
    }
    judge.evidence(0)
}

#[test]
fn a_regression_that_begins_late_is_told_with_the_ratio_since_then() {
    let evidence = judged(&[(240, [600, 5_400, 3, 27]), (4, [600, 5_400, 12, 27])]);
    assert!(evidence.harmful);
    let ratio = evidence.metrics[0].odds_ratio.unwrap();
    assert!(
        ratio.low.get() < 1.0,
        "one ratio for all windows need not leave 1 behind: {ratio:?}"
    );
    let since = evidence.metrics[0].since.unwrap();
    assert_eq!(since.windows, 4);
    assert!((since.estimate.unwrap().get() - 4.0).abs() < 0.1, "{since:?}");
    let text = words::harm(&evidence);
    assert!(
        text.contains("1.0x [0.9, 1.3] (4.1x in the last 4) in 244 windows"),
        "{text}"
    );
}

#[test]
fn a_regression_from_the_first_window_on_has_one_ratio() {
    let evidence = judged(&[(1, [600, 5_400, 0, 0]), (10, [600, 5_400, 12, 27])]);
    assert!(evidence.harmful && evidence.metrics[0].since.is_none());
    assert!(evidence.metrics[0].odds_ratio.unwrap().low.get() > 1.0);
    let harmless = judged(&[(240, [600, 5_400, 3, 27]), (1, [600, 5_400, 12, 27])]);
    assert!(!harmless.harmful && harmless.metrics[0].since.is_none());
}

#[test]
fn an_interval_that_does_not_run_over_all_windows_says_so() {
    let evidence = judged(&[(70, [6_000, 54_000, 300, 2_700]), (5, [6_000, 54_000, 1_200, 2_700])]);
    assert!(evidence.harmful);
    let ratio = evidence.metrics[0].odds_ratio.unwrap();
    let over = ratio.interval_windows.unwrap();
    assert!((10..75).contains(&over), "{ratio:?}");
    let text = words::harm(&evidence);
    let told = format!("1.2x [1.0, 1.1 by {over} windows] (4.8x in the last 5) in 75 windows");
    assert!(text.contains(&told), "{text}");
}

#[test]
fn windows_too_busy_for_an_interval_have_an_estimate() {
    let evidence = judged(&[(10, [100_000, 900_000, 6_000, 45_000])]);
    let ratio = evidence.metrics[0].odds_ratio.unwrap();
    assert!((ratio.estimate.unwrap().get() - 1.21).abs() < 0.01, "{ratio:?}");
    assert_eq!(
        (ratio.interval_windows, ratio.high, ratio.low.get()),
        (Some(0), None, 0.0)
    );
    let text = words::harm(&evidence);
    assert!(
        text.contains("baseline 450,000 of 9,000,000 (5 %), 1.2x in 10 windows"),
        "{text}"
    );
}
