//! Every file in `events/` is a whole payload of a real invocation, and every one is run against an account in memory that is
//! prepared to match: FashionFlow at 03:22, rollout r-2026-03-01 of deployment x9y8 at 25 % of a1b2c3/prod.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a check fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;

use aws_lambda_events::{
    cloudwatch_alarms::{CloudWatchAlarm, CloudWatchAlarmData, CloudWatchAlarmStateValue},
    eventbridge::EventBridgeEvent,
    sns::{CloudWatchAlarmPayload, SnsEvent},
};
use serde_json::{Value, json};
use serin_core::{
    claim::Phase,
    document::Document,
    trigger::{self, Trigger},
};
use serin_tests::{
    cfn::{entries, repository},
    machine::Failure,
    payloads::{FUNCTIONS, as_in, at_25_percent, events, prepared},
};

// --- What comes of it ---

/// The parts of a document that say what was decided, and why.
fn told(document: &Document) -> String {
    let steps = document.plan.steps.iter().map(|step| {
        let approval = if step.approval { " and an approval" } else { "" };
        format!("{} % for {} s{approval}", step.percent, step.bake_seconds)
    });
    let mut text = format!(
        "document: {}, step {} at {} % since {}, next look in {} s\n",
        document.decision.name(),
        document.progress.step,
        document.progress.percent,
        document.progress.since,
        document.wait_seconds
    );
    let plan = steps.collect::<Vec<_>>().join(", ");
    writeln!(text, "    plan: [{plan}], then {} s", document.plan.final_bake_seconds).unwrap();
    let alarms = document.alarms.iter().map(|alarm| alarm.arn.alarm_name());
    writeln!(text, "    alarms: [{}]", alarms.collect::<Vec<_>>().join(", ")).unwrap();
    for finding in &document.findings {
        writeln!(text, "    {:?}: {}", finding.verdict, finding.text).unwrap();
    }
    if let Some(reason) = &document.reason {
        writeln!(text, "    because ({:?}): {}", reason.kind, reason.text).unwrap();
    }
    if let Some(result) = &document.result {
        writeln!(text, "    result: {} {:?}", result.deployment_id, result.variables).unwrap();
    }
    text.trim_end().to_owned()
}

fn answered(outcome: &Result<Value, Failure>) -> String {
    match outcome {
        Ok(answer) => match serde_json::from_value::<Document>(answer.clone()) {
            Ok(document) => told(&document),
            Err(_) => answer.to_string(),
        },
        Err(failure) => {
            let cause: Value = serde_json::from_str(&failure.cause).unwrap();
            format!("{}: {}", failure.error, cause["errorMessage"].as_str().unwrap())
        }
    }
}

/// What a payload comes to, for people: the answer, the calls, the stage and the claim afterwards.
fn outcome(function: &str, name: &str, payload: Value) -> String {
    let mut world = prepared(function, &payload);
    let outcome = world.invoke(function, payload);
    if name.starts_with("malformed") {
        let error = outcome.as_ref().err().map(|failure| failure.error.as_str());
        assert_eq!(error, Some("InvalidInput"), "{function}/{name}");
    }
    let (_, calls) = world.invocations.last().unwrap();
    let claim = world.claim().map_or("none".to_owned(), |claim| {
        let instruction = claim
            .instruction
            .map_or(String::new(), |said| format!(", {:?} by {}", said.kind, said.by));
        format!("{} of {}{instruction}", claim.phase.name(), claim.rollout_id)
    });
    format!(
        "{name}\n  {}\n  calls: {}\n  stage: {}\n  claim: {claim}\n",
        answered(&outcome),
        calls.join(" "),
        world.stage().describe()
    )
}

fn outcomes(function: &str) -> String {
    let told = events(function)
        .into_iter()
        .map(|(name, payload)| outcome(function, &name, payload));
    told.collect::<Vec<_>>().join("\n")
}

macro_rules! every_event_does_what_was_seen {
    ($($function:ident)*) => {
        $(
            #[test]
            fn $function() {
                insta::assert_snapshot!(outcomes(stringify!($function)));
            }
        )*
    };
}

every_event_does_what_was_seen!(begin advance evaluate promote finish rollback sweep instruct);

#[test]
fn there_is_a_folder_for_every_function_and_a_malformed_payload_in_each_that_reads_its_own() {
    let mut folders: Vec<_> = fs::read_dir(repository("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut functions = FUNCTIONS.to_vec();
    functions.sort_unstable();
    assert_eq!(folders, functions);
    for function in FUNCTIONS {
        let malformed = events(function).iter().any(|(name, _)| name.starts_with("malformed"));
        assert_eq!(
            malformed,
            function != "sweep",
            "{function}: the sweep reads nothing of its event"
        );
    }
}

#[test]
fn only_the_account_of_the_documentation_is_named() {
    for function in FUNCTIONS {
        for (name, payload) in events(function) {
            let text = payload.to_string();
            let numbers = text.split(|letter: char| !letter.is_ascii_alphanumeric());
            let accounts = numbers.filter(|word| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit()));
            for account in accounts {
                assert!(
                    ["111122223333", "444455556666"].contains(&account),
                    "{function}/{name}: {account}"
                );
            }
        }
    }
}

// --- Documents ---

/// Whether everything in `old` is in `new`, with the same value.
fn is_kept(old: &Value, new: &Value) -> bool {
    if let (Some(_), Some(new)) = (old.as_object(), new.as_object()) {
        return entries(old).all(|(name, value)| new.get(name).is_some_and(|new| is_kept(value, new)));
    }
    match (old.as_array(), new.as_array()) {
        (Some(old), Some(new)) => old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_kept(old, new)),
        _ => old == new,
    }
}

