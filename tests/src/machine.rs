//! Runs the deployed state machine in process: as much of the Amazon States Language as `rollout.asl.json` uses, and an error
//! for anything else, so that a state that is not understood here cannot pass unseen.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "it serves tests only, which fail by panicking"
)]

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

/// The integration that puts events on a bus. It is done at once, without anybody's help.
pub const PUT_EVENTS: &str = "arn:aws:states:::events:putEvents";

/// The deployed state machine.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Value>);

/// What an execution wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// To invoke a function, named by its substitution or its ARN, and be told the outcome.
    Invoke {
        /// `${BeginFunctionArn}`, or the ARN of a hook.
        function: String,
        /// Its payload.
        payload: Value,
    },
    /// To be asked again after that many seconds.
    Wait(u64),
    /// Nothing: it has ended.
    Ended(End),
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Well, with its output.
    Succeeded(Value),
    /// With an error and its cause.
    Failed {
        /// The error's name.
        error: String,
        /// Its cause.
        cause: String,
    },
}

/// What a function's invocation came to, if not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error's name.
    pub error: String,
    /// Its cause, for functions JSON text.
    pub cause: String,
}

impl Machine {
    /// The machine that template.yaml deploys.
    #[must_use]
    pub fn deployed() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/statemachine/rollout.asl.json");
        Self::of(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    /// A machine of that definition.
    #[must_use]
    pub fn of(definition: Value) -> Self {
        Self(Arc::new(definition))
    }

    /// The states by name.
    #[must_use]
    pub fn states(&self) -> &Map<String, Value> {
        self.0["States"].as_object().unwrap()
    }

    /// The whole definition.
    #[must_use]
    pub fn definition(&self) -> &Value {
        &self.0
    }

    /// Starts an execution.
    #[must_use]
    pub fn start(&self, execution_arn: &str, name: &str, input: Value) -> Execution {
        let context =
            json!({ "Execution": { "Id": execution_arn, "Name": name, "StartTime": "2026-01-01T00:00:00Z" } });
        let state = self.0["StartAt"].as_str().unwrap().to_owned();
        Execution {
            machine: self.clone(),
            context,
            state,
            data: input,
            retries: BTreeMap::new(),
            events: 1,
            seen: Vec::new(),
            told: Vec::new(),
        }
    }
}

/// An execution of the machine.
#[derive(Clone, Debug)]
pub struct Execution {
    machine: Machine,
    context: Value,
    state: String,
    data: Value,
    retries: BTreeMap<usize, u64>,
    /// How many history events it has.
    pub events: u32,
    /// The states that it entered.
    pub seen: Vec<String>,
    /// The events that it put on the default bus.
    pub told: Vec<Value>,
}

impl Execution {
    fn definition(&self) -> Value {
        self.machine.states()[&self.state].clone()
    }

    /// Goes on until a function is to be invoked, time is to pass or the execution ends.
    pub fn resume(&mut self) -> Next {
        loop {
            let state = self.definition();
            if self.retries.is_empty() {
                self.seen.push(self.state.clone());
            }
            match state["Type"].as_str().unwrap() {
                "Task" if state["Resource"] == PUT_EVENTS => {
                    let entries = self.fill(&state["Parameters"])["Entries"].clone();
                    self.told.extend(entries.as_array().unwrap().iter().cloned());
                    assert!(state["ResultPath"].is_null(), "its result is nothing to the execution");
                    self.leave(5, state["Next"].as_str().unwrap());
                }
                "Task" => return self.invoke(&state),
                "Wait" => {
                    let seconds = self.read(state["SecondsPath"].as_str().unwrap()).as_u64().unwrap();
                    self.leave(2, state["Next"].as_str().unwrap());
                    return Next::Wait(seconds);
                }
                "Choice" => {
                    let choices = state["Choices"].as_array().unwrap();
                    let chosen = choices.iter().find(|choice| self.holds(choice)).unwrap_or(&state);
                    let next = chosen["Next"]
                        .as_str()
                        .or_else(|| chosen["Default"].as_str())
                        .unwrap()
                        .to_owned();
                    self.leave(2, &next);
                }
                "Pass" => {
                    self.data = self.fill(&state["Parameters"]);
                    self.leave(2, state["Next"].as_str().unwrap());
                }
                "Succeed" => return Next::Ended(End::Succeeded(self.data.clone())),
                "Fail" => return Next::Ended(self.fail(&state)),
                other => panic!("a state of type {other}"),
            }
        }
    }

