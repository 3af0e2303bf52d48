//! `serin replay`: the decisions of a rollout, made again from its timeline.

mod timeline;

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use lexopt::Parser;
use serde::Serialize;
use serin_core::{decision::Decision, ids::RolloutId, percent::Percent};

use self::timeline::Recorded;
use crate::{
    Outcome,
    arguments::file_and,
    error::CliError,
    input::Input,
    show,
    table::{Flush, Table},
};

const HELP: &str = include_str!("replay.txt");

/// Runs the command with what stands after its name.
pub(crate) fn run(arguments: Parser, out: &mut impl Write) -> Result<Outcome, CliError> {
    let Some((file, [json])) = file_and(arguments, "replay", "a timeline", ["json"])? else {
        return show(out, HELP);
    };
    let input = Input::read(&file)?;
    let name = input.name;
    let recorded = timeline::read(&input.value).map_err(|faults| CliError::Faults { name, faults })?;
    let lines: Vec<_> = recorded.iter().map(Line::new).collect();
    if json {
        for line in &lines {
            serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    } else {
        table(&recorded, &lines, out)?;
    }
    let is_otherwise = lines.iter().any(|line| line.same == Some(false));
    let is_shown = lines.iter().any(|line| line.same == Some(true));
    Ok(if is_otherwise || !is_shown {
        Outcome::Otherwise
    } else {
        Outcome::Fine
    })
}

/// An evaluation's line. What is missing where nothing could be made again is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    rollout_id: &'a RolloutId,
    at: String,
    percent: Option<Percent>,
    recorded: Option<Decision>,
    made_again: Option<Decision>,
    same: Option<bool>,
    differs: Vec<&'static str>,
    recorded_text: &'a str,
    text: Option<String>,
}

impl<'a> Line<'a> {
    fn new(recorded: &'a Recorded) -> Self {
        let entry = &recorded.entry;
        let (again, differs) = recorded.again().unzip();
        Self {
            rollout_id: &entry.rollout_id,
            at: entry.at.to_string(),
            percent: entry.percent,
            recorded: entry.decision,
            made_again: again.as_ref().and_then(|again| again.decision),
            same: differs.as_ref().map(Vec::is_empty),
            differs: differs.unwrap_or_default(),
            recorded_text: &entry.text,
            text: again.map(|again| again.text),
        }
    }

    /// Whether it is the same, for people.
    fn verdict(&self) -> String {
        match self.same {
            None => "nothing recorded".to_owned(),
            Some(true) => "yes".to_owned(),
            Some(false) => format!("no: {}", self.differs.join(", ")),
        }
    }
}

fn table(recorded: &[Recorded], lines: &[Line<'_>], out: &mut impl Write) -> io::Result<()> {
    let entries = recorded.iter().map(|recorded| &recorded.entry);
    let rollouts: BTreeSet<_> = entries
        .map(|entry| format!("{} of stage {}", entry.rollout_id, entry.stage))
        .collect();
    let rollouts: Vec<_> = rollouts.into_iter().collect();
    writeln!(out, "rollout {}\n", rollouts.join(", "))?;

    let head = ["at", "share", "recorded", "made again", "same"];
    let flush = [Flush::Left, Flush::Right, Flush::Left, Flush::Left, Flush::Left];
    let mut table = Table::new(head, flush);
    let named = |decision: Option<Decision>| decision.map_or("-", Decision::name).to_owned();
    for line in lines {
        let cells = [
            line.at.clone(),
            line.percent
                .map_or_else(|| "-".to_owned(), |share| format!("{share} %")),
            named(line.recorded),
            named(line.made_again),
            line.verdict(),
        ];
        let text = line.text.as_ref().filter(|_| line.same == Some(false));
        let text = text.map(|text| format!("recorded: {} | made again: {text}", line.recorded_text));
        table.push(cells, text);
    }
    for line in table.lines() {
        writeln!(out, "{line}")?;
    }

    let count = |same: Option<bool>| lines.iter().filter(|line| line.same == same).count();
    let (same, otherwise, unknown) = (count(Some(true)), count(Some(false)), count(None));
    writeln!(
        out,
        "\n{same} of {} decisions came out the same to the byte.",
        lines.len()
    )?;
    if otherwise > 0 {
        writeln!(
            out,
            "{otherwise} came out otherwise: another version of Serin made them, or they were changed."
        )?;
    }
    if unknown > 0 {
        writeln!(
            out,
            "{unknown} cannot be made again: it was not recorded what they were made of."
        )?;
    }
    Ok(())
}
