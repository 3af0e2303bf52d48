//! An alarm that goes into ALARM is never ignored, and never more than a named error away, whatever else its message holds.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use serin_core::claim::Phase;
use serin_tests::{
    payloads::{at_25_percent, events},
    simulation::Simulation,
};

use super::mutate::{Change, Place, cases, changed, changes};

/// What says which alarm is in which state, in each of the shapes; everything else is unrelated.
const NEEDED: [(&str, &[&str]); 3] = [
    ("alarm-action", &["/alarmArn", "/alarmData/state/value"]),
    (
        "alarm-event",
        &[
            "/detail-type",
            "/resources/0",
            "/detail/state/value",
            "/alarmData/state/value",
        ],
    ),
    (
        "alarm-message",
        &["/Records/0/Sns/Message", "/AlarmArn", "/NewStateValue"],
    ),
];

/// Whether a change at a place would take away what is needed, which is there, or in it.
fn is_needed(needed: &[&str], at: &str, change: &Change) -> bool {
    let adds = matches!(change, Change::Add(..));
    !adds
        && needed
            .iter()
            .any(|needed| *needed == at || needed.starts_with(&format!("{at}/")))
}

/// The payloads of alarms of the rollout that go into ALARM, with what each needs.
fn going_off() -> Vec<(String, Value, &'static [&'static str])> {
    let mut all = Vec::new();
    for (name, payload) in events("rollback") {
        let Some((_, needed)) = NEEDED.iter().find(|(shape, _)| name.starts_with(shape)) else {
            continue;
        };
        let quiet = [
            "-ok",
            "insufficient-data",
            "of-nobody",
            "from-before",
            "configuration-change",
        ];
        if !quiet.iter().any(|quiet| name.contains(quiet)) {
            all.push((name, payload, *needed));
        }
    }
    all
}

/// An alarm's payload with its unrelated fields changed, also within the text of an SNS message.
fn disturbed(payload: Value, needed: &[&str], outside: Vec<Place>, inside: Vec<Place>) -> Value {
    let mut payload = changed(payload, outside, |at, change| is_needed(needed, at, change));
    if let Some(Value::String(text)) = payload.pointer_mut("/Records/0/Sns/Message") {
        let message = serde_json::from_str(text).unwrap();
        *text = changed(message, inside, |at, change| is_needed(needed, at, change)).to_string();
    }
    payload
}

fn rolls_back(sent: &Value) -> Simulation {
    let mut world = at_25_percent();
    world
        .invoke("rollback", sent.clone())
        .unwrap_or_else(|failure| panic!("{sent}: {}", failure.cause));
    world
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn an_alarm_takes_the_canary_away_whatever_became_of_the_rest_of_its_message(
        file in any::<Index>(),
        outside in changes(),
        inside in changes(),
    ) {
        let files = going_off();
        let (name, payload, needed) = file.get(&files).clone();
        let sent = disturbed(payload, needed, outside, inside);
        let world = rolls_back(&sent);
        prop_assert_eq!((world.stage().canary, world.phase()), (None, Some(Phase::RolledBack)), "{}: {}", name, sent);
    }

    /// Without what is needed it is an error, which Lambda repeats and then sends to the dead letters; it is never taken for done.
    #[test]
    fn an_alarm_that_lost_what_it_needs_is_an_error(file in any::<Index>(), which in any::<Index>(), value in broken_value()) {
        let files = going_off();
        let (name, mut payload, needed) = file.get(&files).clone();
        let there: Vec<_> = needed.iter().filter(|at| is_there(&payload, at)).collect();
        let at = which.get(&there);
        set(&mut payload, at, value);
        let mut world = at_25_percent();
        let outcome = world.invoke("rollback", payload.clone());
        prop_assert!(outcome.is_err() || world.phase() == Some(Phase::RolledBack), "{} without {}: {}", name, at, payload);
    }
}

fn broken_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![json!(null), json!(7), json!([]), json!({}), json!(true)])
}

fn is_there(payload: &Value, at: &str) -> bool {
    payload.pointer(at).is_some() || (payload.get("Records").is_some() && ["/AlarmArn", "/NewStateValue"].contains(&at))
}

/// Puts a value into a payload, or into the message in it.
fn set(payload: &mut Value, at: &str, value: Value) {
    if let Some(place) = payload.pointer_mut(at) {
        *place = value;
    } else if let Some(Value::String(text)) = payload.pointer_mut("/Records/0/Sns/Message") {
        let mut message: Value = serde_json::from_str(text).unwrap();
        *message.pointer_mut(at).unwrap() = value;
        *text = message.to_string();
    }
}

#[test]
fn every_shape_and_kind_of_alarm_is_among_them() {
    let names: Vec<_> = going_off().into_iter().map(|(name, ..)| name).collect();
    let has = |shape: &str, kind: &str| names.iter().any(|name| name.starts_with(shape) && name.contains(kind));
    for shape in ["alarm-action", "alarm-event", "alarm-message"] {
        for kind in [
            "-metric",
            "-metric-math",
            "-anomaly-detection",
            "-composite",
            "-metrics-insights",
        ] {
            assert!(has(shape, kind), "events/rollback has no {shape}{kind}");
        }
    }
    for file in [
        "alarm-event-composite-suppressed",
        "alarm-event-muted",
        "alarm-event-tagged",
    ] {
        assert!(names.iter().any(|name| name == file), "{file}");
    }
}

#[test]
fn a_message_that_is_cut_short_is_an_error_and_not_something_else() {
    for (name, payload, _) in going_off()
        .into_iter()
        .filter(|(name, ..)| name.starts_with("alarm-message"))
    {
        let mut world = at_25_percent();
        let text = payload["Records"][0]["Sns"]["Message"].as_str().unwrap().to_owned();
        let first = text.find("AlarmName").unwrap() + "AlarmName".len();
        for end in (first..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let mut cut = payload.clone();
            cut["Records"][0]["Sns"]["Message"] = json!(&text[..end]);
            let error = world.invoke("rollback", cut).err().map(|failure| failure.error);
            assert_eq!(error.as_deref(), Some("InvalidInput"), "{name} cut at {end}");
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_does_not_hide_the_alarm_beside_it() {
    for (name, payload, _) in going_off()
        .into_iter()
        .filter(|(name, ..)| name.starts_with("alarm-message"))
    {
        for broken in [
            json!(null),
            json!({ "Sns": {} }),
            json!({ "Sns": { "Message": "{\"AlarmName\":" } }),
        ] {
            let sent = json!({ "Records": [broken, payload["Records"][0]] });
            let mut world = at_25_percent();
            let error = world.invoke("rollback", sent).unwrap_err().error;
            assert_eq!(
                (error.as_str(), world.phase()),
                ("InvalidInput", Some(Phase::RolledBack)),
                "{name}"
            );
        }
    }
}

#[test]
fn a_message_that_is_nested_too_deep_to_be_read_is_an_error() {
    let (_, mut payload) = events("rollback")
        .into_iter()
        .find(|(name, _)| name == "alarm-message-metric")
        .unwrap();
    let message = payload["Records"][0]["Sns"]["Message"].as_str().unwrap();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    payload["Records"][0]["Sns"]["Message"] = json!(message.replacen('{', &format!("{{\"new\":{deep},"), 1));
    let error = at_25_percent().invoke("rollback", payload).unwrap_err().error;
    assert_eq!(error, "InvalidInput");
}
