//! `serin power`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{refused, serin};

/// 600 requests a minute, 0.1 % bad.
const STAGE: [&str; 5] = ["power", "--requests-per-minute", "600", "--baseline-rate", "0.1%"];

fn answer(arguments: &[&str], input: &str) -> String {
    let run = serin(&[&STAGE[..], arguments].concat(), input);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    run.out
}

#[test]
fn a_plan_that_notices_says_when() {
    assert_snapshot!(answer(&["--canary-rate", "5%"], ""));
}

#[test]
fn steps_that_cannot_notice_are_warned_of() {
    let plan = ["--percent", "0.01,1,10,100", "--bake-seconds", "600,120,600,3600"];
    assert_snapshot!(answer(&[&["--canary-rate", "0.002"], &plan[..]].concat(), ""));
}

#[test]
fn a_request_brings_its_plan_and_its_analysis() {
    let request = r#"{"restApiId": "a1b2c3", "stageName": "prod", "plan": "Canary10Percent10Minutes", "hooks": {},
        "analysis": {"alpha": 0.01, "metrics": [{"kind": "serverErrors"}, {"kind": "clientErrors"}]}}"#;
    assert_snapshot!(answer(&["--canary-rate", "50%", "--request", "-"], request));
}

#[test]
fn json_has_the_same_numbers() {
    let answer: Value =
        serde_json::from_str(&answer(&["--canary-rate", "1", "--json", "--percent", "5,100"], "")).unwrap();
    insta::assert_json_snapshot!(answer);
}

#[test]
fn a_regression_that_the_whole_plan_does_not_notice_is_warned_of() {
    let text = answer(
        &["--canary-rate", "0.11%", "--percent", "50", "--bake-seconds", "3600"],
        "",
    );
    let warned = "warning: the plan does not notice 0.11 % (1.1x): the smallest regression that a step notices is ";
    assert!(text.contains(warned), "{text}");
    assert!(
        text.contains(", in step 1. Evidence looks for odds ratios from 1.25 on\n"),
        "{text}"
    );
    let text = answer(&["--canary-rate", "0.2%"], "");
    let warned = "warning: the plan does not notice 0.2 % (2.0x): the smallest regression that a step notices is ";
    assert!(text.contains(warned) && !text.contains("1.25"), "{text}");
    assert!(!answer(&["--canary-rate", "1%"], "").contains("the plan does not notice"));
}

#[test]
fn an_analysis_that_is_off_is_warned_of() {
    let request = r#"{"analysis": {"mode": "off"}}"#;
    let text = answer(&["--canary-rate", "5%", "--request", "-"], request);
    let warned = "analysis.mode is \"off\": a rollout looks at no evidence, and notices nothing of this";
    assert!(text.contains(&format!("warning: {warned}")), "{text}");
    let json = answer(&["--canary-rate", "5%", "--json", "--request", "-"], request);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["warnings"][0].as_str().unwrap().starts_with(warned), "{json}");
}

#[test]
fn a_plan_without_steps_compares_nothing() {
    let warned = "the plan has no step: nothing can be compared before the canary has all traffic";
    let arguments = ["--canary-rate", "1", "--request", "-", "--json"];
    let text = answer(&arguments[..4], r#"{"plan": "AllAtOnce"}"#);
    assert!(text.contains(&format!("\n\nwarning: {warned}\n")), "{text}");
    let json: Value = serde_json::from_str(&answer(&arguments, r#"{"plan": "AllAtOnce"}"#)).unwrap();
    assert_eq!(json["warnings"], json!([warned]));
}

#[test]
fn larger_regressions_are_noticed_sooner() {
    let seconds = |rate: &str| {
        let answer: Value = serde_json::from_str(&answer(&["--canary-rate", rate, "--json"], "")).unwrap();
        answer["steps"][2]["secondsToNotice"].as_f64().unwrap()
    };
    let times: Vec<_> = ["0.2%", "0.5%", "1%", "3%", "10%", "100%"].map(seconds).to_vec();
    assert!(
        times.is_sorted_by(|one, next| one >= next) && times[0] > 10.0 * times[5],
        "{times:?}"
    );
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let refused = |arguments: &[&str], input: &str| refused(&[&STAGE[..], arguments].concat(), input);
    assert!(refused(&[], "").contains("--canary-rate is missing"));
    assert!(refused(&["--canary-rate", "0.1%"], "").contains("--canary-rate must be above --baseline-rate"));
    for rate in ["NaN", "-1", "101%", "2", "inf", "", "%", "1e999"] {
        assert!(
            refused(&["--canary-rate", rate], "").contains("allowed: a share of the requests"),
            "{rate}"
        );
    }
    for traffic in ["0", "-5", "NaN", "inf", "x"] {
        assert!(
            refused(&["--requests-per-minute", traffic], "").contains("a number above 0"),
            "{traffic}"
        );
    }
    let plan = |arguments: &[&str]| refused(&[&["--canary-rate", "5%"], arguments].concat(), "{\"plan\": 7}");
    assert!(plan(&["--percent", "5,x"]).contains("--percent: given \"x\""));
    assert!(plan(&["--percent", "5,5"]).contains("plan.steps[1].percent: given 5"));
    assert!(plan(&["--percent", "5,6", "--bake-seconds", "1,2,3"]).contains("as many as --percent"));
    assert!(plan(&["--bake-seconds", "60"]).contains("needs --percent"));
    assert!(plan(&["--alpha", "0.5"]).contains("analysis.alpha: given 0.5"));
    assert!(plan(&["--request", "-", "--alpha", "0.01"]).contains("leave out"));
    assert!(plan(&["--request", "-"]).contains("the standard input has a fault:\n  plan: given 7"));
}
