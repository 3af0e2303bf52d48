//! How much worse a canary is said to be, where that is not one number for all windows.

use jiff::Timestamp;

use super::*;
use crate::{
    analysis::{Analysis, Bad, Metric, MetricKind, Mode, Window},
    decimal::Decimal,
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
fn a_canary_that_is_worse_on_a_busy_stage_is_noticed_however_busy() {
    for (window, within) in [
        ([50_000, 50_000, 50_000, 45_000], 1),
        ([50_000, 50_000, 47_500, 45_000], 1),
        ([50_000, 50_000, 27_600, 25_000], 1),
        ([4_500, 4_500, 2_400, 2_250], 5),
        ([500_000_000, 500_000_000, 280_000_000, 250_000_000], 1),
    ] {
        assert!(judged(&[(within, window)]).harmful, "{window:?}");
    }
    let healthy = [50_000, 450_000, 25_000, 225_000];
    assert!(!judged(&[(30, healthy)]).harmful);
}

#[test]
fn windows_that_are_too_busy_to_be_summed_up_have_an_interval_all_the_same() {
    for (times, window, text) in [
        (10, [100_000, 900_000, 6_000, 45_000], "1.2x [1.2, 1.3]"),
        (60, [6_000, 54_000, 600, 2_700], "2.1x [1.9, 2.3]"),
        (3, [1_000_000, 9_000_000, 3_000, 18_000], "1.5x [1.4, 1.6]"),
    ] {
        let evidence = judged(&[(times, window)]);
        let ratio = evidence.metrics[0].odds_ratio.unwrap();
        let [estimate, low, high] = [ratio.estimate.unwrap(), ratio.low, ratio.high.unwrap()].map(Decimal::get);
        assert!(low < estimate && estimate < high, "{ratio:?}");
        assert!(words::harm(&evidence).contains(text), "{}", words::harm(&evidence));
    }
}

#[test]
fn only_a_baseline_without_a_bad_request_leaves_them_to_the_canary_alone() {
    for (window, text) in [
        ([60, 540, 4, 0], "(0 %), only the canary ["),
        ([60, 540, 60, 100], "(19 %), unlimited ["),
    ] {
        let told = words::harm(&judged(&[(1, window)]));
        assert!(told.contains(text), "{told}");
    }
}
