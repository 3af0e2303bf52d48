//! The functions as this machine runs them: an ordinary `cargo build`, staged beside the same templates that go to AWS.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{
    error::{Error, Result},
    process,
    workspace::Workspace,
};

/// The example backend's package.
const EXAMPLE: &str = "recommendations";

/// Builds every function and the example backend, and returns a folder to deploy from: `template.yaml` and `infra/` as they are
/// in the checkout, and a `build/lambda/` of its own, so that what was built for AWS stays untouched.
///
/// # Errors
/// If a build fails, or a file cannot be written.
pub(crate) async fn build_and_stage(workspace: &Workspace) -> Result<PathBuf> {
    let names = names(workspace)?;
    build(workspace, &names).await?;
    let stage = workspace.local("stage");
    let binaries = target(workspace).join("debug");
    for name in &names {
        let folder = stage.join("build/lambda").join(name);
        fs::create_dir_all(&folder).map_err(Error::file("cannot make", &folder))?;
        place(&binaries.join(name), &folder.join("bootstrap")).await?;
    }
    for shared in ["template.yaml", "infra"] {
        link(&workspace.root().join(shared), &stage.join(shared))?;
    }
    Ok(stage)
}

/// A package per folder under `functions/`, and the example.
fn names(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root().join("functions");
    let entries = fs::read_dir(&folder).map_err(Error::file("cannot read", &folder))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.push(EXAMPLE.to_owned());
    names.sort();
    Ok(names)
}

async fn build(workspace: &Workspace, names: &[String]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace.root())
        .args(["build", "--quiet", "--locked"]);
    for name in names {
        command.args(["--package", name]);
    }
    process::run_visibly(&mut command).await
}

fn target(workspace: &Workspace) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.root().join("target"), PathBuf::from)
}

/// Copies a binary without its symbols, which would be most of every package, unless an equally new copy is there.
async fn place(from: &Path, to: &Path) -> Result<()> {
    let age = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let built = age(from).map_err(Error::file("cannot find", from))?;
    if age(to).is_ok_and(|placed| placed >= built) {
        return Ok(());
    }
    let part = to.with_extension(std::process::id().to_string());
    fs::copy(from, &part).map_err(Error::file("cannot copy", from))?;
    if let Err(error) = process::run_silently(Command::new("strip").arg(&part)).await {
        // It runs as well with its symbols; without `strip` packaging only takes longer.
        drop(error);
    }
    fs::rename(&part, to).map_err(Error::file("cannot write", to))
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|found| found == to) {
        return Ok(());
    }
    let _ = fs::remove_file(at);
    std::os::unix::fs::symlink(to, at).map_err(Error::file("cannot link", at))
}
