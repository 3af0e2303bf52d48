//! An item of the table may be older, newer or broken: it is read, or refused by the name of what is wrong.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SECRET: &str = "hunter2 {do not log}";
const SET_FOR: &str = "2026-03-01T04:30:00Z";

/// The claim of a rollout that is at its second step, with everything that a claim can have.
fn item() -> Item {
    let baseline = json!({ "deploymentId": "d0", "variables": { "alias": SECRET } });
    let instruction =
        json!({ "kind": "approve", "step": 1, "by": "ada", "reason": "good", "at": "2026-03-01T03:20:00Z" });
    let alarms =
        json!([{ "arn": "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:a", "ifAlreadyInAlarm": "refuse" }]);
    let texts = [
        ("pk", "STAGE#a1b2c3#prod".to_owned()),
        ("sk", "CLAIM".to_owned()),
        ("restApiId", "a1b2c3".to_owned()),
        ("stageName", "prod".to_owned()),
        ("rolloutId", "r1".to_owned()),
        (
            "executionArn",
            "arn:aws:states:eu-central-1:111122223333:execution:serin:r1".to_owned(),
        ),
        ("phase", "rollingBack".to_owned()),
        ("from", "shifting".to_owned()),
        ("beganAt", "2026-03-01T03:00:00Z".to_owned()),
        ("nextBeatBy", "2026-03-01T03:44:00Z".to_owned()),
        ("deploymentId", "d1".to_owned()),
        ("overrides", json!({ "alias": SECRET }).to_string()),
        ("baseline", baseline.to_string()),
        ("percent", "25".to_owned()),
        ("alarms", alarms.to_string()),
        ("instruction", instruction.to_string()),
        ("reason", "an alarm".to_owned()),
        ("switchArmedFor", SET_FOR.to_owned()),
        ("watched", "yes".to_owned()),
    ];
    let mut item: Item = texts.map(|(name, value)| (name.to_owned(), text(value))).into();
    item.insert("awaiting".to_owned(), AttributeValue::N("1".to_owned()));
    // Nobody writes both of a switch's attributes; here is all that can be.
    for name in ["endedAt", "switchCutAt"] {
        item.insert(name.to_owned(), AttributeValue::N("1772335440000".to_owned()));
    }
    item
}

fn anything() -> impl Strategy<Value = AttributeValue> {
    let word = prop_oneof![
        Just(SECRET.to_owned()),
        "\\PC{0,12}",
        (0_usize..50_000).prop_map(|most| "[".repeat(most))
    ];
    prop_oneof![
        word.clone().prop_map(AttributeValue::S),
        word.prop_map(AttributeValue::N),
        any::<f64>().prop_map(|number| AttributeValue::N(number.to_string())),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        Just(AttributeValue::L(vec![AttributeValue::M(HashMap::new())])),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let mut known: Vec<_> = item().into_keys().collect();
    known.sort_unstable();
    prop::sample::select(known)
}

#[test]
fn an_item_with_everything_is_read_whole() {
    let claim = claim(&item()).unwrap();
    assert_eq!((claim.phase, claim.from), (Phase::RollingBack, Some(Phase::Shifting)));
    assert!(claim.baseline.is_some() && claim.instruction.is_some() && claim.ended_at.is_some());
    assert_eq!((claim.alarms.len(), claim.awaiting), (1, Some(1)));
    assert_eq!(claim.percent.to_string(), "25");
    assert_eq!(claim.switch, Switch::Armed(SET_FOR.parse().unwrap()));
}

#[test]
fn a_new_claim_is_read_back_as_it_was_written() {
    let mut first = claim(&item()).unwrap();
    (first.phase, first.from, first.deployment_id, first.baseline) = (Phase::Preparing, None, None, None);
    (first.awaiting, first.instruction, first.reason, first.ended_at) = (None, None, None, None);
    first.switch = Switch::Silent;
    assert_eq!(claim(&claim_item(&first)), Ok(first));
}

#[test]
fn a_switch_that_cannot_be_read_counts_as_one_that_may_have_fired() {
    let now: Timestamp = SET_FOR.parse().unwrap();
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let broken = [
        text("soon"),
        text(""),
        number("1772335440000"),
        AttributeValue::Bool(true),
    ];
    let broken = broken.map(|value| ("switchArmedFor", value)).into_iter();
    let broken = broken.chain([text("1772335440000"), number("9e99")].map(|value| ("switchCutAt", value)));
    for (name, value) in broken {
        let mut item = item();
        item.retain(|name, _| !name.starts_with("switch"));
        assert_eq!(claim(&item).unwrap().switch, Switch::Silent);
        item.insert(name.to_owned(), value);
        let switch = claim(&item).unwrap().switch;
        assert_eq!(switch.silent_at(), None, "{:?}", item.get(name));
        assert!(switch.may_have_fired(now));
        assert_eq!(
            switch.cut(now),
            Switch::Cut(now),
            "it is waited for, once it was taken away"
        );
    }
}

proptest! {
    #[test]
    fn an_item_with_anything_in_it_is_a_claim_or_refused_without_its_values(
        changes in prop::collection::vec((name(), prop::option::of(anything())), 1..4),
    ) {
        let mut item = item();
        for (name, value) in changes {
            match value {
                Some(value) => item.insert(name, value),
                None => item.remove(&name),
            };
        }
        // Times and phases are told, for they are no secrets; the values of variables are not.
        item.insert("phase".to_owned(), text("shifting"));
        item.insert("beganAt".to_owned(), text("2026-03-01T03:00:00Z"));
        item.insert("nextBeatBy".to_owned(), text("2026-03-01T03:44:00Z"));
        match claim(&item) {
            Ok(claim) => prop_assert!(!claim.is_free(claim.began_at)),
            Err(CallError::Rejected(message)) => prop_assert!(!message.contains(SECRET), "{message}"),
            Err(other) => prop_assert!(false, "{other}"),
        }
        let _ = (guarded(&item), stage(&item), stage_of_key(&item));
    }

    #[test]
    fn attributes_that_a_newer_version_adds_change_nothing(name in "new[a-zA-Z]{1,8}", value in anything()) {
        let mut newer = item();
        newer.insert(name, value);
        prop_assert_eq!(claim(&newer), claim(&item()));
    }
}
