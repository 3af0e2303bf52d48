//! The command as a person runs it: what it prints, and with what it ends.

#![expect(clippy::unwrap_used, reason = "a check fails by panicking")]

mod documents;
mod judge;
mod power;
mod replay;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// How a run ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// Runs `serin` with arguments, and a text on its standard input.
fn serin(arguments: &[&str], input: &str) -> Run {
    serin_in(Path::new("."), arguments, input)
}

/// Runs it in a folder.
fn serin_in(folder: &Path, arguments: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_serin"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that needs no input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A run that must have found its command line or its input wrong; what it said.
fn refused(arguments: &[&str], input: &str) -> String {
    let run = serin(arguments, input);
    assert_eq!(
        (run.code, run.out.as_str()),
        (2, ""),
        "{arguments:?} {input}: {}",
        run.err
    );
    assert!(run.err.starts_with("serin: "), "{}", run.err);
    run.err
}

#[test]
fn help_is_there_for_everything() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["judge", "--help"],
        &["judge", "-", "-h"],
        &["power", "--help"],
        &["replay", "--help"],
    ] {
        let run = serin(arguments, "");
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(
            run.out.contains("Usage: serin") && run.out.contains("Exit codes:"),
            "{}",
            run.out
        );
        assert!(run.out.lines().all(|line| line.chars().count() <= 120), "{}", run.out);
    }
    let version = serin(&["--version"], "");
    assert_eq!(
        (version.code, version.out),
        (0, format!("serin {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_wrong_command_line_says_what_is_wrong_and_where_help_is() {
    assert_eq!(
        refused(&["juge"], ""),
        "serin: there is no command \"juge\"\nTry `serin --help`.\n"
    );
    assert!(refused(&[], "").contains("a command is missing"));
    assert!(refused(&["judge"], "").contains("a file with counts is missing"));
    assert!(refused(&["replay", "--json"], "").contains("a file with a timeline is missing"));
    assert!(refused(&["replay", "-", "--exit-code"], "").ends_with("Try `serin replay --help`.\n"));
    assert!(refused(&["judge", "a", "b"], "").ends_with("Try `serin judge --help`.\n"));
    assert!(refused(&["--jsn"], "").contains("--jsn"));
    assert!(refused(&["judge", "/no/such/file"], "").contains("cannot read /no/such/file"));
}
