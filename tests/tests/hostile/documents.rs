//! Rollout documents of older and newer versions are read and go on.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use serin_core::document::Document;
use serin_tests::{log::SECRET, payloads::events};

use super::{
    invoked,
    mutate::{Change, Place, additions, cases, changed},
};

const READERS: [&str; 4] = ["advance", "evaluate", "promote", "finish"];

/// Places whose names are data: a new entry there is not a new field but another variable.
fn holds_names(at: &str, _: &Change) -> bool {
    at.ends_with("/stageVariableOverrides") || at.ends_with("/variables")
}

/// The documents of all functions.
fn documents() -> Vec<(&'static str, String, Value)> {
    let all = READERS.into_iter().flat_map(|function| {
        events(function)
            .into_iter()
            .map(move |(name, payload)| (function, name, payload))
    });
    all.filter(|(_, name, _)| name.starts_with('v')).collect()
}

/// What a step makes of a document: its answer and its calls.
fn outcome(function: &str, original: &Value, sent: Value) -> (Result<Value, (String, String)>, Vec<&'static str>) {
    let (world, outcome) = invoked(function, original, sent);
    let (_, calls) = world.invocations.last().unwrap().clone();
    (outcome.map_err(|failure| (failure.error, failure.cause)), calls)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn fields_that_a_newer_version_adds_change_nothing(file in any::<Index>(), additions in additions(), version in 2_u32..) {
        let documents = documents();
        let (function, name, original) = file.get(&documents);
        let additions: Vec<Place> = additions;
        let mut newer = changed(original.clone(), additions, holds_names);
        newer["version"] = json!(version);
        let mut expected = outcome(function, original, original.clone());
        if let Ok(answer) = &mut expected.0 {
            answer["version"] = json!(version);
        }
        prop_assert_eq!(outcome(function, original, newer), expected, "{}", name);
    }
}

#[test]
fn a_document_without_what_an_older_version_did_not_know_is_read() {
    let optional = ["analysis", "hooks", "findings", "reason", "result"];
    let in_progress = [
        "past",
        "promoted",
        "awaitingSince",
        "restarts",
        "ticks",
        "ignoredAlarms",
    ];
    for (_, name, original) in documents() {
        let mut older = original.clone();
        for field in optional {
            older.as_object_mut().unwrap().remove(field);
        }
        for field in in_progress {
            older["progress"].as_object_mut().unwrap().remove(field);
        }
        serde_json::from_value::<Document>(older).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_document_that_cannot_be_read_is_named_without_its_values() {
    for (function, name, original) in documents() {
        for (at, value) in [
            ("/version", json!("one")),
            ("/decision", json!(SECRET)),
            ("/progress/percent", json!({ SECRET: 1 })),
            ("/beganAt", json!(SECRET)),
            ("/plan", json!(null)),
        ] {
            let mut sent = original.clone();
            *sent.pointer_mut(at).unwrap() = value;
            let (error, cause) = outcome(function, &original, sent).0.unwrap_err();
            assert_eq!(error, "InvalidInput", "{function}/{name} with another {at}");
            assert!(
                cause.contains("the document: given one with") && !cause.contains(SECRET),
                "{cause}"
            );
        }
    }
}
