//! Builds the release binaries, and tells their sizes.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::DeflateEncoder};

use crate::{
    error::{BenchError, Outcome, doing},
    function::Program,
};

/// The functions that are deployed, in the order of a rollout.
pub(crate) const FUNCTIONS: [&str; 8] = [
    "begin", "advance", "evaluate", "promote", "finish", "rollback", "sweep", "instruct",
];
/// The package and the binary without an SDK.
const FLOOR: (&str, &str) = ("serin-bench-floor", "floor");

/// Runs a program that prints to the terminal, and waits for it.
pub(crate) fn run(command: &mut Command, hint: &'static str) -> Outcome<()> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line = words.collect::<Vec<_>>().join(&OsString::from(" "));
    let line = line.to_string_lossy().into_owned();
    let status = command.status().map_err(doing(format!("run `{line}`; {hint}")))?;
    if status.success() {
        return Ok(());
    }
    Err(BenchError::Command {
        command: line,
        status: status.to_string(),
        hint,
    })
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `cargo build --release`, as for AWS but for this machine.
fn build(root: &Path, target: &Path, packages: &[&str], profile: Option<&str>) -> Outcome<()> {
    let mut command = cargo();
    command
        .current_dir(root)
        .args(["build", "--release", "--quiet", "--target-dir"]);
    command.arg(target);
    for package in packages {
        command.args(["--package", package]);
    }
    if let Some(profile) = profile {
        command.args(["--config", profile]);
    }
    run(&mut command, "its messages are above")
}

fn program(name: &str, path: PathBuf) -> Program {
    Program {
        name: name.to_owned(),
        path,
        arguments: Vec::new(),
        variables: Vec::new(),
    }
}

/// Builds the functions and the floor; the floor is the last.
pub(crate) fn functions_and_floor(root: &Path) -> Outcome<(Vec<Program>, Program)> {
    let target = root.join("target");
    let packages: Vec<_> = FUNCTIONS.into_iter().chain([FLOOR.0]).collect();
    build(root, &target, &packages, None)?;
    let built = |name: &str| program(name, target.join("release").join(name));
    Ok((FUNCTIONS.map(built).to_vec(), built(FLOOR.1)))
}

/// Builds rollback with one line of the release profile changed, and keeps the binary in `kept`.
pub(crate) fn rollback_with(root: &Path, kept: &Path, name: &str, change: Option<&str>) -> Outcome<Program> {
    let target = change.map_or_else(|| root.join("target"), |_| profiles_target(root));
    build(root, &target, &["rollback"], change)?;
    let path = kept.join(name);
    let built = target.join("release/rollback");
    fs::copy(&built, &path).map_err(doing(format!("copy {}", built.display())))?;
    Ok(program(name, path))
}

/// Where variants of the profile are built, so that they do not push out the real ones.
fn profiles_target(root: &Path) -> PathBuf {
    root.join("target/bench-profiles")
}

/// Removes what building the variants left: about a gigabyte.
pub(crate) fn remove_profiles(root: &Path) -> Outcome<()> {
    let target = profiles_target(root);
    match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).map_err(doing(format!("remove {}", target.display())))
        }
        _ => Ok(()),
    }
}

/// How large a binary is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// In bytes.
    pub(crate) binary: u64,
    /// In a zip with nothing else, as it is uploaded, in bytes.
    pub(crate) zip: u64,
}

/// A zip's headers around one entry that is called `bootstrap`.
const ZIP_HEADERS: u64 = 30 + 46 + 22 + 2 * 9;

/// Measures a binary.
pub(crate) fn size(path: &Path) -> Outcome<Size> {
    let mut file = fs::File::open(path).map_err(doing(format!("open {}", path.display())))?;
    // The level of SAM CLI, which is Python's default.
    let mut deflate = DeflateEncoder::new(Counted(0), Compression::new(6));
    let binary = io::copy(&mut file, &mut deflate).map_err(doing(format!("read {}", path.display())))?;
    let Counted(deflated) = deflate.finish().map_err(doing("deflate a binary"))?;
    Ok(Size {
        binary,
        zip: deflated + ZIP_HEADERS,
    })
}

/// Counts what is written to it.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap_or_default();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
