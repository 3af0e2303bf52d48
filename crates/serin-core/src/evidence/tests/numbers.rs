//! Numbers that were worked out elsewhere, with fractions of whole numbers.

use super::*;
use crate::evidence::{health, odds};

/// To six decimals.
fn assert_told(got: f64, expected: f64, what: &str) {
    assert!((got - expected).abs() < 5.1e-7, "{what}: {got:.7}, expected {expected}");
}

/// Windows, and the cumulative `ln E` after each: bound, exact and with start-time mixing.
#[test]
fn three_published_examples() {
    let table: [([Row; 3], [[f64; 3]; 3]); 3] = [
        (
            [[60, 540, 1, 0], [60, 540, 2, 0], [60, 540, 1, 0]],
            [
                [1.396_495, 1.396_495, MIXED[0][0]],
                [5.155_773, 5.165_275, MIXED[0][1]],
                [7.225_641, 7.235_936, MIXED[0][2]],
            ],
        ),
        (
            [[300, 300, 1, 0], [300, 300, 2, 0], [300, 300, 1, 0]],
            [
                [0.448_889, 0.448_889, MIXED[1][0]],
                [1.457_508, 1.458_519, MIXED[1][1]],
                [2.006_830, 2.007_922, MIXED[1][2]],
            ],
        ),
        (
            [[60, 540, 30, 270], [60, 540, 31, 268], [60, 540, 0, 2]],
            [
                [-2.633_399, -1.996_517, MIXED[2][0]],
                [-3.222_793, -2.269_381, MIXED[2][1]],
                [-3.273_832, -2.329_095, MIXED[2][2]],
            ],
        ),
    ];
    for (windows, expected) in table {
        let mut harm = Harm::new();
        let mut decides = Harm::new();
        for (window, [bound, exact, mixed]) in windows.into_iter().zip(expected) {
            harm.push_all(&counts(window));
            decides.push(&counts(window));
            let what = format!("{windows:?}");
            assert_told(harm.ln_bound(), bound, &what);
            assert_told(harm.ln_exact(), exact, &what);
            assert_told(harm.ln_mixed(), mixed, &what);
            assert!(close(decides.ln_mixed(), harm.ln_mixed()), "{what}");
        }
    }
}

/// Worked out with fractions of whole numbers and `pi_1 = 3/4`, `pi_t = 1/(4 t (t-1))`.
const MIXED: [[f64; 3]; 3] = [
    [1.188_075, 4.901_269, 6.969_290],
    [0.354_121, 1.299_869, 1.836_083],
    [-1.044_534, -1.486_096, -1.606_317],
];

#[test]
fn the_first_example_rolls_back_and_the_same_errors_at_one_half_do_not() {
    let threshold = 1000_f64.ln();
    let canary = harm(&[[60, 540, 1, 0], [60, 540, 2, 0], [60, 540, 1, 0]]);
    assert!(canary.ln_mixed() >= threshold && canary.ln_exact() >= threshold);
    let half = harm(&[[300, 300, 1, 0], [300, 300, 2, 0], [300, 300, 1, 0]]);
    assert!(half.ln_mixed() < threshold && half.ln_exact() < threshold);
}

/// How many requests without an error show that a rate is tolerable, at beta = 0.05.
#[test]
fn requests_without_an_error_that_show_health() {
    for (tolerated, requests) in [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2_995)] {
        let enough = |requests| health::ln_absolute(requests, 0, tolerated, 0.0) >= 20_f64.ln();
        assert!(enough(requests) && !enough(requests - 1), "{tolerated}: {requests}");
        let needed = health::requests_needed(0, 0, tolerated, 20_f64.ln()).unwrap();
        let mixed = crate::evidence::real::ceil(needed);
        assert!(health::ln_below(mixed, 0, tolerated) >= 20_f64.ln());
        assert!(needed < 1.2 * crate::evidence::real::real(requests), "{needed}");
    }
}

/// The numbers of docs/request.md.
#[test]
fn requests_without_an_error_after_which_a_gate_goes_on() {
    for (tolerated, requests) in [(0.05, 67), (0.02, 169), (0.01, 339), (0.005, 679), (0.001, 3_398)] {
        let enough = |requests| {
            let rate = health::ln_below(requests, 0, tolerated);
            health::ln_either(rate, 0.0) >= -health::BETA.ln()
        };
        let first = (1_u64..10_000).find(|requests| enough(*requests)).unwrap();
        assert_eq!(first, requests, "{tolerated}");
    }
}

#[test]
fn an_interval_of_the_odds_ratio_holds_what_a_person_would_say() {
    let windows = [counts([600, 5_400, 30, 54]); 2];
    let odds = odds::interval(&windows, 0.001).unwrap();
    assert!((5.2..5.4).contains(&odds.ratio), "{odds:?}");
    assert!(
        (2.0..4.0).contains(&odds.low) && (7.0..14.0).contains(&odds.high),
        "{odds:?}"
    );
    let only_canary = odds::interval(&[counts([600, 5_400, 10, 0])], 0.001).unwrap();
    assert!(only_canary.ratio.is_infinite() && only_canary.high.is_infinite() && only_canary.low > 3.0);
    let only_baseline = odds::interval(&[counts([600, 600, 0, 20])], 0.001).unwrap();
    assert!(
        only_baseline.ratio < 1e-9 && only_baseline.low < 1e-9 && only_baseline.high < 0.7,
        "{only_baseline:?}"
    );
    assert_eq!(odds::interval(&[counts([600, 600, 0, 0])], 0.001), None);
}
