//! The state machine and the code are one contract, checked both ways: states, errors, decisions and names.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a check fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serin_core::{
    decide::Decision,
    timing::{SLOWEST_STATE, WRITE_WINDOW},
};
use serin_steps::StepError;
use serin_tests::{
    cfn::{Template, entries, repository, text, texts},
    machine::{Machine, PUT_EVENTS},
};

/// The states that end an execution badly.
const BAD_ENDS: [&str; 3] = ["Refused", "RolledBack", "NeedsHuman"];

/// Errors of steps that the state machine deliberately does not name: nothing but a rollback helps, and States.ALL leads there.
const LEFT_TO_STATES_ALL: [&str; 4] = ["Drift", "ClaimLost", "Rejected", "Internal"];

/// What Lambda and Step Functions say where it is not known whether a function ran, or still runs.
const UNKNOWN_OUTCOMES: [&str; 8] = [
    "States.Timeout",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Lambda.Unknown",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
];

fn machine() -> Machine {
    Machine::deployed()
}

fn of_type(machine: &Machine, kind: &str) -> BTreeMap<String, Value> {
    let states = machine.states().iter().filter(|(_, state)| state["Type"] == kind);
    states.map(|(name, state)| (name.clone(), state.clone())).collect()
}

/// The tasks that invoke a function: a step's or a hook's.
fn invocations(machine: &Machine) -> BTreeMap<String, Value> {
    let mut tasks = of_type(machine, "Task");
    tasks.retain(|_, task| task["Resource"] == "arn:aws:states:::lambda:invoke");
    tasks
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Every state that a state may lead to.
fn next(state: &Value) -> Vec<&str> {
    let own = [&state["Next"], &state["Default"]]
        .into_iter()
        .filter_map(Value::as_str);
    let rules = list(&state["Choices"]).chain(list(&state["Catch"]));
    own.chain(rules.map(|rule| text(&rule["Next"]))).collect()
}

/// Every state that can be reached from some, themselves included.
fn reachable<'a>(machine: &'a Machine, from: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = from.into_iter().collect();
    while let Some(name) = open.pop() {
        if found.insert(name) {
            open.extend(next(&machine.states()[name]));
        }
    }
    found
}

fn errors<'a>(state: &'a Value, kind: &str) -> impl Iterator<Item = String> + use<'a> {
    list(&state[kind]).flat_map(|rule| texts(&rule["ErrorEquals"]))
}

// --- The graph ---

#[test]
fn every_target_exists_and_every_state_is_reached() {
    let machine = machine();
    let start = text(&machine.definition()["StartAt"]);
    for (name, state) in machine.states() {
        for target in next(state) {
            assert!(
                machine.states().contains_key(target),
                "{name} leads to {target}, which is no state"
            );
        }
    }
    let all = set(machine.states().keys().map(String::as_str));
    assert_eq!(reachable(&machine, [start]), all);
}

#[test]
fn every_state_says_why_it_is_there() {
    for (name, state) in machine().states() {
        assert!(text(&state["Comment"]).ends_with('.'), "{name}");
    }
}

#[test]
fn a_state_goes_on_or_ends() {
    let machine = machine();
    for (name, state) in machine.states() {
        let ends = matches!(text(&state["Type"]), "Succeed" | "Fail");
        assert_eq!(ends, next(state).is_empty(), "{name}");
    }
    let bad = of_type(&machine, "Fail").into_keys();
    assert_eq!(set(bad), set(BAD_ENDS.map(str::to_owned)));
}

#[test]
fn every_failure_ends_in_refused_rolled_back_or_needs_human() {
    let machine = machine();
    let caught = machine.states().values().flat_map(|state| list(&state["Catch"]));
    let caught = caught.map(|rule| text(&rule["Next"]));
    let unexpected = ["Decide", "BeforeTrafficPassed", "AfterPromotionPassed"];
    let unexpected = unexpected.map(|choice| text(&machine.states()[choice]["Default"]));
    let after = reachable(&machine, caught.chain(unexpected));
    let ends = after.iter().filter(|name| next(&machine.states()[**name]).is_empty());
    assert_eq!(set(ends.copied()), set(BAD_ENDS));
    let expected = [
        "ReadRefusal",
        "Refused",
        "RollBack",
        "WasJudged",
        "TellWhy",
        "RolledBack",
        "NeedsHuman",
    ];
    assert_eq!(after, set(expected), "a failure never comes back to the good path");
}