    fn leave(&mut self, events: u32, next: &str) {
        self.events += events;
        self.retries.clear();
        next.clone_into(&mut self.state);
    }

    fn invoke(&mut self, state: &Value) -> Next {
        assert_eq!(state["Resource"], "arn:aws:states:::lambda:invoke");
        let parameters = self.fill(&state["Parameters"]);
        let function = parameters["FunctionName"].as_str().unwrap().to_owned();
        self.events += if self.retries.is_empty() { 3 } else { 2 };
        Next::Invoke {
            function,
            payload: parameters["Payload"].clone(),
        }
    }

    /// Tells what the invocation came to; how long to wait before going on.
    pub fn complete(&mut self, outcome: Result<Value, Failure>) -> u64 {
        let state = self.definition();
        match outcome {
            Ok(payload) => {
                let result = json!({ "Payload": payload });
                let result = match state.get("ResultSelector") {
                    Some(selector) => fill(selector, &result, &self.context),
                    None => result,
                };
                self.data = place(&self.data, state["ResultPath"].as_str(), result);
                if let Some(path) = state["OutputPath"].as_str() {
                    self.data = self.read(path);
                }
                self.leave(2, state["Next"].as_str().unwrap());
                0
            }
            Err(failure) => self.failed(&state, &failure),
        }
    }

    fn failed(&mut self, state: &Value, failure: &Failure) -> u64 {
        self.events += 1;
        let retriers = state["Retry"].as_array().unwrap();
        if let Some((index, retrier)) = retriers.iter().enumerate().find(|(_, rule)| matches(rule, failure)) {
            let used = self.retries.entry(index).or_insert(0);
            if *used < retrier["MaxAttempts"].as_u64().unwrap() {
                let power = i32::try_from(*used).unwrap();
                *used += 1;
                let wait =
                    retrier["IntervalSeconds"].as_f64().unwrap() * retrier["BackoffRate"].as_f64().unwrap().powi(power);
                let longest = retrier["MaxDelaySeconds"].as_f64().unwrap_or(f64::MAX);
                return format!("{:.0}", wait.min(longest)).parse().unwrap();
            }
        }
        self.catch(state, failure);
        0
    }

    /// Tells that the invocation failed and that its retries are used up.
    pub fn give_up(&mut self, failure: &Failure) {
        self.events += 1;
        self.catch(&self.definition(), failure);
    }

    fn catch(&mut self, state: &Value, failure: &Failure) {
        let catchers = state["Catch"].as_array().unwrap();
        let catcher = catchers
            .iter()
            .find(|rule| matches(rule, failure))
            .expect("every task catches everything");
        let error = json!({ "Error": failure.error, "Cause": failure.cause });
        self.data = place(&self.data, catcher["ResultPath"].as_str(), error);
        self.leave(1, catcher["Next"].as_str().unwrap());
    }

    /// Whether it would be tried again after that failure, if it failed with it for the first time.
    #[must_use]
    pub fn may_retry(&self, failure: &Failure) -> bool {
        let state = self.definition();
        state["Retry"]
            .as_array()
            .unwrap()
            .iter()
            .any(|rule| matches(rule, failure))
    }

