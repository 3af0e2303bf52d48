//! Whatever a look shows, there is a decision; harm always goes back, and nothing moves on before its time.

mod evidence;
mod traffic;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::analysis::Mode;
use crate::{
    analysis::{Analysis, Source},
    document::{Hooks, Progress, VERSION},
    ids::{AlarmArn, StageId},
    plan::{Plan, Step},
    stage::{Baseline, CanaryTarget, CanaryView, Variables},
};

const ALARMS: [&str; 3] = ["canary-5xx", "stage-5xx", "checkout"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_334_000 + second).unwrap()
}

fn target() -> CanaryTarget {
    CanaryTarget {
        deployment_id: "DA".into(),
        stage_variable_overrides: Variables::from([("alias".to_owned(), "v2".to_owned())]),
        use_stage_cache: false,
    }
}

/// A rollout whose present step, the first of `steps`, began to bake at second 0.
fn document(steps: Vec<Step>) -> Document {
    let stage = StageId {
        rest_api_id: "a1b2c3".to_owned(),
        stage_name: "prod".to_owned(),
    };
    let arn = |name: &str| AlarmArn(format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{name}"));
    let planned = |name: &&str| serde_json::from_value(json!({ "arn": arn(name) })).unwrap();
    Document {
        version: VERSION,
        rollout_id: "r1".into(),
        execution_arn: "arn:aws:states:eu-central-1:111122223333:execution:serin:r1".into(),
        stage,
        api_name: "recommendations".to_owned(),
        began_at: at(-60),
        deadline: at(100_000),
        baseline: Baseline {
            deployment_id: "D0".into(),
            variables: [("alias".to_owned(), None)].into(),
        },
        canary: target(),
        progress: Progress {
            step: 0,
            percent: steps.first().map_or(Percent::ZERO, |step| step.percent),
            since: at(0),
            past: Vec::new(),
            promoted: false,
            awaiting_since: None,
            restarts: 0,
            ticks: 0,
            ignored_alarms: Vec::new(),
        },
        plan: Plan {
            steps,
            final_bake_seconds: 600,
            tick_seconds: 60,
            approval_timeout_seconds: 3_600,
            hold: crate::plan::Hold::default(),
        },
        alarms: ALARMS.iter().map(planned).collect(),
        analysis: Analysis {
            mode: Mode::Guard,
            source: Source::StageMetrics {
                canary_stage: "prod/Canary".to_owned(),
                stage_includes_canary: true,
            },
            ..Analysis::default()
        },
        hooks: Hooks::default(),
        decision: Decision::Bake,
        wait_seconds: 60,
        findings: Vec::new(),
        reason: None,
        result: None,
    }
}

fn step(percent: u16, bake_seconds: u32, approval: bool) -> Step {
    Step {
        percent: Percent::from_hundredths(percent * 100).unwrap(),
        bake_seconds,
        approval,
    }
}

fn stage(percent: Percent) -> StageView {
    StageView {
        deployment_id: "D0".into(),
        variables: Variables::new(),
        canary: Some(CanaryView {
            deployment_id: "DA".into(),
            percent,
            overrides: target().stage_variable_overrides,
            use_stage_cache: false,
        }),
    }
}

fn promoted_stage() -> StageView {
    StageView {
        deployment_id: "DA".into(),
        variables: target().stage_variable_overrides,
        canary: None,
    }
}

fn readings(states: &[AlarmState]) -> Vec<AlarmReading> {
    let reading = |(name, state): (&&str, &AlarmState)| AlarmReading {
        name: (*name).to_owned(),
        state: *state,
        reason: "because".to_owned(),
    };
    ALARMS.iter().zip(states).map(reading).collect()
}

fn look(second: i64, percent: Percent) -> Look {
    Look {
        now: at(second),
        stage: stage(percent),
        alarms: readings(&[AlarmState::Ok; 3]),
        windows: Vec::new(),
        instruction: None,
    }
}

fn said(kind: InstructionKind, step: usize) -> Instruction {
    Instruction {
        kind,
        step,
        by: "ada".to_owned(),
        reason: "looks good".to_owned(),
        at: at(0),
    }
}

#[test]
fn a_bake_takes_its_time_to_the_second() {
    let document = document(vec![step(5, 600, false), step(25, 600, false)]);
    let percent = document.progress.percent;
    assert_eq!(decide(document.clone(), &look(599, percent)).decision, Decision::Bake);
    let next = decide(document, &look(600, percent));
    assert_eq!((next.decision, next.progress.step), (Decision::Advance, 1));
}

#[test]
fn a_changed_percentage_is_put_back_three_times_and_then_the_rollout_goes_back() {
    let mut document = document(vec![step(5, 600, false), step(25, 600, false)]);
    let changed = look(60, Percent::ALL);
    for restarts in 1..=MAX_RESTARTS {
        document = decide(document, &changed);
        assert_eq!((document.decision, document.progress.step), (Decision::Advance, 0));
        assert_eq!(document.progress.restarts, restarts);
    }
    let document = decide(document, &changed);
    assert_eq!(document.decision, Decision::RollBack);
    assert!(document.reason.unwrap().text.contains("keeps being changed"));
}

#[test]
fn a_canary_that_hurts_is_not_given_its_share_again() {
    let document = document(vec![step(5, 600, false)]);
    let mut look = look(60, Percent::ALL);
    look.alarms = readings(&[AlarmState::Ok, AlarmState::Alarm, AlarmState::Ok]);
    let decided = decide(document.clone(), &look);
    assert_eq!(decided.decision, Decision::RollBack);
    assert_eq!(decided.reason.unwrap().text, "alarm stage-5xx is in ALARM: because");
    look.alarms = readings(&[AlarmState::Ok; 3]);
    look.instruction = Some(said(InstructionKind::Reject, 0));
    assert_eq!(decide(document, &look).decision, Decision::RollBack);
}

#[test]
fn an_approval_of_another_step_is_no_approval() {
    let document = document(vec![step(5, 600, true), step(25, 600, true)]);
    let mut look = look(600, document.progress.percent);
    look.instruction = Some(said(InstructionKind::Approve, 1));
    assert_eq!(decide(document.clone(), &look).decision, Decision::AwaitApproval);
    look.instruction = Some(said(InstructionKind::Approve, 0));
    assert_eq!(decide(document, &look).decision, Decision::Advance);
}

#[test]
fn what_cloudwatch_and_people_write_is_shortened_to_fit_the_document() {
    let document = document(vec![step(5, 600, false)]);
    let mut look = look(60, document.progress.percent);
    look.alarms = readings(&[AlarmState::Alarm; 3]);
    for alarm in &mut look.alarms {
        alarm.reason = "\"鳥\"".repeat(300);
    }
    let decided = decide(document, &look);
    for finding in &decided.findings {
        assert!(
            crate::fields::json_length(&finding.text) <= MAX_TEXT,
            "{}",
            finding.text
        );
    }
    assert!(decided.reason.unwrap().text.ends_with("..."));
}

// --- Anything at all ---

fn any_state() -> impl Strategy<Value = AlarmState> {
    prop::sample::select(vec![
        AlarmState::Ok,
        AlarmState::Ok,
        AlarmState::InsufficientData,
        AlarmState::Alarm,
    ])
}

fn any_document() -> impl Strategy<Value = Document> {
    let steps = prop::collection::vec((1_u32..1_000, any::<bool>()), 1..5);
    let place = (
        any::<prop::sample::Index>(),
        any::<bool>(),
        0_u32..5,
        prop::option::of(0_i64..4_000),
    );
    let analysis = (any::<bool>(), 1_u32..4, 0_u32..200);
    let ignored = prop::collection::vec(any::<bool>(), 3);
    (steps, place, analysis, ignored, 0_i64..4_000).prop_map(|(steps, place, analysis, ignored, deadline)| {
        let steps: Vec<_> = steps
            .iter()
            .zip(1..)
            .map(|((bake, approval), percent)| step(percent, *bake, *approval))
            .collect();
        let (index, promoted, restarts, awaiting) = place;
        let mut document = document(steps);
        document.progress.step = index.index(document.plan.steps.len());
        document.progress.promoted = promoted;
        document.progress.percent = document.step().map_or(Percent::ALL, |step| step.percent);
        document.progress.restarts = restarts;
        document.progress.awaiting_since = awaiting.map(at);
        document.deadline = at(1_000 + deadline);
        document.analysis.mode = if analysis.0 { Mode::Guard } else { Mode::Off };
        document.analysis.window_seconds = 60 * analysis.1;
        document.analysis.settle_seconds = analysis.2;
        let alarms = document.alarms.iter().zip(ignored);
        document.progress.ignored_alarms = alarms
            .filter(|(_, ignored)| *ignored)
            .map(|(alarm, _)| alarm.arn.clone())
            .collect();
        document
    })
}

fn any_stage() -> impl Strategy<Value = Option<StageView>> {
    prop_oneof![
        6 => Just(None),
        1 => (0_u16..=10_000).prop_map(|share| Some(stage(Percent::from_hundredths(share).unwrap()))),
        1 => Just(Some(promoted_stage())),
        1 => Just(Some(StageView { canary: None, ..stage(Percent::ZERO) })),
        1 => Just(Some(StageView { deployment_id: "X".into(), ..stage(Percent::ZERO) })),
    ]
}

fn any_look() -> impl Strategy<Value = Look> {
    let busy = prop::sample::select(vec![0_u64, 3, 2_000]);
    let windows = prop::collection::vec((0_u64..3, busy), 0..6);
    let instruction = prop::option::of((any::<bool>(), 0_usize..5));
    let alarms = prop_oneof![
        5 => prop::collection::vec(any_state(), 3),
        1 => prop::collection::vec(any_state(), 2),
    ];
    (-100_i64..4_000, any_stage(), alarms, windows, instruction).prop_map(
        |(second, stage, alarms, windows, instruction)| Look {
            now: at(second),
            stage: stage.unwrap_or(StageView {
                deployment_id: "as it should be".into(),
                ..promoted_stage()
            }),
            alarms: readings(&alarms),
            windows: windows
                .iter()
                .zip(0..)
                .map(|((canary, baseline), index)| Window {
                    start: at(120 + index * 60),
                    canary_requests: *canary,
                    baseline_requests: *baseline,
                    bad: Vec::new(),
                })
                .collect(),
            instruction: instruction.map(|(approve, step)| {
                said(
                    if approve {
                        InstructionKind::Approve
                    } else {
                        InstructionKind::Reject
                    },
                    step,
                )
            }),
        },
    )
}

/// A document and a look; most looks find the stage as the rollout left it.
fn any_case() -> impl Strategy<Value = (Document, Look)> {
    (any_document(), any_look()).prop_map(|(document, mut look)| {
        if look.stage.deployment_id.as_str() == "as it should be" {
            look.stage = if document.progress.promoted {
                promoted_stage()
            } else {
                stage(document.progress.percent)
            };
        }
        (document, look)
    })
}

fn baked(document: &Document, look: &Look) -> bool {
    let seconds = document
        .step()
        .map_or(document.plan.final_bake_seconds, |step| step.bake_seconds);
    look.now >= later(document.progress.since, SignedDuration::from_secs(seconds.into()))
}

/// An alarm of the plan that counts is in ALARM, or is gone.
fn hurts(document: &Document, look: &Look) -> bool {
    document.alarms.iter().any(|alarm| {
        let reading = look
            .alarms
            .iter()
            .find(|reading| reading.name == alarm.arn.alarm_name());
        reading.is_none_or(|reading| {
            reading.state == AlarmState::Alarm && !document.progress.ignored_alarms.contains(&alarm.arn)
        })
    })
}

#[test]
fn every_decision_is_among_those_that_the_cases_below_lead_to() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let decisions: Vec<_> = (0..3_000)
        .map(|_| {
            let (document, look) = any_case().new_tree(&mut runner).unwrap().current();
            decide(document, &look).decision
        })
        .collect();
    for decision in Decision::ALL {
        assert!(decisions.contains(&decision), "{decision:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn there_is_always_a_decision_with_its_reasons((document, look) in any_case()) {
        let decided = decide(document, &look);
        prop_assert!(!decided.findings.is_empty());
        prop_assert_eq!(decided.decision == Decision::RollBack, decided.reason.is_some());
        prop_assert!((1..=decided.plan.waiting_tick(SignedDuration::MAX)).contains(&decided.wait_seconds));
        let harmful = decided.findings.iter().any(|finding| finding.verdict == Verdict::Harmful);
        prop_assert_eq!(decided.decision == Decision::RollBack, harmful);
    }

    #[test]
    fn an_alarm_that_counts_always_rolls_back((document, look) in any_case()) {
        let hurts = hurts(&document, &look);
        let decided = decide(document, &look);
        prop_assert!(!hurts || decided.decision == Decision::RollBack, "{:?}", decided.findings);
    }

    #[test]
    fn nothing_moves_on_before_its_bake_is_over_and_its_person_agrees((document, look) in any_case()) {
        let decided = decide(document.clone(), &look);
        let moves_on = decided.progress.step > document.progress.step
            || [Decision::Promote, Decision::Finish].contains(&decided.decision);
        if !moves_on {
            return Ok(());
        }
        prop_assert!(baked(&document, &look));
        prop_assert!(decided.progress.step <= document.progress.step + 1);
        if document.step().is_some_and(|step| step.approval) {
            let approved = look.instruction.as_ref().is_some_and(|said| {
                said.kind == InstructionKind::Approve && said.step == document.progress.step
            });
            prop_assert!(approved);
        }
    }

    #[test]
    fn only_an_unharmed_canary_of_ours_is_promoted((document, look) in any_case()) {
        let decided = decide(document.clone(), &look);
        match decided.decision {
            Decision::Promote => {
                prop_assert!(!document.progress.promoted && look.stage.has_ours(&document.canary));
                prop_assert_eq!(document.progress.step + 1, document.plan.steps.len());
            }
            Decision::Finish => prop_assert!(document.progress.promoted && look.stage.is_promoted(&document.canary)),
            Decision::Advance => prop_assert!(!document.progress.promoted && look.stage.has_ours(&document.canary)),
            Decision::Bake | Decision::Hold | Decision::AwaitApproval | Decision::RollBack => {}
        }
    }

    #[test]
    fn a_person_who_rejects_is_heard((document, mut look) in any_case()) {
        look.instruction = Some(said(InstructionKind::Reject, 0));
        prop_assert_eq!(decide(document, &look).decision, Decision::RollBack);
    }
}