#[test]
fn documents_of_running_executions_stay_readable_and_lose_nothing() {
    let mut seen = 0;
    for function in FUNCTIONS {
        for (name, payload) in events(function) {
            if !name.starts_with("v1") {
                continue;
            }
            seen += 1;
            let document: Document =
                serde_json::from_value(payload.clone()).unwrap_or_else(|error| panic!("{function}/{name}: {error}"));
            let written = serde_json::to_value(&document).unwrap();
            assert!(is_kept(&payload, &written), "{function}/{name}: {written}");
            assert_eq!(
                serde_json::from_value::<Document>(written).unwrap(),
                document,
                "{function}/{name}"
            );
        }
    }
    assert!(seen >= 10, "{seen} documents");
}

#[test]
fn a_field_that_a_newer_version_added_is_let_be() {
    let (_, mut payload) = events("evaluate")
        .into_iter()
        .find(|(name, _)| name == "v1-baking")
        .unwrap();
    payload["version"] = json!(2);
    payload["statistics"] = json!({ "alpha": 0.01 });
    payload["progress"]["paused"] = json!(false);
    let answer = as_in(&serde_json::from_value(payload.clone()).unwrap())
        .invoke("evaluate", payload)
        .unwrap();
    assert_eq!(answer["decision"], "bake");
}

// --- A second reading of what AWS sends ---

fn state_of(state: &CloudWatchAlarmStateValue) -> &'static str {
    match state {
        CloudWatchAlarmStateValue::Ok => "OK",
        CloudWatchAlarmStateValue::Alarm => "ALARM",
        CloudWatchAlarmStateValue::InsufficientData => "INSUFFICIENT_DATA",
        other => panic!("an alarm's state {other:?}"),
    }
}

/// The alarm and its state as the generic types of `aws_lambda_events` read them; none where it is no alarm's change of state.
fn second_reading(name: &str, payload: &Value) -> Option<(String, String)> {
    let text = payload.to_string();
    let kind = name.split('-').take(2).collect::<Vec<_>>().join("-");
    let data_state = |data: CloudWatchAlarmData| state_of(&data.state.unwrap().value).to_owned();
    match kind.as_str() {
        "alarm-action" => {
            let alarm: CloudWatchAlarm = serde_json::from_str(&text).unwrap();
            Some((alarm.alarm_arn.unwrap(), data_state(alarm.alarm_data)))
        }
        "alarm-event" if !payload["detail"]["state"].is_null() && payload["detail"]["operation"].is_null() => {
            let event: EventBridgeEvent<CloudWatchAlarmData> = serde_json::from_str(&text).unwrap();
            Some((event.resources.unwrap().remove(0), data_state(event.detail)))
        }
        "alarm-message" => {
            let event: SnsEvent = serde_json::from_str(&text).unwrap();
            let alarm: Value = serde_json::from_str(&event.records[0].sns.message).unwrap();
            if let Ok(typed) = serde_json::from_value::<CloudWatchAlarmPayload>(alarm.clone()) {
                assert_eq!(typed.alarm_arn, alarm["AlarmArn"]);
            }
            Some((
                alarm["AlarmArn"].as_str()?.to_owned(),
                alarm["NewStateValue"].as_str()?.to_owned(),
            ))
        }
        _ => None,
    }
}

#[test]
fn another_parser_finds_the_same_alarms_in_the_same_states() {
    let mut agreed = 0;
    for (name, payload) in events("rollback") {
        let Some((arn, state)) = second_reading(&name, &payload) else {
            continue;
        };
        let expected = match trigger::parse(&payload).remove(0).unwrap() {
            Trigger::Alarm { arn, .. } => (arn.0, "ALARM".to_owned()),
            Trigger::Nothing { what } => {
                let (alarm, state) = what.strip_prefix("alarm ").unwrap().split_once(" is now ").unwrap();
                (alarm.to_owned(), state.to_owned())
            }
            other @ (Trigger::ExecutionEnded { .. } | Trigger::StateMachine { .. } | Trigger::Person { .. }) => {
                panic!("{name}: {other:?}")
            }
        };
        assert_eq!((arn, state), expected, "{name}");
        agreed += 1;
    }
    assert!(agreed >= 20, "{agreed} alarms in three shapes");
}

#[test]
fn every_alarm_of_the_rollout_that_goes_off_takes_the_canary_away() {
    let mut gone_off = 0;
    for (name, payload) in events("rollback") {
        let goes_off = second_reading(&name, &payload).is_some_and(|(_, state)| state == "ALARM");
        if !goes_off || name.contains("of-nobody") || name.contains("from-before") {
            continue;
        }
        gone_off += 1;
        let mut world = at_25_percent();
        world.invoke("rollback", payload).unwrap();
        assert_eq!(
            (world.stage().canary, world.phase()),
            (None, Some(Phase::RolledBack)),
            "{name}"
        );
    }
    assert!(gone_off >= 15, "{gone_off} alarms");
}
