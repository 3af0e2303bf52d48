//! What makes the evidence valid, by enumeration and on anything at all.

use proptest::prelude::*;

use super::*;
use crate::{
    analysis::{Analysis, Bad, Metric, MetricKind, Mode, Window},
    evidence::{
        fisher,
        harm::testing::factors,
        health,
        judge::Judge,
        moments,
        real::{exp, real},
    },
};

/// The hypergeometric mass of every `e_c` of windows with these totals, with the counts.
fn every_outcome(canary: u64, baseline: u64, bad: u64) -> Vec<(f64, Counts)> {
    let choose = |n: u64, k: u64| -> f64 { (0..k).map(|i| real(n - i) / real(i + 1)).product() };
    let (first, last) = (bad.saturating_sub(baseline), bad.min(canary));
    let all = choose(canary + baseline, bad);
    (first..=last)
        .map(|ours| {
            let mass = choose(canary, ours) * choose(baseline, bad - ours) / all;
            (mass, counts([canary, baseline, ours, bad - ours]))
        })
        .collect()
}

/// All totals of up to so many requests a side.
fn all_totals(most: u64) -> impl Iterator<Item = (u64, u64, u64)> {
    let sides = (1..=most).flat_map(move |canary| (1..=most).map(move |baseline| (canary, baseline)));
    sides.flat_map(|(canary, baseline)| (1..=canary + baseline).map(move |bad| (canary, baseline, bad)))
}

#[test]
fn no_window_is_expected_to_raise_the_evidence_of_a_healthy_canary() {
    for (canary, baseline, bad) in all_totals(9) {
        let [mut exact, mut moments, mut bound] = [[0.0; 8]; 3];
        for (mass, counts) in every_outcome(canary, baseline, bad) {
            let [exacts, by_moments, bounds] = factors(&counts);
            for index in 0..8 {
                exact[index] += mass * exp(exacts[index]);
                moments[index] += mass * exp(by_moments[index]);
                bound[index] += mass * exp(bounds[index]);
            }
        }
        // Where nothing was good, there is nothing to bound: the sum has one term.
        let has_moments = bad < canary + baseline;
        for index in 0..8 {
            let what = format!(
                "{canary} {baseline} {bad}, odds ratio {}",
                crate::evidence::harm::GRID[index]
            );
            assert!((exact[index] - 1.0).abs() < 1e-9, "{what}: {}", exact[index]);
            assert!(bound[index] <= 1.0 + 1e-9, "{what}: {}", bound[index]);
            let between = bound[index] - 1e-9 <= moments[index] && moments[index] <= 1.0 + 1e-9;
            assert!(between || !has_moments, "{what}: {}", moments[index]);
        }
    }
}

#[test]
fn the_mixture_is_expected_to_stay_at_one_over_every_pair_of_windows() {
    for (canary, baseline, bad) in all_totals(4) {
        let mut expected = 0.0;
        for (first, one) in every_outcome(canary, baseline, bad) {
            for (second, other) in every_outcome(3, 5, 2) {
                let mut harm = Harm::new();
                harm.push(&one);
                harm.push(&other);
                expected += first * second * exp(harm.ln_mixed());
            }
        }
        assert!((expected - 1.0).abs() < 1e-9, "{canary} {baseline} {bad}: {expected}");
    }
}

#[test]
fn evidence_of_health_is_not_expected_to_grow_where_the_canary_is_too_bad() {
    for requests in 1..=30_u64 {
        for (tolerated, true_rate) in [(0.05, 0.05), (0.05, 0.1), (0.2, 0.2), (0.2, 0.9)] {
            let mut mass = (1.0_f64 - true_rate).powf(real(requests));
            let mut expected = 0.0;
            for bad in 0..=requests {
                expected += mass * exp(health::ln_below(requests, bad, tolerated));
                mass *= true_rate / (1.0 - true_rate) * real(requests - bad) / real(bad + 1);
            }
            assert!(expected <= 1.0 + 1e-9, "{requests} at {true_rate}: {expected}");
        }
    }
}

/// At the odds ratio that is tolerated the mass is `h(k) psi^k`, and so is that of any larger one in favour of the canary's.
#[test]
fn evidence_of_a_small_odds_ratio_is_not_expected_to_grow_where_it_is_large() {
    for (canary, baseline, bad) in all_totals(7) {
        for (tolerated, truth) in [(2.0_f64, 2.0_f64), (2.0, 3.0), (1.5, 40.0)] {
            let outcomes = every_outcome(canary, baseline, bad);
            let tilted = |mass: f64, counts: &Counts| mass * truth.powf(real(counts.canary_bad()));
            let all: f64 = outcomes.iter().map(|(mass, counts)| tilted(*mass, counts)).sum();
            let expected: f64 = outcomes
                .iter()
                .map(|(mass, counts)| tilted(*mass, counts) / all * exp(health::ln_odds_below([counts], tolerated)))
                .sum();
            assert!(
                expected <= 1.0 + 1e-9,
                "{canary} {baseline} {bad} at {truth}: {expected}"
            );
        }
    }
}

