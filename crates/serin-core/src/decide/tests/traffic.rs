//! A canary that no request reaches: a fault where requests were due, unknown where they were not, and never health.

use super::{
    evidence::{finding, judged, seen, window},
    *,
};
use crate::analysis::OnInconclusive;

/// Minutes of so many baseline requests and no canary request, from the first clean one on.
fn silent(baseline: u64, minutes: i64) -> Vec<Window> {
    let minutes = 2..2 + minutes;
    minutes.map(|minute| window(minute, [0, baseline, 0, 0])).collect()
}

/// A look when the last of the windows has just settled.
fn settled(document: &Document, windows: Vec<Window>) -> Look {
    let last = windows.last().unwrap().start.duration_since(at(0)).as_secs();
    seen(document, last + 180, windows)
}

#[test]
fn a_quiet_stage_whose_canary_was_never_called_is_held_as_neither_a_fault_nor_health() {
    for mode in [Mode::Guard, Mode::Gate] {
        let mut document = judged(mode, vec![step(5, 600, false)]);
        document.analysis.on_inconclusive = OnInconclusive::Advance;
        document.analysis.max_hold_seconds = 0;
        let decided = decide(document.clone(), &settled(&document, silent(1, 7)));
        assert_eq!(decided.decision, Decision::Hold, "{:?}", decided.findings);
        let traffic = finding(&decided, "traffic");
        assert_eq!(traffic.verdict, Verdict::Inconclusive);
        assert_eq!(
            traffic.text,
            "held: no canary request yet: of 7 requests 0.4 were due to it, so none is chance in 70 % of such cases; read: \
             AWS/ApiGateway Count with ApiName=recommendations, Stage=prod/Canary"
        );
        assert!(
            decided
                .findings
                .iter()
                .all(|finding| finding.verdict != Verdict::Harmful)
        );
    }
}

#[test]
fn a_quiet_stage_goes_on_once_its_canary_was_called_in_this_step_or_an_earlier_one() {
    let mut document = judged(Mode::Guard, vec![step(5, 600, false), step(10, 600, false)]);
    let mut windows = silent(1, 7);
    windows[2].canary_requests = 1;
    let decided = decide(document.clone(), &settled(&document, windows.clone()));
    assert_eq!(decided.decision, Decision::Advance, "{:?}", decided.findings);

    document = decided;
    document.progress.since = at(600);
    document.progress.percent = document.step().unwrap().percent;
    windows.extend((12..20).map(|minute| window(minute, [0, 1, 0, 0])));
    let decided = decide(document.clone(), &settled(&document, windows));
    assert_eq!(decided.decision, Decision::Promote, "{:?}", decided.findings);
}

#[test]
fn a_canary_that_stays_unseen_goes_back_while_there_is_time_for_the_rest_of_the_plan() {
    let mut document = judged(Mode::Guard, vec![step(5, 600, false), step(10, 900, false)]);
    document.deadline = at(600 + 900 + 600 + 1_200);
    let windows = silent(1, 40);
    let held = decide(document.clone(), &seen(&document, 1_799, windows.clone()));
    assert_eq!(held.decision, Decision::Hold);
    let decided = decide(document.clone(), &seen(&document, 1_800, windows));
    assert_eq!(decided.decision, Decision::RollBack);
    let reason = decided.reason.unwrap();
    assert_eq!(reason.kind, ReasonKind::Evidence);
    assert!(
        reason.text.starts_with("no canary request yet: of 26 requests"),
        "{}",
        reason.text
    );
    assert!(
        reason
            .text
            .ends_with("Stage=prod/Canary; the rest of the plan leaves no time to wait for one"),
        "{}",
        reason.text
    );
}

/// Half of the requests: fourteen in a row are the baseline's in one case of sixteen thousand, and twenty in one of a million.
#[test]
fn how_many_requests_tell_depends_on_the_chance_that_all_were_the_baseline_s() {
    let document = judged(Mode::Guard, vec![step(50, 600, false)]);
    let decided = |windows: Vec<Window>| decide(document.clone(), &settled(&document, windows)).decision;
    assert_eq!(decided(silent(1, 14)), Decision::Hold, "a chance of 1 in 16,384");
    assert_eq!(decided(silent(1, 15)), Decision::RollBack, "a chance of 1 in 32,768");

    // A silence that begins later has more of them before it, in which it might have begun.
    let later = |silent_windows: i64| {
        let loud = (2..12).map(|minute| window(minute, [1, 1, 0, 0]));
        let quiet = (12..12 + silent_windows).map(|minute| window(minute, [0, 1, 0, 0]));
        loud.chain(quiet).collect::<Vec<_>>()
    };
    assert_eq!(
        decided(later(20)),
        Decision::Promote,
        "a chance of 1 in 1,048,576, at 132 places"
    );
    assert_eq!(decided(later(21)), Decision::RollBack, "a chance of 1 in 2,097,152");
}

#[test]
fn windows_without_any_request_do_not_interrupt_a_silence() {
    let document = judged(Mode::Guard, vec![step(50, 600, false)]);
    let windows: Vec<_> = (2..34)
        .map(|minute| window(minute, [0, u64::from(minute % 2 == 0), 0, 0]))
        .collect();
    let decided = decide(document.clone(), &settled(&document, windows));
    assert_eq!(decided.decision, Decision::RollBack, "{:?}", decided.findings);
    let traffic = finding(&decided, "traffic");
    assert!(
        traffic.text.starts_with(
            "no canary request in the last 16 windows, where its share of the traffic would have been 8.0"
        ),
        "{}",
        traffic.text
    );
}

#[test]
fn a_stage_that_nobody_calls_is_judged_by_alarms_alone() {
    let document = judged(Mode::Guard, vec![step(5, 600, false)]);
    let decided = decide(document.clone(), &settled(&document, silent(0, 20)));
    assert_eq!(decided.decision, Decision::Promote);
}

#[test]
fn a_person_may_send_on_a_canary_that_was_never_called_and_is_told_so() {
    let document = judged(Mode::Guard, vec![step(5, 600, true)]);
    let mut look = settled(&document, silent(1, 10));
    let asked = decide(document.clone(), &look);
    assert_eq!(asked.decision, Decision::AwaitApproval);
    assert!(finding(&asked, "traffic").text.starts_with("no canary request yet"));
    look.instruction = Some(said(InstructionKind::Approve, 0));
    assert_eq!(decide(document, &look).decision, Decision::Promote);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn time_alone_never_moves_on_a_canary_that_got_none_of_the_requests_of_its_step((mut document, mut look) in any_case()) {
        document.analysis.mode = Mode::Guard;
        document.progress.past.clear();
        for window in &mut look.windows {
            window.canary_requests = 0;
        }
        let clean = super::super::evidence::present(&document, &look);
        let called = clean.iter().any(|window| window.baseline_requests > 0);
        let judged = document.step().filter(|step| document.analysis.can_judge(step.bake_seconds) && !step.approval);
        let decided = decide(document.clone(), &look);
        let moves_on = decided.progress.step > document.progress.step || decided.decision == Decision::Promote;
        prop_assert!(!(called && judged.is_some() && moves_on), "{:?}", decided.findings);
    }
}
