//! An alarm that goes into ALARM is never ignored, whatever AWS adds to its message; nothing else is a rollback.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:checkout: errors";
const AT: &str = "2026-03-01T03:22:00.490+0000";

fn state(value: &str) -> Value {
    json!({ "value": value, "reason": "3 errors in 2 of 3 minutes", "timestamp": AT })
}

fn direct(value: &str) -> Value {
    json!({
        "source": "aws.cloudwatch", "alarmArn": ARN, "accountId": "111122223333", "time": AT, "region": "eu-central-1",
        "alarmData": { "alarmName": "checkout: errors", "state": state(value), "previousState": state("OK") },
    })
}

fn event(value: &str) -> Value {
    json!({
        "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "resources": [ARN],
        "detail": { "alarmName": "checkout: errors", "state": state(value), "previousState": state("OK") },
    })
}

fn topic(value: &str) -> Value {
    let message = json!({
        "AlarmName": "checkout: errors", "AlarmArn": ARN, "NewStateValue": value, "OldStateValue": "OK",
        "NewStateReason": "3 errors in 2 of 3 minutes", "StateChangeTime": AT,
    });
    json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Type": "Notification", "Message": message.to_string() } }] })
}

fn shapes(value: &str) -> [Value; 3] {
    [direct(value), event(value), topic(value)]
}

fn one(input: &Value) -> Trigger {
    match parse(input).as_slice() {
        [Ok(trigger)] => trigger.clone(),
        other => panic!("{input} became {other:?}"),
    }
}

fn refused(input: &Value) -> Faults {
    match parse(input).as_slice() {
        [Err(faults)] => faults.clone(),
        other => panic!("{input} became {other:?}"),
    }
}

#[test]
fn an_alarm_is_the_same_trigger_in_each_of_its_three_shapes() {
    let expected = Trigger::Alarm {
        arn: ARN.into(),
        at: Some("2026-03-01T03:22:00.490Z".parse().unwrap()),
        reason: "3 errors in 2 of 3 minutes".to_owned(),
    };
    for input in shapes("ALARM") {
        assert_eq!(one(&input), expected, "{input}");
    }
}

#[test]
fn ok_and_insufficient_data_ask_for_nothing() {
    for value in ["OK", "INSUFFICIENT_DATA"] {
        for input in shapes(value) {
            assert_eq!(
                one(&input),
                Trigger::Nothing {
                    what: format!("alarm {ARN} is now {value}")
                }
            );
        }
    }
}

#[test]
fn a_state_that_nobody_knows_is_reported_and_not_ignored() {
    for input in shapes("BURNING") {
        let faults = refused(&input);
        assert_eq!(
            faults.to_string(),
            "state: given \"BURNING\"; allowed: OK, ALARM or INSUFFICIENT_DATA"
        );
    }
}

#[test]
fn an_alarm_without_a_time_that_can_be_read_still_counts() {
    let mut input = direct("ALARM");
    for time in [json!("yesterday"), json!(5), json!(null)] {
        input["alarmData"]["state"]["timestamp"] = time;
        assert!(matches!(one(&input), Trigger::Alarm { .. }), "{input}");
    }
    input["alarmData"]["state"].as_object_mut().unwrap().remove("timestamp");
    assert!(
        matches!(one(&input), Trigger::Alarm { at: Some(_), .. }),
        "the event's own time is the next best"
    );
    input.as_object_mut().unwrap().remove("time");
    assert!(matches!(one(&input), Trigger::Alarm { at: None, .. }));
}

#[test]
fn times_are_read_as_cloudwatch_writes_them() {
    let expected = Some("2026-03-01T03:22:00.49Z".parse().unwrap());
    for text in [
        "2026-03-01T03:22:00.490+0000",
        "2026-03-01T03:22:00.490Z",
        "2026-03-01T05:22:00.490+02:00",
    ] {
        assert_eq!(cloudwatch_time(text), expected, "{text}");
    }
    assert_eq!(
        cloudwatch_time("2026-03-01T03:22:00+0000"),
        Some("2026-03-01T03:22:00Z".parse().unwrap())
    );
}

#[test]
fn an_alarm_s_data_counts_in_the_envelope_of_an_event_too() {
    let mut hybrid = direct("ALARM");
    hybrid.as_object_mut().unwrap().remove("alarmArn");
    hybrid["detail-type"] = json!("CloudWatch Alarm State Change");
    hybrid["resources"] = json!([ARN]);
    assert!(matches!(one(&hybrid), Trigger::Alarm { .. }));
}

