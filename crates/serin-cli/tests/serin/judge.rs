//! `serin judge`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use insta::assert_snapshot;

use super::{refused, serin};

/// The lines of a JSON answer.
fn rulings(input: &str) -> (i32, Vec<serde_json::Value>) {
    let run = serin(&["judge", "--json", "--exit-code", "-"], input);
    assert_eq!(run.err, "");
    let lines = run.out.lines().map(|line| serde_json::from_str(line).unwrap());
    (run.code, lines.collect())
}

/// Windows of `[n_c, n_b, e_c, e_b]` under an analysis.
fn counts(analysis: &str, windows: &[[u64; 4]]) -> String {
    let windows = windows.iter().map(|[canary, baseline, canary_bad, baseline_bad]| {
        format!(
            r#"{{"canary": {{"requests": {canary}, "serverErrors": {canary_bad}}},
                "baseline": {{"requests": {baseline}, "serverErrors": {baseline_bad}}}}}"#
        )
    });
    let windows: Vec<_> = windows.collect();
    format!(r#"{{"analysis": {analysis}, "windows": [{}]}}"#, windows.join(","))
}

const ONE_IN_TEN: [[u64; 4]; 3] = [[60, 540, 1, 0], [60, 540, 2, 0], [60, 540, 1, 0]];
const HALF: [[u64; 4]; 3] = [[300, 300, 1, 0], [300, 300, 2, 0], [300, 300, 1, 0]];
const OUTAGE: [[u64; 4]; 3] = [[60, 540, 30, 270], [60, 540, 31, 268], [60, 540, 0, 2]];