#[test]
fn a_refusal_never_leads_to_rollback() {
    let machine = machine();
    assert_eq!(reachable(&machine, ["ReadRefusal"]), set(["ReadRefusal", "Refused"]));
    for (name, state) in machine.states() {
        let leads = next(state).contains(&"ReadRefusal");
        assert_eq!(leads, name == "Begin", "{name}");
        assert!(name == "ReadRefusal" || !next(state).contains(&"Refused"), "{name}");
    }
    let refusals = &machine.states()["Begin"]["Catch"][0];
    assert_eq!(refusals["Next"], "ReadRefusal");
    assert_eq!(
        texts(&refusals["ErrorEquals"]),
        ["InvalidInput", "StageBusy", "StageDraining"]
    );
}

#[test]
fn only_finish_leads_to_success_and_only_rollback_to_its_ends() {
    let machine = machine();
    let sources: [(&str, &[&str]); 5] = [
        ("Succeeded", &["Finish"]),
        ("NeedsHuman", &["RollBack"]),
        ("WasJudged", &["RollBack"]),
        ("TellWhy", &["WasJudged"]),
        ("RolledBack", &["TellWhy", "WasJudged"]),
    ];
    for (target, expected) in sources {
        let leading = machine
            .states()
            .iter()
            .filter(|(_, state)| next(state).contains(&target));
        assert_eq!(
            set(leading.map(|(name, _)| name.as_str())),
            set(expected.iter().copied()),
            "{target}"
        );
    }
}

/// What a person or a program is told must not keep an execution from ending as it should.
#[test]
fn whoever_cannot_be_told_changes_nothing() {
    let machine = machine();
    let telling = of_type(&machine, "Task")
        .into_iter()
        .filter(|(_, task)| task["Resource"] == PUT_EVENTS);
    let telling: BTreeMap<_, _> = telling.collect();
    assert_eq!(telling.keys().collect::<Vec<_>>(), ["TellWhy"]);
    let task = &telling["TellWhy"];
    assert!(task["ResultPath"].is_null() && task["Catch"][0]["ResultPath"].is_null());
    assert_eq!(texts(&task["Catch"][0]["ErrorEquals"]), ["States.ALL"]);
    assert_eq!(set(next(task)), set(["RolledBack"]));
}

#[test]
fn hooks_are_asked_where_the_design_says_and_only_a_clear_pass_is_a_pass() {
    let machine = machine();
    for (hook, before, passed, on) in [
        ("BeforeTraffic", "HasBeforeTraffic", "BeforeTrafficPassed", "Decide"),
        ("AfterPromotion", "HasAfterPromotion", "AfterPromotionPassed", "Bake"),
    ] {
        let states = machine.states();
        assert_eq!(next(&states[before]), [on, hook], "{before} goes on without a hook");
        assert_eq!(next(&states[hook])[0], passed);
        assert_eq!(next(&states[passed]), ["RollBack", on]);
    }
    assert_eq!(next(&machine.states()["Begin"])[0], "HasBeforeTraffic");
    assert_eq!(next(&machine.states()["Promote"])[0], "HasAfterPromotion");
}

// --- Errors ---

#[test]
fn every_task_has_retry_catch_and_a_timeout_beyond_the_function_s() {
    let template = Template::read("template.yaml", &[]);
    for (name, task) in of_type(&machine(), "Task") {
        assert!(list(&task["Retry"]).count() > 0, "{name}");
        let last = list(&task["Catch"]).last().unwrap();
        assert_eq!(texts(&last["ErrorEquals"]), ["States.ALL"], "{name}");
        assert!(task["TimeoutSeconds"].is_u64(), "{name}");
    }
    for (name, task) in invocations(&machine()) {
        let longest = match function_of(&task) {
            Some(function) => template.function(&format!("{function}Function"))["Timeout"].as_u64(),
            None => Some(900), // A hook is the user's own function: as long as Lambda lets any run.
        };
        assert!(task["TimeoutSeconds"].as_u64() >= longest, "{name}");
    }
}

#[test]
fn the_state_machine_names_no_error_that_no_step_returns() {
    let names = set(StepError::NAMES.map(str::to_owned));
    for (state, task) in of_type(&machine(), "Task") {
        for error in errors(&task, "Retry").chain(errors(&task, "Catch")) {
            assert!(error.contains('.') || names.contains(&error), "{state} names {error}");
        }
    }
}

