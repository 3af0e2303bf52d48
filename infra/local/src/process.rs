//! Child processes that end with us.
//!
//! Each is the leader of its own process group, and the group is killed by its id when its owner is dropped: at the end,
//! on an error, on a panic and on Ctrl-C alike. Nothing is ever looked up by name.

use std::process::{ExitStatus, Stdio};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process, waitid,
};
use tokio::process::{Child, Command};

use crate::error::{Error, Result, tail};

/// A running command. Dropping it kills its whole group.
pub(crate) struct Group {
    child: Child,
    name: String,
}

impl Group {
    /// Starts the command.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = name(command);
        let child = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Error::Start {
                program: name.clone(),
                source,
            })?;
        Ok(Self { child, name })
    }

    /// Waits for its end.
    pub(crate) async fn status(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.map_err(|source| Error::Start {
            program: self.name.clone(),
            source,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // `None` once it was waited for: then the id may be somebody else's.
        if let Some(id) = self.child.id() {
            kill_group(id);
            // Once it has ended, dropping the child also reaps it.
            wait_for_end(id, WaitIdOptions::empty());
        }
    }
}

/// Kills a group by its leader's id. The leader must not have been waited for yet.
pub(crate) fn kill_group(leader: u32) {
    if let Some(pid) = pid(leader) {
        // It may have ended already, which is as good.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Kills one process by its id. Whoever asks knows that it runs.
pub(crate) fn kill(id: u32) {
    if let Some(pid) = pid(id) {
        // It may have ended just now, which is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether a child has ended, without reaping it: until it is waited for, its id is nobody else's.
pub(crate) fn has_ended(child: u32) -> bool {
    wait_for_end(child, WaitIdOptions::NOHANG)
}

fn wait_for_end(child: u32, options: WaitIdOptions) -> bool {
    let options = options | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    pid(child).is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))))
}

/// Whether a process of that id runs.
pub(crate) fn is_running(id: u32) -> bool {
    pid(id).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// Runs a command whose output is for the person to see.
pub(crate) async fn run_visibly(command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null());
    let mut group = Group::start(command)?;
    let status = group.status().await?;
    succeeded(&group.name, status, "")
}

/// Runs a command and keeps its output to itself, unless it fails.
pub(crate) async fn run_silently(command: &mut Command) -> Result<String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group::start(command)?;
    let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
    let (stdout, stderr, status) = tokio::join!(read(stdout), read(stderr), group.status());
    let output = format!("{stdout}{stderr}");
    succeeded(&group.name, status?, &output)?;
    Ok(output)
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What cannot be read is missing from an error message, no more.
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut pipe, &mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn succeeded(program: &str, status: ExitStatus, output: &str) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Error::Program {
        program: program.to_owned(),
        status: status.to_string(),
        output: tail(output, 25),
    })
}

/// The program's file name and its first argument, which is enough to know it by.
fn name(command: &Command) -> String {
    let command = command.as_std();
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    match command.get_args().next() {
        Some(first) => format!("{program} {}", first.to_string_lossy()),
        None => program.into_owned(),
    }
}
