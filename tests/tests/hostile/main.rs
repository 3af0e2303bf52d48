//! What is sent may be broken or hostile: nothing panics, no alarm is ignored for what else is in its message, whatever cannot
//! be understood is a named error, and no payload is logged.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a check fails by panicking")]

mod alarms;
mod documents;
mod mutate;

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use serin_steps::StepError;
use serin_tests::{
    log::SECRET,
    machine::Failure,
    payloads::{FUNCTIONS, events, prepared},
    simulation::Simulation,
};

use mutate::{Place, cases, changed, changes};

/// Invokes a function on a changed payload, in the account that the payload was for before.
fn invoked(function: &str, payload: &Value, sent: Value) -> (Simulation, Result<Value, Failure>) {
    let mut world = prepared(function, payload);
    let outcome = world.invoke(function, sent);
    (world, outcome)
}

/// A payload of a function; changed.
fn broken(function: &str, file: Index, changes: Vec<Place>) -> (Value, Value) {
    let files = events(function);
    let (_, payload) = file.get(&files).clone();
    let sent = changed(payload.clone(), changes, |_, _| false);
    (payload, sent)
}

proptest! {
    #![proptest_config(cases(400))]

    /// `invoke` fails the test where a log has the mark that every change carries.
    #[test]
    fn whatever_is_sent_is_an_answer_or_a_named_error(
        function in prop::sample::select(FUNCTIONS.to_vec()),
        file in any::<Index>(),
        changes in changes(),
    ) {
        let (payload, sent) = broken(function, file, changes);
        let (_, outcome) = invoked(function, &payload, sent);
        if let Err(failure) = outcome {
            prop_assert!(StepError::NAMES.contains(&failure.error.as_str()), "{function}: {}", failure.error);
            prop_assert!(failure.cause.len() < 32 * 1024, "{} bytes do not fit into a cause", failure.cause.len());
        }
    }

    #[test]
    fn what_a_rollback_cannot_understand_touches_nothing_and_fails_for_the_dead_letters(
        file in any::<Index>(),
        changes in changes(),
    ) {
        let (payload, sent) = broken("rollback", file, changes);
        let records = sent["Records"].as_array().map_or(1, Vec::len);
        let (world, outcome) = invoked("rollback", &payload, sent);
        let (_, calls) = world.invocations.last().unwrap();
        match outcome {
            Err(failure) if failure.error == "InvalidInput" && records == 1 => {
                prop_assert_eq!(calls, &Vec::<&str>::new());
            }
            Err(_) => {}
            Ok(answer) => prop_assert!(!answer.is_null()),
        }
    }

    #[test]
    fn a_request_that_is_refused_touches_no_stage(file in any::<Index>(), changes in changes()) {
        let (payload, sent) = broken("begin", file, changes);
        let (world, outcome) = invoked("begin", &payload, sent);
        if outcome.is_err() {
            prop_assert_eq!(world.stage().canary, None);
            prop_assert_eq!(world.claim(), None, "a refusal leaves the stage free");
        }
    }
}

#[test]
fn a_message_about_a_thousand_faults_fits_into_a_cause() {
    let mut request = json!({ "restApiId": "a1b2c3", "stageName": "prod" });
    for number in 0..1000 {
        request[format!("f{number}")] = json!(number);
    }
    let payload = json!({ "request": request, "execution": { "Id": "arn:aws:states:eu-central-1:1:execution:s:r", "Name": "r" } });
    let failure = invoked("begin", &payload, payload.clone()).1.unwrap_err();
    let cause: Value = serde_json::from_str(&failure.cause).unwrap();
    let message = cause["errorMessage"].as_str().unwrap();
    assert!(message.starts_with("1000 faults: (1) f0: "), "{message}");
    assert!(
        message.len() < 10_000 && message.ends_with("..."),
        "{} bytes",
        message.len()
    );
}

/// The check in `Simulation::invoke` is worth something: there is a log, with the rollout and the stage on its lines.
#[test]
fn an_invocation_logs_the_rollout_and_its_faults_but_not_what_was_given() {
    let payload = json!({ "rolloutId": "r-2026-03-01", "by": SECRET.repeat(40), "reason": [SECRET], "note": SECRET });
    let (world, outcome) = invoked("rollback", &payload, payload.clone());
    assert!(
        outcome.unwrap_err().cause.contains(SECRET),
        "the caller is told what was given"
    );
    let line: Value = serde_json::from_str(world.log.lines().last().unwrap()).unwrap();
    assert_eq!(line["span"]["rolloutId"], "r-2026-03-01");
    let message = line["message"].as_str().unwrap();
    for part in ["3 faults", "by: allowed: a text of 1 to 500 characters", "note: "] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_answer_of_a_hook_is_not_logged() {
    let (_, mut payload) = events("rollback")
        .into_iter()
        .find(|(name, _)| name == "state-machine-hook-failed")
        .unwrap();
    payload["state"]["hook"]["answer"] = json!({ "outcome": "fail", "token": SECRET });
    let (_, outcome) = invoked("rollback", &payload, payload.clone());
    let reason = outcome.unwrap()["reason"]["text"].as_str().unwrap().to_owned();
    assert_eq!(reason, "a hook did not pass: it gave no reason");
}