#[test]
fn every_error_of_a_step_is_named_or_left_to_states_all_on_purpose() {
    let machine = machine();
    let tasks = of_type(&machine, "Task");
    let named = tasks
        .values()
        .flat_map(|task| errors(task, "Retry").chain(errors(task, "Catch")));
    let named = set(named.filter(|error| !error.contains('.')));
    let left = set(LEFT_TO_STATES_ALL.map(str::to_owned));
    assert!(named.is_disjoint(&left));
    assert_eq!(
        named.union(&left).cloned().collect::<BTreeSet<_>>(),
        set(StepError::NAMES.map(str::to_owned))
    );
}

#[test]
fn no_error_is_retried_twice_over_and_none_that_is_not_named() {
    for (state, task) in of_type(&machine(), "Task") {
        let retried: Vec<_> = errors(&task, "Retry").collect();
        assert_eq!(set(retried.iter()).len(), retried.len(), "{state}");
        for wide in ["States.ALL", "States.TaskFailed"] {
            assert!(
                !retried.iter().any(|error| error == wide),
                "{state} retries {wide}, so what cannot be helped too"
            );
        }
    }
}

#[test]
fn throttling_and_transient_faults_are_retried_by_every_function() {
    for (state, task) in of_type(&machine(), "Task") {
        if function_of(&task).is_some() {
            let retried = set(errors(&task, "Retry"));
            for error in ["Throttled", "Transient", "Lambda.TooManyRequestsException"]
                .iter()
                .chain(&UNKNOWN_OUTCOMES)
            {
                assert!(retried.contains(*error), "{state} does not retry {error}");
            }
        }
    }
}

#[test]
fn an_unknown_outcome_is_retried_only_when_the_old_attempt_must_be_dead() {
    let machine = machine();
    for name in ["Begin", "Advance", "Promote"] {
        let rules = list(&machine.states()[name]["Retry"]);
        let unknown = rules.filter(|rule| {
            texts(&rule["ErrorEquals"])
                .iter()
                .any(|error| UNKNOWN_OUTCOMES.contains(&error.as_str()))
        });
        for rule in unknown {
            assert!(
                rule["IntervalSeconds"].as_i64() >= Some(WRITE_WINDOW.as_secs()),
                "{name}"
            );
            assert!(rule["BackoffRate"].as_f64() >= Some(1.0), "{name}");
            assert!(
                rule["JitterStrategy"].is_null(),
                "{name}: full jitter may wait for no time at all"
            );
        }
    }
}

#[test]
fn no_state_outlasts_the_heartbeat() {
    let machine = machine();
    let longest = |name: &str| {
        let task = &machine.states()[name];
        let timeout = task["TimeoutSeconds"].as_i64().unwrap();
        let attempts = list(&task["Retry"]).map(|rule| {
            let wait = rule["MaxDelaySeconds"]
                .as_i64()
                .or(rule["IntervalSeconds"].as_i64())
                .unwrap();
            rule["MaxAttempts"].as_i64().unwrap() * (timeout + wait)
        });
        timeout + attempts.sum::<i64>()
    };
    let steps = ["Advance", "Evaluate", "Promote", "Finish"]
        .map(longest)
        .into_iter()
        .max()
        .unwrap();
    // A hook is retried only where it did not run, so it takes its time once.
    let hook = machine.states()["BeforeTraffic"]["TimeoutSeconds"].as_i64().unwrap();
    assert!(hook + steps <= SLOWEST_STATE.as_secs(), "{hook} s and {steps} s");
}

// --- Decisions ---

/// Every word that a choice compares with.
fn words(rule: &Value) -> Vec<String> {
    let nested = list(&rule["Or"]).chain(list(&rule["And"])).flat_map(words);
    rule["StringEquals"]
        .as_str()
        .map(str::to_owned)
        .into_iter()
        .chain(nested)
        .collect()
}

#[test]
fn decide_routes_every_decision_and_whatever_it_does_not_know_goes_back() {
    let machine = machine();
    let decide = &machine.states()["Decide"];
    let routed: Vec<_> = list(&decide["Choices"]).flat_map(words).collect();
    let decisions = Decision::ALL
        .into_iter()
        .filter(|decision| *decision != Decision::RollBack);
    assert_eq!(
        set(routed.clone()),
        set(decisions.map(|decision| decision.name().to_owned()))
    );
    assert_eq!(routed.len(), Decision::ALL.len() - 1, "each once");
    assert_eq!(decide["Default"], "RollBack");
    for (decision, state) in [
        ("bake", "Bake"),
        ("hold", "Bake"),
        ("awaitApproval", "Bake"),
        ("advance", "Advance"),
        ("promote", "Promote"),
        ("finish", "Finish"),
    ] {
        let chosen = list(&decide["Choices"]).find(|choice| words(choice).iter().any(|word| word == decision));
        assert_eq!(chosen.unwrap()["Next"], state, "{decision}");
    }
}

