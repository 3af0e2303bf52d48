//! What the documents say is so: examples are requests that are accepted, and what they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serin_core::{
    ids::Home,
    plan,
    request::{self, Settings, Surroundings},
};
use serin_tests::cfn::repository;

/// The account, region and hooks that the examples of the documents are written for.
fn surroundings() -> Surroundings {
    Surroundings {
        home: Home {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
        },
        settings: Settings {
            hook_pattern: "serin-hook-*".to_owned(),
            metric_seconds: 60,
        },
    }
}

/// A document, or nothing where there is none of that name.
fn document(path: &str) -> Option<String> {
    fs::read_to_string(repository(path)).ok()
}

/// The blocks of a document that are marked as JSON, each with the number of its first line.
fn json_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (&mut open, line) {
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, block)), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, "```json") => open = Some((number + 1, String::new())),
            (None, _) => {}
        }
    }
    blocks
}

/// The cells of each row of the tables of a document.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::trim).collect())
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_example_of_a_request_is_accepted() {
    let mut tried = 0;
    for path in ["docs/request.md", "README.md"] {
        for (line, block) in document(path).iter().flat_map(|text| json_blocks(text)) {
            let input: Value =
                serde_json::from_str(&block).unwrap_or_else(|fault| panic!("{path}:{line} is not JSON: {fault}"));
            if let Err(faults) = request::parse(&input, &surroundings()) {
                panic!("{path}:{line} is not accepted: {faults}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} examples were found");
}

#[test]
fn presets_move_traffic_as_the_document_says() {
    let text = document("docs/request.md").unwrap();
    let presets = rows(&text).filter_map(|row| match row.as_slice() {
        [name, steps, bake] => Some((quoted(name).next()?.to_owned(), (*steps).to_owned(), (*bake).to_owned())),
        _ => None,
    });
    let presets: Vec<_> = presets.filter(|(name, ..)| plan::preset(name).is_some()).collect();
    let names: Vec<_> = presets.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names.join(", "), plan::preset_names());
    for (name, shares, bake) in presets {
        let steps = plan::preset(&name).unwrap();
        if steps.is_empty() {
            assert_eq!(
                (shares.as_str(), bake.as_str()),
                ("none: promotion at once", ""),
                "{name}"
            );
            continue;
        }
        let told: Vec<_> = steps.iter().map(|step| step.percent.to_string()).collect();
        assert_eq!(shares, told.join(", "), "{name}");
        assert!(
            steps.iter().all(|step| format!("{} s", step.bake_seconds) == bake),
            "{name}"
        );
    }
}

#[test]
fn every_invariant_is_held_by_tests_that_exist() {
    let architecture = document("ARCHITECTURE.md").unwrap();
    let section = architecture
        .split("\n## ")
        .find(|section| section.starts_with("Invariants"));
    let tests = names_of_tests();
    let mut held = BTreeSet::new();
    let mut invariant = 0_u32;
    for row in rows(section.unwrap()) {
        let [number, _, held_by] = row.as_slice() else { continue };
        // A row without a number goes on with the invariant above it.
        invariant = number.parse().unwrap_or(invariant);
        for name in quoted(held_by) {
            assert!(
                tests.contains(name),
                "invariant {invariant} names {name}, which is no test"
            );
            held.insert(invariant);
        }
    }
    assert_eq!(held, (1..=7).collect(), "the invariants that name a test");
}

#[test]
fn every_case_of_the_semantics_is_held_by_tests_that_exist() {
    let semantics = document("docs/semantics.md").unwrap();
    let (_, cases) = semantics.split_once("\n## What happens when").unwrap();
    let tests = names_of_tests();
    let mut told = 0;
    for case in cases.split("\n### ... ").skip(1) {
        let title = case.lines().next().unwrap_or_default();
        let (_, held_by) = case
            .split_once("\nHeld by ")
            .unwrap_or_else(|| panic!("nothing holds {title:?}"));
        let names: Vec<_> = quoted(held_by).collect();
        assert!(!names.is_empty(), "nothing holds {title:?}");
        for name in names {
            assert!(tests.contains(name), "{title:?} names {name}, which is no test");
        }
        told += 1;
    }
    assert!(told >= 30, "{told} cases");
}

#[test]
fn every_known_difference_of_local_stack_has_its_source_and_is_asserted_or_says_why_not() {
    let text = document("docs/aws-fidelity.md").unwrap();
    let (_, differences) = text.split_once("\n## Where LocalStack differs\n").unwrap();
    let (table, _) = differences.split_once("\n### Known by name\n").unwrap();
    let (tests, told) = (names_of_tests(), rows(table).skip(2));
    let mut count = 0;
    for row in told {
        let [what, _, _, source, asserted_by] = row.as_slice() else {
            panic!("{row:?}")
        };
        assert!(!source.is_empty(), "{what} has no source");
        if !asserted_by.starts_with("not at all: ") {
            let name = quoted(asserted_by)
                .next()
                .unwrap_or_else(|| panic!("nothing asserts {what}"));
            assert!(tests.contains(name), "{what} names {name}, which is no test");
        }
        count += 1;
    }
    assert!(count >= 20, "{count} differences");
}

#[test]
fn every_test_that_the_protocol_names_exists() {
    let protocol = document("docs/protocol.md").unwrap();
    let paragraphs = protocol
        .split("\n\n")
        .filter(|paragraph| paragraph.starts_with("Held by "));
    let named: Vec<_> = paragraphs.flat_map(quoted).collect();
    assert!(!named.is_empty());
    let tests = names_of_tests();
    for name in named {
        assert!(tests.contains(name), "the protocol names {name}, which is no test");
    }
}

/// The tests, scenarios and unit tests of this repository.
fn names_of_tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["tests", "crates"] {
        for file in files_below(&repository(folder), "rs") {
            let text = fs::read_to_string(file).unwrap_or_default();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let function = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
                if let Some((name, _)) = function.filter(|_| is_test) {
                    names.insert(name.to_owned());
                    is_test = false;
                }
            }
        }
    }
    names
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut documents = files_below(&repository("docs"), "md");
    documents.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(repository));
    documents.push(repository("infra/local/README.md"));
    for path in documents {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let target = link.0.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let there = path.parent().unwrap_or(&path).join(target);
            assert!(
                there.exists(),
                "{} links to {target}, which does not exist",
                path.display()
            );
        }
    }
}