/// A canary that is just too bad by its rate and by its odds ratio: every outcome of a window on both sides.
#[test]
fn one_of_two_goals_is_not_reached_more_often_because_there_are_two() {
    let (tolerated, ratio) = (0.2, 2.0);
    let baseline_rate = tolerated / (tolerated + ratio * (1.0 - tolerated));
    let masses = |requests: u64, rate: f64| -> Vec<f64> {
        let first = (1.0 - rate).powf(real(requests));
        let next = move |mass: &f64, bad: u64| Some(mass * rate / (1.0 - rate) * real(requests - bad) / real(bad + 1));
        (0..requests).fold(vec![first], |mut all, bad| {
            let mass = all.last().and_then(|mass| next(mass, bad));
            all.extend(mass);
            all
        })
    };
    let (mut expected, mut of_the_larger) = (0.0, 0.0);
    for (ours, mass) in (0..).zip(masses(40, tolerated)) {
        for (theirs, other) in (0..).zip(masses(60, baseline_rate)) {
            let rate = health::ln_below(40, ours, tolerated);
            let odds = health::ln_odds_below(&[counts([40, 60, ours, theirs])], ratio);
            expected += mass * other * exp(health::ln_either(rate, odds));
            of_the_larger += mass * other * exp(rate.max(odds));
        }
    }
    assert!((expected - 1.0).abs() < 1e-9, "{expected}");
    assert!(
        of_the_larger > 1.2,
        "{of_the_larger}: the larger of the two is no evidence"
    );
}

fn any_window() -> impl Strategy<Value = Row> {
    let most = prop_oneof![Just(50_u64), Just(2_000), Just(1_000_000_000)];
    most.prop_flat_map(|most| (0..=most, 0..=most))
        .prop_flat_map(|(canary, baseline)| {
            let bad = prop_oneof![Just(10_u64), Just(5_000), Just(u64::MAX)];
            bad.prop_flat_map(move |bad| (0..=bad.min(canary), 0..=bad.min(baseline)))
                .prop_map(move |(ours, theirs)| [canary, baseline, ours, theirs])
        })
}

/// A window of one metric's counts, and of another's for the same requests.
fn two_metrics([canary, baseline, ours, theirs]: Row, other: [u64; 2]) -> Window {
    Window {
        start: jiff::Timestamp::UNIX_EPOCH,
        canary_requests: canary,
        baseline_requests: baseline,
        bad: vec![
            Bad {
                canary: ours,
                baseline: theirs,
            },
            Bad {
                canary: other[0].min(canary),
                baseline: other[1].min(baseline),
            },
        ],
    }
}