#[test]
fn the_published_numbers_come_out() {
    let table = [
        (
            ONE_IN_TEN,
            3,
            "rollBack",
            [[1.396_495, 1.396_495], [5.165_275, 5.155_773], [7.235_936, 7.225_641]],
        ),
        (
            HALF,
            0,
            "bake",
            [[0.448_889, 0.448_889], [1.458_519, 1.457_508], [2.007_922, 2.006_830]],
        ),
        (
            OUTAGE,
            0,
            "bake",
            [
                [-1.996_517, -2.633_399],
                [-2.269_381, -3.222_793],
                [-2.329_095, -3.273_832],
            ],
        ),
    ];
    for (windows, code, decision, expected) in table {
        let (ended, lines) = rulings(&counts(r#"{"alpha": 0.001}"#, &windows));
        assert_eq!(ended, code);
        let numbers = lines.iter().zip(1_u32..).map(|(line, number)| {
            assert_eq!(line["window"], number);
            [&line["lnE"]["exact"], &line["lnE"]["bound"]].map(|value| value.as_f64().unwrap())
        });
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
        assert_eq!(lines[2]["decision"], decision);
        assert_eq!(lines[1]["decision"], "bake");
    }
}

#[test]
fn a_table_is_for_people() {
    let run = serin(&["judge", "-"], &counts("{}", &ONE_IN_TEN));
    assert_eq!(run.code, 0, "it has judged, and nobody asked for more");
    assert_snapshot!(run.out);
}

#[test]
fn a_line_of_json_has_its_fields_in_order() {
    let run = serin(&["judge", "-", "--json"], &counts("{}", &HALF[..1]));
    assert_eq!(run.code, 0);
    assert_snapshot!(run.out);
}

#[test]
fn a_gate_holds_until_there_is_evidence_of_health() {
    let analysis = r#"{"mode": "gate", "metrics": [{"kind": "serverErrors", "toleratedRate": 0.01}]}"#;
    let (code, lines) = rulings(&counts(analysis, &[[150, 1_350, 0, 1]; 3]));
    let decisions: Vec<_> = lines.iter().map(|line| line["decision"].as_str().unwrap()).collect();
    assert_eq!((code, decisions), (0, vec!["hold", "hold", "advance"]));
    let held = lines[0]["finding"].as_str().unwrap();
    assert!(
        held.contains("held for evidence of health: server errors below 1 %: about"),
        "{held}"
    );
    let good = lines[2]["finding"].as_str().unwrap();
    assert!(
        good.contains("good enough: server errors below 1 %, evidence"),
        "{good}"
    );
}

#[test]
fn an_analysis_that_is_off_rolls_nothing_back() {
    let (code, lines) = rulings(&counts(r#"{"mode": "off"}"#, &ONE_IN_TEN));
    assert_eq!(code, 0);
    assert_eq!(lines[2]["decision"], "bake");
    assert!(lines[2]["finding"].as_str().unwrap().contains("not acted on"));
}

#[test]
fn what_was_rolled_back_stays_so() {
    let mut windows = ONE_IN_TEN.to_vec();
    windows.extend([[60, 540, 0, 50]; 20]);
    let (code, lines) = rulings(&counts("{}", &windows));
    let last = lines.last().unwrap();
    assert_eq!((code, &last["decision"]), (3, &"rollBack".into()));
    assert!(last["lnE"]["mixed"].as_f64().unwrap() < 1000_f64.ln());
}

#[test]
fn two_metrics_share_alpha_and_fractions_of_slow_requests_are_rounded_against_harm() {
    let input = r#"{
        "analysis": {"metrics": [{"kind": "clientErrors"}, {"kind": "latency", "thresholdMilliseconds": 800}]},
        "windows": [{"canary": {"requests": 60, "clientErrors": 3, "latency": 4.9},
                     "baseline": {"requests": 540, "latency": 0.1}}]}"#;
    let run = serin(&["judge", "-"], input);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_snapshot!(run.out);
}

#[test]
fn two_thresholds_are_counted_by_name() {
    let input = r#"{
        "analysis": {"metrics": [{"kind": "latency", "thresholdMilliseconds": 500},
                                 {"kind": "latency", "thresholdMilliseconds": 800}]},
        "windows": [{"canary": {"requests": 60, "latency": {"800": 3, "500": 9}},
                     "baseline": {"requests": 540, "latency": {"500": 70}}}]}"#;
    let (_, lines) = rulings(input);
    let finding = lines[0]["finding"].as_str().unwrap();
    assert!(finding.contains("above 500 ms: canary 9 of 60"), "{finding}");
    assert!(
        finding.contains("above 800 ms: canary 3 of 60 (5 %), baseline 0 of 540"),
        "{finding}"
    );
}

#[test]
fn every_fault_is_told_with_its_place() {
    let input = r#"{
        "analysis": {"alpha": 2, "metrics": [{"kind": "serverErrors"}]},
        "windows": [
            {"canary": {"requests": 60, "serverErrors": 61}, "baseline": {"requests": -1}},
            {"canary": {"requests": 1.5, "errors": 1}},
            {"canary": [], "baseline": {"serverErrors": "no"}, "start": 0},
            7
        ],
        "window": []
    }"#;
    assert_snapshot!(refused(&["judge", "-"], input));
}

#[test]
fn nothing_that_is_no_count_is_judged() {
    let window = |canary: &str| format!(r#"{{"windows": [{{"canary": {canary}, "baseline": {{"requests": 9}}}}]}}"#);
    for input in [
        "",
        "NaN",
        "[]",
        "{}",
        r#"{"windows": []}"#,
        r#"{"windows": {}}"#,
        r#"{"windows": [{}]}"#,
        &window(r#"{"requests": NaN}"#),
        &window(r#"{"requests": null}"#),
        &window(r#"{"requests": 1e16}"#),
        &window(r#"{"requests": 1e400}"#),
        &window(r#"{"requests": 18446744073709551616}"#),
        &window(r#"{"requests": 9, "latency": 1}"#),
        &window(r#"{"requests": 9, "serverErrors": 0.5}"#),
        &window(r#"{"requests": 9, "serverErrors": -0.1}"#),
        &window("{}"),
    ] {
        refused(&["judge", "--json", "-"], input);
    }
    let deep = "[".repeat(100_000);
    assert!(refused(&["judge", "-"], &deep).contains("recursion"));
    let many = counts("{}", &vec![[1, 1, 0, 0]; 10_001]);
    assert!(refused(&["judge", "-"], &many).contains("windows: given 10001 of them; allowed: 1 to 10000 windows"));
}

/// CloudWatch interpolates the count of slow requests, and may find a little more of them than there were requests.
#[test]
fn a_fraction_more_slow_requests_than_requests_is_cut_off() {
    let slow = |latency: &str| {
        let side = format!(r#"{{"requests": 60, "latency": {latency}}}"#);
        let analysis = r#"{"metrics": [{"kind": "latency", "thresholdMilliseconds": 500}]}"#;
        format!(r#"{{"analysis": {analysis}, "windows": [{{"canary": {side}, "baseline": {side}}}]}}"#)
    };
    let (_, lines) = rulings(&slow("60.4"));
    let finding = lines[0]["finding"].as_str().unwrap();
    assert!(
        finding.contains("canary 60 of 60 (100 %), baseline 60 of 60"),
        "{finding}"
    );
    refused(&["judge", "-"], &slow("61"));
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    let twice = r#"{"windows": [{"canary": {"requests": 9, "serverErrors": 1, "serverErrors": 0},
        "baseline": {"requests": 9}}]}"#;
    assert_eq!(
        refused(&["judge", "-"], twice),
        "serin: the standard input cannot be read as JSON: the field \"serverErrors\" is there twice at line 1 column 77\n"
    );
}

#[test]
fn windows_that_say_nothing_leave_the_evidence_where_it_was() {
    let empty = [[0, 0, 0, 0], [0, 540, 0, 9], [60, 0, 9, 0], [60, 540, 0, 0]];
    let (code, lines) = rulings(&counts("{}", &empty));
    assert_eq!(code, 0);
    for line in lines {
        assert_eq!(
            line["lnE"],
            serde_json::json!({"exact": 0, "bound": 0, "mixed": 0}),
            "{line}"
        );
    }
}

#[test]
fn a_billion_requests_a_window_are_judged() {
    let billion = 1_000_000_000;
    let windows = [
        [billion, 9 * billion, 1_000_000, 9_000_000],
        [billion, billion, billion, 0],
        [0, 1_000_000_000_000_000, 0, 1_000_000_000_000_000],
    ];
    let (code, lines) = rulings(&counts("{}", &windows));
    assert_eq!((code, lines.len()), (3, 3));
    assert!(lines[0]["lnE"]["mixed"].as_f64().unwrap() < 0.0);
    let scientific =
        r#"{"windows": [{"canary": {"requests": 1e9, "serverErrors": 60.0}, "baseline": {"requests": 1E9}}]}"#;
    assert_eq!(rulings(scientific).0, 3);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_serin"))
        .args(["judge", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Far more lines than a pipe holds.
    let input = counts("{}", &vec![[60, 540, 0, 1]; 2_000]);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with(r#"{"window":1,"#), "{line}");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