    /// All that decides how it goes on: two executions that are equal in this go on in the same way.
    #[must_use]
    pub fn position(&self) -> (&str, &BTreeMap<usize, u64>, &Value, &Value) {
        (&self.state, &self.retries, &self.data, &self.context)
    }

    fn fail(&self, state: &Value) -> End {
        let text = |plain: &str, path: &str| match (state[plain].as_str(), state[path].as_str()) {
            (Some(text), None) => text.to_owned(),
            (None, Some(path)) => evaluate(path, &self.data, &self.context)
                .as_str()
                .expect(path)
                .to_owned(),
            other => panic!("{plain}: {other:?}"),
        };
        End::Failed {
            error: text("Error", "ErrorPath"),
            cause: text("Cause", "CausePath"),
        }
    }

    fn holds(&self, rule: &Value) -> bool {
        let all = |rules: &Value| {
            rules
                .as_array()
                .unwrap()
                .iter()
                .map(|rule| self.holds(rule))
                .collect::<Vec<_>>()
        };
        if let Some(rules) = rule.get("And") {
            return all(rules).into_iter().all(|held| held);
        }
        if let Some(rules) = rule.get("Or") {
            return all(rules).into_iter().any(|held| held);
        }
        let found = find(rule["Variable"].as_str().unwrap(), &self.data, &self.context);
        if let Some(present) = rule.get("IsPresent") {
            return found.is_some() == present.as_bool().unwrap();
        }
        found.is_some_and(|value| value.as_str() == Some(rule["StringEquals"].as_str().unwrap()))
    }

    fn read(&self, path: &str) -> Value {
        evaluate(path, &self.data, &self.context)
    }

    fn fill(&self, template: &Value) -> Value {
        fill(template, &self.data, &self.context)
    }
}

fn matches(rule: &Value, failure: &Failure) -> bool {
    let names = rule["ErrorEquals"].as_array().unwrap();
    names
        .iter()
        .any(|name| name == "States.ALL" || name == failure.error.as_str())
}

/// Fills in what ends in `.$`.
fn fill(template: &Value, data: &Value, context: &Value) -> Value {
    if let Some(items) = template.as_array() {
        return items.iter().map(|item| fill(item, data, context)).collect();
    }
    let Some(fields) = template.as_object() else {
        return template.clone();
    };
    let field = |(name, value): (&String, &Value)| match name.strip_suffix(".$") {
        Some(name) => (name.to_owned(), evaluate(value.as_str().unwrap(), data, context)),
        None => (name.clone(), fill(value, data, context)),
    };
    Value::Object(fields.iter().map(field).collect())
}

/// A path, or one of the two intrinsic functions that the machine uses.
fn evaluate(expression: &str, data: &Value, context: &Value) -> Value {
    if let Some(inner) = expression.strip_prefix("States.StringToJson(") {
        let text = evaluate(inner.trim_end_matches(')'), data, context);
        return serde_json::from_str(text.as_str().unwrap()).unwrap();
    }
    if let Some(inner) = expression.strip_prefix("States.Format('") {
        let (format, argument) = inner.split_once("', ").unwrap();
        let argument = evaluate(argument.trim_end_matches(')'), data, context);
        return Value::String(format.replace("{}", argument.as_str().unwrap()));
    }
    find(expression, data, context).unwrap_or_else(|| panic!("{expression} is not in {data}"))
}

fn find(path: &str, data: &Value, context: &Value) -> Option<Value> {
    let (root, path) = match path.strip_prefix("$$") {
        Some(rest) => (context, rest),
        None => (data, path.strip_prefix('$').unwrap()),
    };
    root.pointer(&path.replace('.', "/")).cloned()
}

fn place(data: &Value, path: Option<&str>, result: Value) -> Value {
    let Some(name) = path.unwrap_or("$").strip_prefix("$.") else {
        return result;
    };
    let mut data = data.clone();
    let object = data.as_object_mut().expect("a result is placed into an object only");
    object.insert(name.to_owned(), result);
    data
}
