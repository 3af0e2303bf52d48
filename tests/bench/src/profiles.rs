//! What each line of the release profile buys: rollback is built with one line changed at a time and measured again.

use std::{fs, path::Path};

use serin_report::{row, table};

use crate::{
    cargo::{self, Size},
    error::{Outcome, doing},
    function::{Program, Surroundings},
    numbers::mib,
    report::Contender,
    sample,
    stub::Transport,
};

/// The lines that the table compares with those of Cargo.toml, by a name that is also a file's.
const CHANGES: [(&str, &str); 7] = [
    ("opt-level-3", "profile.release.opt-level=3"),
    ("opt-level-z", "profile.release.opt-level='z'"),
    ("lto-off", "profile.release.lto='off'"),
    ("lto-thin", "profile.release.lto='thin'"),
    ("codegen-units-16", "profile.release.codegen-units=16"),
    ("strip-none", "profile.release.strip='none'"),
    ("panic-abort", "profile.release.panic='abort'"),
];

struct Variant {
    title: String,
    program: Program,
    size: Size,
    runs: Vec<Contender>,
}

/// Builds and measures, and returns the table.
pub(crate) fn measure(root: &Path, transports: &[Transport], around: &Surroundings, runs: usize) -> Outcome<String> {
    let kept = around.logs.join("profiles");
    fs::create_dir_all(&kept).map_err(doing(format!("make {}", kept.display())))?;
    let mut variants = vec![variant(root, &kept, transports, "as-written", None)?];
    for (name, change) in CHANGES {
        variants.push(variant(root, &kept, transports, name, Some(change))?);
    }
    cargo::remove_profiles(root)?;
    for run in 0..runs {
        crate::progress(&format!("run {} of {runs}", run + 1));
        for Variant { program, runs, .. } in &mut variants {
            for (contender, transport) in runs.iter_mut().zip(transports) {
                contender.push(&sample::rollback(program, transport, around)?);
            }
        }
    }
    fs::remove_dir_all(&kept).map_err(doing(format!("remove {}", kept.display())))?;
    Ok(rows(&variants))
}

fn variant(root: &Path, kept: &Path, transports: &[Transport], name: &str, change: Option<&str>) -> Outcome<Variant> {
    crate::progress(&format!("building rollback, {name}"));
    let program = cargo::rollback_with(root, kept, name, change)?;
    let line = change.map(|change| {
        change
            .trim_start_matches("profile.release.")
            .replace('\'', "\"")
            .replace('=', " = ")
    });
    Ok(Variant {
        title: line.map_or_else(|| "as written".to_owned(), |line| format!("`{line}`")),
        size: cargo::size(&program.path)?,
        program,
        runs: transports
            .iter()
            .map(|transport| Contender::new("rollback", transport.name()))
            .collect(),
    })
}

fn rows(variants: &[Variant]) -> String {
    let head = [
        "profile",
        "binary MiB",
        "zip MiB",
        "cold reset ms, plain",
        "cold reset ms, TLS",
        "peak MiB",
    ];
    let mut rows = vec![row(head)];
    for variant in variants {
        let mut cells = vec![
            variant.title.clone(),
            format!("{:.2}", mib(variant.size.binary)),
            format!("{:.2}", mib(variant.size.zip)),
        ];
        cells.extend(
            variant
                .runs
                .iter()
                .map(|runs| format!("{:.2}", runs.cold_reset().median())),
        );
        let peak = variant.runs.iter().map(Contender::peak).fold(0.0, f64::max);
        cells.push(format!("{peak:.1}"));
        rows.push(cells);
    }
    table(1, &rows)
}