#[test]
fn a_decision_s_name_is_the_one_in_the_document() {
    for decision in Decision::ALL {
        assert_eq!(serde_json::to_value(decision).unwrap(), decision.name());
    }
}

// --- One name everywhere ---

/// `Begin` for a task that invokes `${BeginFunctionArn}`; none for a hook.
fn function_of(task: &Value) -> Option<String> {
    let name = task["Parameters"]["FunctionName"].as_str()?;
    let name = name
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix("FunctionArn}"));
    Some(name.unwrap_or_else(|| panic!("{task}")).to_owned())
}

fn folders(path: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository(path)).unwrap().map(|entry| entry.unwrap());
    set(entries.map(|entry| entry.file_name().into_string().unwrap()))
}

#[test]
fn a_task_invokes_the_function_of_its_own_name() {
    let functions = folders("functions");
    let mut invoked = BTreeSet::new();
    for (state, task) in invocations(&machine()) {
        let Some(function) = function_of(&task) else {
            assert_eq!(
                task["Parameters"]["FunctionName.$"],
                format!("$.hooks.{}{}", state[..1].to_lowercase(), &state[1..])
            );
            continue;
        };
        assert_eq!(function.to_lowercase(), state.to_lowercase());
        invoked.insert(function.to_lowercase());
    }
    assert!(invoked.is_subset(&functions));
    let others = functions.difference(&invoked).map(String::as_str);
    assert_eq!(
        set(others),
        set(["instruct", "sweep"]),
        "these are invoked by people and by the clock"
    );
}

#[test]
fn a_function_has_one_name_everywhere() {
    let functions = folders("functions");
    assert_eq!(folders("events"), functions);
    let template = Template::read("template.yaml", &[]).source;
    for function in &functions {
        let manifest = std::fs::read_to_string(repository(&format!("functions/{function}/Cargo.toml"))).unwrap();
        assert!(
            manifest.contains(&format!("[package]\nname = \"{function}\"\n")),
            "{function}"
        );
        assert!(
            !manifest.contains("[[bin]]"),
            "{function}: its binary has the package's name"
        );
        assert!(
            repository(&format!("crates/serin-steps/src/{function}.rs")).is_file(),
            "{function}"
        );
        let main = std::fs::read_to_string(repository(&format!("functions/{function}/src/main.rs"))).unwrap();
        assert!(main.contains(&format!("{function}::{function}(")), "{function}");
        let id = format!("{}{}Function", function[..1].to_uppercase(), &function[1..]);
        assert_eq!(
            template["Resources"][&id]["Properties"]["CodeUri"],
            format!("build/lambda/{function}/")
        );
    }
}

#[test]
fn the_substitutions_are_functions_of_the_template() {
    let template = Template::read("template.yaml", &[]);
    let given = template.properties("RolloutStateMachine")["DefinitionSubstitutions"].clone();
    let given = set(entries(&given).map(|(name, _)| name.clone()));
    let tasks = of_type(&machine(), "Task");
    let used = tasks
        .values()
        .filter_map(function_of)
        .map(|function| format!("{function}FunctionArn"));
    assert_eq!(given, set(used));
}

#[test]
fn documents_go_in_whole_and_come_out_whole() {
    for (state, task) in invocations(&machine()) {
        if function_of(&task).is_some() {
            assert_eq!(task["OutputPath"], "$.Payload", "{state}");
            assert!(
                task["ResultPath"].is_null() && task["ResultSelector"].is_null(),
                "{state}"
            );
            let whole = match state.as_str() {
                "Begin" => &task["Parameters"]["Payload"]["request.$"],
                "RollBack" => &task["Parameters"]["Payload"]["state.$"],
                _ => &task["Parameters"]["Payload.$"],
            };
            assert_eq!(whole, "$", "{state}");
        } else {
            assert_eq!(
                task["ResultPath"], "$.hook",
                "{state}: an answer goes beside the document, never into it"
            );
        }
    }
}
