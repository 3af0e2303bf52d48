//! `serin replay`.

use serde_json::{Value, json};

use super::{refused, serin};

/// The timeline of a rollout that evidence has rolled back.
fn timeline() -> Value {
    serde_json::from_str(include_str!("../../../../docs/examples/timeline.json")).unwrap()
}

/// The attribute of the last evaluation.
fn last<'a>(timeline: &'a mut Value, name: &str) -> &'a mut Value {
    let items = timeline["Items"].as_array_mut().unwrap();
    let evaluations = items.iter_mut().rev();
    let mut evaluations = evaluations.filter(|item| item.pointer("/by/S").is_some_and(|by| by == "evaluate"));
    &mut evaluations.next().unwrap()[name]
}

/// The code and the lines of JSON.
fn replayed(timeline: &Value) -> (i32, Vec<Value>) {
    let run = serin(&["replay", "--json", "-"], &timeline.to_string());
    assert_eq!(run.err, "");
    let lines = run.out.lines().map(|line| serde_json::from_str(line).unwrap());
    (run.code, lines.collect())
}

#[test]
fn every_decision_of_a_rollout_comes_out_the_same() {
    let (code, lines) = replayed(&timeline());
    assert_eq!(code, 0);
    assert!(lines.len() > 5, "{lines:?}");
    for line in &lines {
        assert_eq!((&line["same"], &line["differs"]), (&json!(true), &json!([])), "{line}");
        assert_eq!(line["recorded"], line["madeAgain"]);
        assert_eq!(line["recordedText"], line["text"]);
    }
    assert_eq!(lines.last().unwrap()["recorded"], "rollBack");
}

#[test]
fn a_record_that_was_changed_is_told_with_what_differs() {
    let mut changed = timeline();
    last(&mut changed, "decision")["S"] = json!("bake");
    let (code, lines) = replayed(&changed);
    let line = lines.last().unwrap();
    assert_eq!(
        (code, &line["same"], &line["differs"]),
        (1, &json!(false), &json!(["decision"]))
    );
    assert_eq!(
        (&line["recorded"], &line["madeAgain"]),
        (&json!("bake"), &json!("rollBack"))
    );

    let run = serin(&["replay", "-"], &changed.to_string());
    assert_eq!(run.code, 1);
    assert!(run.out.contains("no: decision\n"), "{}", run.out);
    assert!(run.out.contains("recorded: rollBack: "), "{}", run.out);
    assert!(run.out.contains("\n1 came out otherwise: "), "{}", run.out);
}

#[test]
fn counts_that_were_changed_make_another_decision() {
    let mut changed = timeline();
    let replay = &mut last(&mut changed, "replay")["S"];
    let mut made_of: Value = serde_json::from_str(replay.as_str().unwrap()).unwrap();
    for window in made_of["look"]["windows"].as_array_mut().unwrap() {
        window[3] = json!([[0, 0]]);
    }
    *replay = json!(made_of.to_string());
    let (code, lines) = replayed(&changed);
    let line = lines.last().unwrap();
    assert_eq!((code, &line["madeAgain"]), (1, &json!("bake")));
    assert_eq!(line["differs"], json!(["decision", "findings", "text"]));
}

#[test]
fn what_was_not_recorded_is_no_difference() {
    let mut changed = timeline();
    let item = changed["Items"].as_array_mut().unwrap().last_mut().unwrap();
    let gone = json!({ "by": { "S": "evaluate" }, "text": { "S": "rollBack: gone" }, "decision": { "S": "rollBack" },
        "at": item["at"], "rolloutId": item["rolloutId"], "stage": item["stage"], "expiresAt": { "N": "1" } });
    *item = gone;
    let (code, lines) = replayed(&changed);
    let line = lines.last().unwrap();
    assert_eq!((code, &line["recorded"]), (0, &json!("rollBack")));
    assert_eq!(
        (&line["madeAgain"], &line["same"], &line["text"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let run = serin(&["replay", "-"], &changed.to_string());
    assert_eq!(run.code, 0);
    assert!(run.out.contains("nothing recorded\n"), "{}", run.out);
    assert!(run.out.contains("\n1 cannot be made again: "), "{}", run.out);
}

#[test]
fn where_nothing_can_be_made_again_nothing_is_shown() {
    let mut bare = timeline();
    for item in bare["Items"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("replay");
    }
    let (code, lines) = replayed(&bare);
    assert!(lines.iter().all(|line| line["same"].is_null()), "{lines:?}");
    assert_eq!(code, 1);
}

#[test]
fn what_is_no_timeline_is_refused_with_its_place() {
    for (input, told) in [
        (
            r#"{"Items": [], "LastEvaluatedKey": {"pk": {"S": "ROLLOUT#r1"}}}"#,
            "LastEvaluatedKey: given one page of several; allowed: the whole timeline",
        ),
        ("{}", "Items: given nothing"),
        (r#"{"Items": []}"#, "Items: given 0 items, none of them by `evaluate`"),
        (r#"{"Items": [{"by": {"S": "begin"}}, 7]}"#, "Items: given 2 items"),
        (
            r#"{"Items": [{}, {"by": {"S": "evaluate"}}]}"#,
            "Items[1]: given an evaluation with a fault (missing field",
        ),
    ] {
        let refusal = refused(&["replay", "-"], input);
        assert!(refusal.contains(told), "{refusal}");
    }
    let mut broken = timeline();
    last(&mut broken, "replay")["S"] = json!("{");
    let refusal = refused(&["replay", "-"], &broken.to_string());
    assert!(
        refusal.contains("an evaluation with a fault (EOF while parsing"),
        "{refusal}"
    );
}
