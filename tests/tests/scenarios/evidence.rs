//! What the counts of both sides do to a rollout while every alarm is OK.

use std::fs;

use serde_json::{Value, json};
use serin_core::{decide::Decision, timeline::Entry};
use serin_steps::fakes::Traffic;
use serin_tests::{
    cfn::repository,
    machine::End,
    simulation::{API, Simulation},
};

use super::assert_succeeded;

fn release(analysis: &Value) -> Value {
    json!({ "restApiId": API, "stageName": "prod", "analysis": analysis })
}

/// Six hundred requests a minute at 5 %.
fn counts(canary_bad: u64, baseline_bad: u64) -> Traffic {
    Traffic {
        canary: 30,
        baseline: 570,
        canary_bad,
        baseline_bad,
    }
}

fn evaluations(world: &Simulation) -> Vec<Entry> {
    let entries = world.aws.account().timeline.clone();
    entries.into_iter().filter(|entry| entry.by == "evaluate").collect()
}

#[test]
fn a_canary_that_is_a_little_worse_is_taken_back_by_evidence_alone() {
    let mut world = Simulation::new();
    world.set_counts(counts(2, 1));
    world.start("r1", release(&json!({})));
    world.run();
    let (error, cause) = world.failure("r1");
    assert_eq!(error, "RolledBack");
    assert!(
        cause.starts_with("server errors: canary 6 of 90 (6.7 %), baseline 3 of 1,710 (0.175 %)"),
        "{cause}"
    );
    assert!(
        cause.contains("1,000 rolls back; a healthy release gets there with a chance of 0.1 %"),
        "{cause}"
    );
    assert_eq!(world.shares(), ["-", "0", "5", "-"]);
    assert!(world.can_be_deployed_to());
}

#[test]
fn a_decision_is_told_alike_in_the_log_the_timeline_and_the_cause() {
    let mut world = Simulation::new();
    world.set_counts(counts(2, 1));
    world.start("r1", release(&json!({})));
    world.run();
    let lines = world.log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let mut judged = 0;
    for entry in evaluations(&world) {
        let decision = entry.decision.unwrap().name();
        let line = lines.iter().find(|line| line["message"] == entry.text);
        let line = line.unwrap_or_else(|| panic!("no line of the log says {}", entry.text));
        assert_eq!(
            (&line["step"], &line["decision"]),
            (&json!("evaluate"), &json!(decision))
        );
        // As data: all findings, with their verdicts.
        let logged: Value = serde_json::from_str(line["findings"].as_str().unwrap()).unwrap();
        assert_eq!(logged, serde_json::to_value(&entry.findings).unwrap());
        let Some(finding) = entry.findings.iter().find(|finding| finding.evidence.is_some()) else {
            continue;
        };
        judged += 1;
        assert!(entry.text.contains(&finding.text), "{}", entry.text);
        // Counts of both sides, the evidence against what rolls back, the odds ratio with its interval.
        let evidence = serde_json::to_value(&finding.evidence).unwrap();
        for pointer in [
            "/lnE",
            "/lnThreshold",
            "/metrics/0/canary/bad",
            "/metrics/0/baseline/requests",
            "/metrics/0/oddsRatio/low",
        ] {
            assert!(
                evidence.pointer(pointer).is_some_and(Value::is_number),
                "{pointer}: {evidence}"
            );
        }
        let why = if decision == "rollBack" {
            "1,000 rolls back"
        } else {
            "below the 1,000 that would roll back"
        };
        assert!(finding.text.contains(why), "{}", finding.text);
        if decision == "rollBack" {
            assert_eq!(world.failure("r1").1, finding.text);
        }
    }
    assert!(judged > 1, "{:?}", world.timeline());
}

#[test]
fn whoever_listens_is_told_of_a_rollback_with_its_findings_as_data() {
    let mut world = Simulation::new();
    world.set_counts(counts(2, 1));
    world.start("r1", release(&json!({})));
    world.run();
    let [event] = world.told.as_slice() else {
        panic!("{:?}", world.told)
    };
    assert_eq!(
        (&event["Source"], &event["DetailType"]),
        (&json!("serin"), &json!("Serin Rollout Rolled Back"))
    );
    let last = evaluations(&world).pop().unwrap();
    let detail = json!({
        "rolloutId": "r1", "stage": last.stage, "percent": last.percent, "decision": "rollBack",
        "reason": { "kind": "evidence", "text": world.failure("r1").1 }, "findings": last.findings,
    });
    assert_eq!(event["Detail"], detail);
    // Nothing of a stage's variables is told: anybody of the account may listen.
    assert!(!event.to_string().contains("ariables"), "{event}");

    let mut healthy = Simulation::new();
    healthy.start("r1", release(&json!({})));
    healthy.run();
    assert_eq!(healthy.told, Vec::<Value>::new());
}

#[test]
fn an_outage_of_both_sides_does_not_stop_a_healthy_canary() {
    let mut world = Simulation::new();
    world.set_counts(counts(0, 1));
    world.at(200, |world| world.set_counts(counts(15, 280)));
    world.at(600, |world| world.set_counts(counts(0, 2)));
    world.start("r1", release(&json!({})));
    world.run();
    assert_succeeded(&world, "r1");
}