proptest! {
    /// Not so of the form that decides, which looks for a beginning: there the same errors weigh more if they come together.
    #[test]
    fn the_order_of_windows_is_nothing_to_the_evidence_of_the_whole(
        (windows, shuffled) in prop::collection::vec(any_window(), 0..8)
            .prop_flat_map(|windows| (Just(windows.clone()), Just(windows).prop_shuffle())),
    ) {
        let (before, after) = (harm(&windows), harm(&shuffled));
        prop_assert!(close(before.ln_exact(), after.ln_exact()));
        prop_assert!(close(before.ln_bound(), after.ln_bound()));
        let all = |rows: &[Row]| rows.iter().map(|row| counts(*row)).collect::<Vec<_>>();
        let [before, after] = [&windows, &shuffled].map(|rows| health::ln_odds_below(&all(rows), 2.0));
        prop_assert!(close(before, after));
    }

    /// A window's requests are only counted, so their order cannot matter. That of the metrics must not, either.
    #[test]
    fn the_order_of_metrics_is_nothing_to_a_decision(
        rows in prop::collection::vec((any_window(), 0_u64..50, 0_u64..50), 1..12),
    ) {
        let kinds = [MetricKind::ServerErrors, MetricKind::ClientErrors];
        let judged = |swapped: bool| {
            let mut metrics = kinds.map(Metric::new).to_vec();
            let mut windows: Vec<_> = rows.iter().map(|(row, ours, theirs)| two_metrics(*row, [*ours, *theirs])).collect();
            if swapped {
                metrics.reverse();
                for window in &mut windows { window.bad.reverse(); }
            }
            let analysis = Analysis { mode: Mode::Gate, metrics, ..Analysis::default() };
            let mut judge = Judge::new(&analysis);
            for window in &windows { judge.push(window); }
            let mut evidence = judge.evidence(windows.len());
            evidence.metrics.sort_by(|one, other| one.metric.cmp(&other.metric));
            (judge.ln_e().to_bits(), judge.peak().to_bits(), evidence)
        };
        prop_assert_eq!(judged(false), judged(true));
    }

    #[test]
    fn one_more_of_the_same_errors_on_the_canary_is_more_evidence([canary, baseline, ours, theirs] in any_window()) {
        prop_assume!(ours < canary && theirs > 0);
        let less = harm(&[[canary, baseline, ours, theirs]]);
        let more = harm(&[[canary, baseline, ours + 1, theirs - 1]]);
        prop_assert!(more.ln_exact() >= less.ln_exact());
        prop_assert!(more.ln_bound() >= less.ln_bound());
        prop_assert!(more.ln_mixed() >= less.ln_mixed());
    }

    #[test]
    fn the_bound_is_never_above_the_exact_form(windows in prop::collection::vec(any_window(), 0..6)) {
        let harm = harm(&windows);
        let slack = 1e-9 * harm.ln_exact().abs().max(1.0);
        prop_assert!(harm.ln_bound() <= harm.ln_exact() + slack, "{} {}", harm.ln_bound(), harm.ln_exact());
    }

    #[test]
    fn the_moments_hold_the_sum_between_them(
        [canary, baseline, ours, theirs] in any_window(), ln_psi in -5.0_f64..5.0,
    ) {
        let counts = counts([canary, baseline, ours, theirs]);
        prop_assume!(counts.tells() && counts.bad() < counts.requests() && fisher::terms(&counts) <= 10_000);
        let [sum] = fisher::ln_normalisers(&counts, &[exp(ln_psi)], 10_000).unwrap();
        let (least, most) = (moments::least(&counts, ln_psi), moments::most(&counts, ln_psi));
        let slack = 1e-8 + 1e-14 * real(counts.requests()) * ln_psi.abs();
        prop_assert!(least <= sum + slack && sum <= most + slack, "{least} {sum} {most}");
    }

    #[test]
    fn merging_windows_of_one_share_leaves_the_bound(
        size in 1_u64..100_000, share in 1_u64..10, split in 1_u64..9, ours in 0_u64..50, theirs in 0_u64..50,
    ) {
        let window = |times: u64, ours: u64, theirs: u64| [size * share * times, size * 10 * times, ours, theirs];
        let whole = window(10, ours, theirs);
        prop_assume!(ours <= whole[0] && theirs <= whole[1]);
        let first = (ours * split / 10, theirs * split / 10);
        let parts = [window(split, first.0, first.1), window(10 - split, ours - first.0, theirs - first.1)];
        prop_assume!(parts.iter().all(|part| part[2] <= part[0] && part[3] <= part[1]));
        prop_assert!(close(harm(&[whole]).ln_bound(), harm(&parts).ln_bound()));
    }

    #[test]
    fn nothing_overflows(windows in prop::collection::vec(any_window(), 0..40)) {
        let harm = harm(&windows);
        for number in [harm.ln_exact(), harm.ln_bound(), harm.ln_mixed()] {
            prop_assert!(number.is_finite(), "{number}");
        }
        let all: Vec<_> = windows.iter().map(|window| counts(*window)).collect();
        prop_assert!(health::ln_odds_below(&all, 2.0).is_finite());
        if let Some(odds) = crate::evidence::odds::interval(&all, 0.001) {
            prop_assert!(odds.low >= 0.0 && odds.low <= odds.high && !odds.ratio.is_nan(), "{odds:?}");
        }
    }
}

proptest! {
    #[test]
    fn an_interval_is_the_same_to_the_bit_however_often_one_looks(
        windows in prop::collection::vec(any_window(), 1..12), looks in 0_u16..4_096,
    ) {
        let all: Vec<_> = windows.iter().map(|window| counts(*window)).collect();
        let mut looked = crate::evidence::odds::Likelihoods::new();
        for end in (1..all.len()).filter(|end| looks >> end & 1 == 1) {
            looked.interval(&all[..end], 0.001);
        }
        let once = crate::evidence::odds::interval(&all, 0.001);
        let bits = |odds: Option<crate::evidence::odds::Odds>| {
            odds.map(|odds| [odds.ratio, odds.low, odds.high].map(f64::to_bits))
        };
        prop_assert_eq!(bits(looked.interval(&all, 0.001)), bits(once));
    }
}

#[test]
fn a_billion_requests_a_window_are_judged() {
    let billion = 1_000_000_000;
    let windows = vec![[billion, billion, billion, 0]; 300];
    let harm = harm(&windows);
    assert!(harm.ln_bound() > 1e9 && harm.ln_bound().is_finite() && harm.ln_mixed() > 300.0 * 299.0);
    let windows = vec![[billion, 9 * billion, 10_000, 90_000]; 300];
    let shared = self::harm(&windows);
    assert!(shared.ln_mixed().is_finite() && shared.ln_mixed() < 0.0);
    let windows = vec![[billion, 9 * billion, 0, 3]; 10_000];
    assert!(self::harm(&windows).ln_mixed() < 0.0);
}