#[test]
fn only_an_execution_that_died_is_a_trigger() {
    let ended = |status: &str| {
        json!({
            "source": "aws.states", "detail-type": "Step Functions Execution Status Change",
            "detail": { "executionArn": "arn:aws:states:eu-central-1:111122223333:execution:serin:r1", "status": status },
        })
    };
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        assert!(
            matches!(one(&ended(status)), Trigger::ExecutionEnded { .. }),
            "{status}"
        );
    }
    for status in ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"] {
        assert!(matches!(one(&ended(status)), Trigger::Nothing { .. }), "{status}");
    }
    let mut elsewhere = ended("FAILED");
    elsewhere["source"] = json!("com.example");
    assert_eq!(
        refused(&elsewhere).to_string(),
        "source: given \"com.example\"; allowed: \"aws.states\"",
        "anybody may put events with another source"
    );
}

#[test]
fn a_person_names_a_stage_or_a_rollout_and_says_who_and_why() {
    let by_stage = json!({ "restApiId": "a1", "stageName": "prod", "by": "ada", "reason": "carts are empty" });
    assert!(matches!(
        one(&by_stage),
        Trigger::Person {
            whose: Whose::Stage(_),
            ..
        }
    ));
    let by_rollout = json!({ "rolloutId": "r1", "by": "ada", "reason": "carts are empty" });
    assert!(matches!(
        one(&by_rollout),
        Trigger::Person {
            whose: Whose::Rollout(_),
            ..
        }
    ));
    for (input, part) in [
        (json!({}), "3 faults"),
        (json!({ "rolloutId": "r1", "by": "ada" }), "reason: given nothing"),
        (
            json!({ "rolloutId": "r1", "stageName": "prod", "restApiId": "a1", "by": "ada", "reason": "x" }),
            "either rolloutId",
        ),
        (
            json!({ "stageName": "prod", "by": "ada", "reason": "x" }),
            "restApiId and stageName",
        ),
        (
            json!({ "rolloutId": "r1", "by": "ada", "reason": "x", "force": true }),
            "force: given an unknown field",
        ),
        (
            json!({ "rolloutId": "r1", "by": "", "reason": "x".repeat(501) }),
            "2 faults",
        ),
        (
            json!("stop"),
            "an alarm's direct action, its EventBridge event or its SNS message",
        ),
        (json!(null), "a status change of an execution"),
    ] {
        let told = refused(&input).to_string();
        assert!(told.contains(part), "{input}: {told}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let mut no_arn = direct("ALARM");
    no_arn.as_object_mut().unwrap().remove("alarmArn");
    let mut no_state = event("ALARM");
    no_state["detail"]["state"] = json!(null);
    let not_sns = json!({ "Records": [{ "eventSource": "aws:s3" }] });
    for (input, path) in [
        (no_arn, "alarmArn: given nothing"),
        (no_state, "detail.state.value: "),
        (not_sns, "Sns.Message: "),
    ] {
        let told = refused(&input).to_string();
        assert!(told.starts_with(path), "{told}");
    }
}

#[test]
fn other_messages_of_the_topic_ask_for_nothing() {
    for message in ["good morning", "{\"deploy\": 7}", "[]", "null", ""] {
        let input = json!({ "Records": [{ "Sns": { "Message": message } }] });
        assert!(matches!(one(&input), Trigger::Nothing { .. }), "{message:?}");
    }
}

#[test]
fn a_message_that_speaks_of_an_alarm_in_words_of_its_own_is_reported() {
    for message in [
        "{\"AlarmArn\":\"arn:aws:cloudwatch:eu-central-1:1234",
        "{\"alarm\": \"checkout\", \"state\": \"ALARM\"}",
        "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:checkout is on",
    ] {
        let input = json!({ "Records": [{ "Sns": { "Message": message } }] });
        assert!(refused(&input).to_string().contains("given"), "{message:?}");
    }
}

#[test]
fn an_event_of_a_type_that_nobody_knows_is_reported() {
    let other = json!({ "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change v2", "detail": {} });
    assert!(refused(&other).to_string().starts_with("detail-type: given "));
    for kind in OF_NO_CONCERN {
        let edited = json!({ "source": "aws.cloudwatch", "detail-type": kind, "detail": {} });
        assert!(matches!(one(&edited), Trigger::Nothing { .. }), "{kind}");
    }
}

#[test]
fn a_broken_message_of_an_alarm_is_reported_and_hides_no_other() {
    let whole = topic("ALARM");
    let mut both = whole.clone();
    let message = both["Records"][0]["Sns"]["Message"].as_str().unwrap().to_owned();
    let broken = json!({ "Sns": { "Message": message[..message.len() - 1] } });
    both["Records"] = json!([broken, whole["Records"][0]]);
    let readings = parse(&both);
    assert!(
        matches!(readings.as_slice(), [Err(_), Ok(Trigger::Alarm { .. })]),
        "{readings:?}"
    );
}

#[test]
fn an_alarm_that_a_rule_put_on_the_topic_is_an_alarm() {
    for message in [event("ALARM"), direct("ALARM")] {
        let input = json!({ "Records": [{ "Sns": { "Message": message.to_string() } }] });
        assert!(matches!(one(&input), Trigger::Alarm { .. }), "{input}");
    }
}

#[test]
fn fields_with_the_names_of_other_shapes_hide_no_alarm() {
    for mut input in shapes("ALARM") {
        for (name, value) in [
            ("Records", json!([])),
            ("Records", json!([{ "Sns": { "Message": "hello" } }])),
            ("detail-type", json!("Alarm")),
            ("detail", json!({ "state": 7 })),
            ("execution", json!({ "Id": 7 })),
            ("resources", json!([7])),
            ("by", json!("ada")),
            ("alarmData", json!({})),
        ] {
            let event = input.as_object_mut().unwrap();
            if event.contains_key(name) {
                continue;
            }
            event.insert(name.to_owned(), value);
            assert!(matches!(one(&input), Trigger::Alarm { .. }), "{input}");
            input.as_object_mut().unwrap().remove(name);
        }
    }
}

// --- Anything at all ---

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "ALARM",
            "OK",
            "aws.states",
            ARN,
            "FAILED",
            "CloudWatch Alarm State Change"
        ])
        .prop_map(Value::from),
    ];
    let names = vec![
        "Records",
        "Sns",
        "Message",
        "source",
        "detail-type",
        "detail",
        "resources",
        "state",
        "value",
        "alarmData",
        "alarmArn",
        "execution",
        "Id",
        "Name",
        "executionArn",
        "status",
        "restApiId",
        "stageName",
        "rolloutId",
        "by",
        "reason",
        "time",
    ];
    leaf.prop_recursive(4, 48, 5, move |inner| {
        let name = prop::sample::select(names.clone()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every object of a value, by its pointer.
fn objects(value: &Value, at: String) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (format!("{at}/{name}"), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .zip(0..)
            .map(|(value, index)| (format!("{at}/{index}"), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let below = inner.into_iter().flat_map(|(at, value)| objects(value, at));
    let own = value.is_object().then_some(at);
    own.into_iter().chain(below).collect()
}

/// Adds fields that nobody knows to objects of an event; AWS does so without notice.
fn add(mut input: Value, additions: Vec<(prop::sample::Index, String, Value)>) -> Value {
    for (place, name, value) in additions {
        let places = objects(&input, String::new());
        let place = place.get(&places);
        let object = input.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
        object.entry(format!("x-{name}")).or_insert(value);
    }
    input
}

fn additions() -> impl Strategy<Value = Vec<(prop::sample::Index, String, Value)>> {
    prop::collection::vec((any::<prop::sample::Index>(), "[a-zA-Z-]{1,10}", any_json()), 0..6)
}

proptest! {
    #[test]
    fn anything_is_a_trigger_or_has_a_fault(input in any_json()) {
        let readings = parse(&input);
        prop_assert!(!readings.is_empty());
        for faults in readings.into_iter().filter_map(Result::err) {
            prop_assert!(!faults.0.is_empty());
        }
    }

    #[test]
    fn an_alarm_is_never_ignored_whatever_else_is_in_the_event(shape in 0_usize..3, additions in additions()) {
        let input = add(shapes("ALARM")[shape].clone(), additions);
        prop_assert!(matches!(one(&input), Trigger::Alarm { .. }), "{input}");
    }

    #[test]
    fn ok_is_never_a_rollback_whatever_else_is_in_the_event(shape in 0_usize..3, additions in additions()) {
        let input = add(shapes("OK")[shape].clone(), additions);
        prop_assert!(matches!(one(&input), Trigger::Nothing { .. }), "{input}");
    }
}