#[test]
fn a_leak_that_begins_in_a_later_step_is_noticed_there() {
    let mut world = Simulation::new();
    world.set_counts(counts(0, 1));
    world.at(900, |world| world.set_counts(counts(3, 1)));
    world.start("r1", release(&json!({})));
    world.run();
    assert_eq!(world.failure("r1").0, "RolledBack");
    assert_eq!(world.shares(), ["-", "0", "5", "25", "-"]);
}

#[test]
fn a_switched_off_analysis_reads_no_metric() {
    let mut world = Simulation::new();
    world.set_counts(counts(30, 0));
    world.start("r1", release(&json!({ "mode": "off" })));
    world.run();
    assert_succeeded(&world, "r1");
    assert!(!world.aws.account().calls.contains(&"GetMetricData"));
}

#[test]
fn a_look_reads_all_metrics_with_one_call() {
    let mut world = Simulation::new();
    world.start(
        "r1",
        release(&json!({ "metrics": [{ "kind": "serverErrors" }, { "kind": "clientErrors" }] })),
    );
    world.run();
    let looks = world.invocations.iter().filter(|(function, _)| function == "evaluate");
    for (_, calls) in looks {
        assert!(
            calls.iter().filter(|call| **call == "GetMetricData").count() <= 1,
            "{calls:?}"
        );
    }
}

#[test]
fn a_gate_leaves_a_step_as_soon_as_its_bake_is_over_and_it_is_good_enough() {
    let mut world = Simulation::new();
    world.set_counts(counts(0, 1));
    let mut input = release(&json!({ "mode": "gate", "metrics": [{ "kind": "serverErrors", "toleratedRate": 0.02 }] }));
    input["plan"] = json!({ "steps": [{ "percent": 5, "bakeSeconds": 60 }, { "percent": 50, "bakeSeconds": 600 }] });
    world.start("r1", input);
    world.run();
    assert_succeeded(&world, "r1");
    let told = world.timeline();
    let held = told.iter().filter(|line| line.starts_with("evaluate: hold")).count();
    assert!(
        (10..=14).contains(&held),
        "8 windows of 30 requests, 2 masked and 2 to settle, held for {held} minutes"
    );
    assert!(told[0].contains("begin"), "{told:?}");
    let begin = &world.aws.account().timeline[0];
    let text = &begin.findings[0].text;
    assert!(
        text.contains("too short to judge: so it will be held for evidence of health"),
        "{text}"
    );
}

#[test]
fn a_gate_without_traffic_ends_as_the_plan_says() {
    for (policy, error) in [
        ("rollBack", Some("RolledBack")),
        ("advance", None),
        ("hold", Some("RolledBack")),
    ] {
        let mut world = Simulation::new();
        world.set_traffic(0, 0);
        let mut input = release(&json!({ "mode": "gate", "maxHoldSeconds": 900, "onInconclusive": policy }));
        input["plan"] = json!("Canary10Percent5Minutes");
        input["approvalTimeoutSeconds"] = json!(600);
        world.start("r1", input);
        world.run();
        match error {
            None => assert!(matches!(world.ended("r1"), End::Succeeded(_)), "{policy}"),
            Some(error) => assert_eq!(world.failure("r1").0, error, "{policy}"),
        }
        let asked = evaluations(&world)
            .iter()
            .any(|entry| entry.decision == Some(Decision::AwaitApproval));
        assert_eq!(asked, policy == "hold", "{policy}");
    }
}

#[test]
fn every_decision_can_be_made_again_from_the_timeline_to_the_same_bytes() {
    let mut world = Simulation::new();
    world.set_counts(counts(0, 1));
    world.at(1_300, |world| world.set_counts(counts(3, 1)));
    world.start(
        "r1",
        release(&json!({ "mode": "gate", "metrics": [{ "kind": "serverErrors", "toleratedRate": 0.05 }] })),
    );
    world.run();
    let evaluations = evaluations(&world);
    assert!(evaluations.len() > 15, "{:?}", world.timeline());
    for entry in evaluations {
        let stored = entry.attributes().unwrap();
        let read = Entry::from_attributes(&stored).unwrap();
        assert_eq!(read.again().unwrap().attributes().unwrap(), stored, "{}", entry.text);
    }
}

/// The answer to a query for that timeline.
fn queried(timeline: &[Entry]) -> Value {
    let item = |entry: &Entry| -> Value {
        let attributes = entry.attributes().unwrap().into_iter();
        attributes.map(|(name, text)| (name, json!({ "S": text }))).collect()
    };
    json!({ "Items": timeline.iter().map(item).collect::<Vec<_>>(), "Count": timeline.len() })
}

/// `serin replay` is tried out with it (docs/judging.md).
#[test]
fn the_example_of_a_timeline_is_what_a_rollout_leaves() {
    let mut world = Simulation::new();
    world.set_counts(counts(2, 1));
    world.start("r1", release(&json!({})));
    world.run();
    let mut timeline = queried(&world.aws.account().timeline).to_string();
    timeline.push('\n');
    let example = fs::read_to_string(repository("docs/examples/timeline.json")).unwrap_or_default();
    if example != timeline {
        let new = repository("target/timeline.json");
        fs::write(&new, timeline).unwrap();
        panic!(
            "docs/examples/timeline.json is not what a rollout leaves now, which is in {}",
            new.display()
        );
    }
}
