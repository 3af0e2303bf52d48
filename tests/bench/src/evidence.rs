//! How long evidence takes to judge: what Criterion measured, as a table.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use serin_report::{row, table};

use crate::{
    cargo,
    error::{BenchError, Outcome, doing},
};

/// The longest that ten thousand windows may take to be judged, in milliseconds.
const MOST: f64 = 5.0;

/// Criterion's groups, what they are, and whether they have a target. 2,880 windows are the most of a rollout.
const GROUPS: [(&str, &str, bool); 3] = [
    ("judged", "10,000 windows judged", true),
    ("told", "2,880 windows judged and told", false),
    ("told-many", "10,000 windows judged and told", false),
];

/// Runs the benchmark of `serin-core`, and returns the table.
pub(crate) fn measure(root: &Path) -> Outcome<String> {
    let measured = root.join("target/criterion");
    // What an earlier version of the benchmark measured would be taken for this one's.
    if measured.exists() {
        fs::remove_dir_all(&measured).map_err(doing(format!("remove {}", measured.display())))?;
    }
    let mut command = cargo::cargo();
    command
        .current_dir(root)
        .args(["bench", "--locked", "--package", "serin-core", "--bench", "evidence"]);
    command
        .arg("--target-dir")
        .arg(root.join("target"))
        .env("CRITERION_HOME", &measured);
    cargo::run(&mut command, "its messages are above")?;
    let mut rows = vec![row([
        "what",
        "requests",
        "median ms",
        "95 % confidence",
        "wanted",
        "verdict",
    ])];
    for (group, what, has_target) in GROUPS {
        for folder in folders(&measured.join(group))? {
            rows.push(measurement(&folder, what, has_target)?);
        }
    }
    Ok(table(2, &rows))
}

/// What was measured in a group, in the order of its names.
fn folders(group: &Path) -> Outcome<Vec<PathBuf>> {
    let reading = || doing(format!("read {}", group.display()));
    let entries = fs::read_dir(group).map_err(reading())?;
    let folders = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut folders = folders.collect::<Result<Vec<_>, _>>().map_err(reading())?;
    folders.retain(|folder| folder.join("new/estimates.json").exists());
    folders.sort();
    Ok(folders)
}

fn measurement(folder: &Path, what: &str, has_target: bool) -> Outcome<Vec<String>> {
    let (names, estimates) = (folder.join("new/benchmark.json"), folder.join("new/estimates.json"));
    let name = json(&names)?
        .pointer("/function_id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let name = name.ok_or_else(|| strange(&names, "function_id"))?;
    let found = json(&estimates)?;
    let millis = |pointer: &str| {
        let nanos = found.pointer(pointer).and_then(Value::as_f64);
        nanos
            .map(|nanos| nanos / 1e6)
            .ok_or_else(|| strange(&estimates, pointer))
    };
    let median = millis("/median/point_estimate")?;
    let (low, high) = (
        millis("/median/confidence_interval/lower_bound")?,
        millis("/median/confidence_interval/upper_bound")?,
    );
    let (wanted, verdict) = match median <= MOST {
        _ if !has_target => (String::new(), ""),
        true => (format!("<= {MOST}"), "pass"),
        false => (format!("<= {MOST}"), "MISS"),
    };
    let (median, interval) = (format!("{median:.2}"), format!("{low:.2} to {high:.2}"));
    Ok(vec![
        what.to_owned(),
        name,
        median,
        interval,
        wanted,
        verdict.to_owned(),
    ])
}

fn json(file: &Path) -> Outcome<Value> {
    let text = fs::read_to_string(file).map_err(doing(format!("read {}", file.display())))?;
    serde_json::from_str(&text).map_err(|_| strange(file, "JSON"))
}

fn strange(file: &Path, missing: &str) -> BenchError {
    BenchError::Measurement {
        file: PathBuf::from(file),
        missing: missing.to_owned(),
    }
}
