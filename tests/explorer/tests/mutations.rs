//! Each line of the tables in section 5 of `docs/protocol.md`, taken out, is caught: the explorer can fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serin_explorer::{
    bounds,
    mutation::Mutation,
    search::{Report, search},
};

/// Which bound catches it, and by which invariant.
const CAUGHT: [(Mutation, &str, &str); 26] = [
    (Mutation::ClaimChangesLast, "silence", "1:"),
    (Mutation::PercentZeroFirst, "silence", "1:"),
    (Mutation::AnswerNotJudged, "lost", "1:"),
    (Mutation::NarrowOurs, "end", "7:"),
    (Mutation::OursWhateverItOverrides, "drift", "5:"),
    (Mutation::BeginBesideItself, "recipe", "1:"),
    (Mutation::SweepDoesNotRestore, "end", "7:"),
    (Mutation::NoDrain, "late", "2:"),
    (Mutation::LookBeforeClaim, "canary", "5:"),
    (Mutation::ClaimsAgain, "stop", "1:"),
    (Mutation::AlarmOfAnyTime, "late", "2:"),
    (Mutation::AlarmsBeforeClaim, "alarm", "1:"),
    (Mutation::DriftIgnoresShare, "variable", "4:"),
    (Mutation::DriftIgnoresOverrides, "drift", "4:"),
    (Mutation::DriftSeenOnce, "drift", "4:"),
    (Mutation::SweepIgnoresEnded, "end", "7:"),
    (Mutation::RestoreAllVariables, "variable", "5:"),
    (Mutation::NoLookBeforeCopy, "canary", "5:"),
    (Mutation::UndoAlways, "canary", "5:"),
    (Mutation::NoSwitch, "stop", "1:"),
    (Mutation::SwitchNotRecorded, "switch-next", "2:"),
    (Mutation::ArmedNotWaitedFor, "scheduler", "2:"),
    (Mutation::NoLastDisarm, "switch-orphan", "6:"),
    (Mutation::LateCutForgotten, "switch-next", "2:"),
    (Mutation::FiredIsSetAgain, "switch-next", "2:"),
    (Mutation::DrainEndsUnseen, "away", "7:"),
];

/// What the protocol says is not needed for safety, and where it would be missed first.
const NOT_NEEDED: [(Mutation, [&str; 3]); 5] = [
    (Mutation::NotLeftToItsCall, ["crash", "alarm", "late"]),
    (Mutation::NoWriteAfterAdvance, ["crash", "steps", "late"]),
    (Mutation::NoUndo, ["canary", "orphan", "recipe"]),
    (Mutation::RecipeAlways, ["crash", "orphan", "canary"]),
    (Mutation::PushMakes, ["switch", "switch-lost", "switch-next"]),
];

fn without(line: Mutation, name: &str) -> Report {
    let bound = bounds::quick().into_iter().find(|bound| bound.name == name).unwrap();
    search(&bound, Some(line), 5_000_000)
}

#[test]
fn a_protocol_without_one_of_its_lines_is_caught() {
    for (line, bound, invariant) in CAUGHT {
        let violation = without(line, bound).violation;
        let violation = violation.unwrap_or_else(|| panic!("{line:?} is not caught by {bound}"));
        let story = violation.story.join("\n");
        assert!(
            violation.text.starts_with(invariant),
            "{line:?}: {}\n{story}",
            violation.text
        );
    }
}

#[test]
fn what_is_not_needed_for_safety_is_not_missed() {
    for (line, names) in NOT_NEEDED {
        for name in names {
            let report = without(line, name);
            let text = report.violation.map(|violation| violation.text);
            assert_eq!(text, None, "{line:?} is missed by {name}");
            assert!(report.complete);
        }
    }
}

#[test]
fn every_line_is_either_needed_or_not() {
    let known = CAUGHT.map(|(line, ..)| line).into_iter();
    let known: Vec<_> = known.chain(NOT_NEEDED.map(|(line, _)| line)).collect();
    assert_eq!(known, Mutation::ALL);
    assert_eq!(NOT_NEEDED.map(|(line, _)| line), Mutation::NOT_NEEDED);
}

/// The lines of the tables of the protocol's section 5, of what is needed and of what is not.
fn lines_of_the_protocol() -> [BTreeSet<String>; 2] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("5. ")).unwrap();
    let mut tables = section.split("\n\n").filter(|block| block.starts_with('|'));
    [(); 2].map(|()| {
        let rows = tables.next().unwrap().lines().skip(2);
        let first = rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned());
        // A row without a line goes on with the one above it.
        first.filter(|line| !line.is_empty()).collect()
    })
}

#[test]
fn every_line_of_the_protocol_is_taken_out_by_a_mutation_and_nothing_else_is() {
    let [needed, not_needed] = lines_of_the_protocol();
    assert!(needed.len() > 20 && not_needed.len() > 3, "the tables are read");
    let caught: BTreeSet<_> = CAUGHT.iter().map(|(line, ..)| line.line().to_owned()).collect();
    assert_eq!(
        needed, caught,
        "the lines of the document, and those whose absence is caught"
    );
    let not_missed: BTreeSet<_> = NOT_NEEDED.iter().map(|(line, _)| line.line().to_owned()).collect();
    assert_eq!(
        not_needed, not_missed,
        "what the document calls not needed, and what is shown not to be"
    );
}

#[test]
fn a_counterexample_is_a_story() {
    let story = without(Mutation::PercentZeroFirst, "silence").violation.unwrap().story;
    let said = |text: &str| story.iter().any(|line| line.contains(text));
    assert!(said("the alarm goes into ALARM"), "{story:#?}");
    assert!(said("rollback by the alarm: UpdateStage"), "{story:#?}");
    let last = story.last().unwrap();
    assert!(
        last.contains("advance of a: UpdateStage [canary percentTraffic=10]"),
        "{last}"
    );
}
