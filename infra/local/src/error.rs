//! What can go wrong on this machine, said to the person in front of it.

use std::{fmt, io, path::PathBuf};

/// A failure, with what to do about it where that is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// What was tried, such as "cannot read".
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A program that could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program that failed.
    #[error("{program} failed ({status}){output}")]
    Program {
        /// Which, with its arguments.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it said, on lines of its own.
        output: String,
    },
    /// LocalStack did not come up, or went away.
    #[error("LocalStack {what}; its log is {}{tail}", log.display())]
    Stack {
        /// What happened.
        what: String,
        /// Where to read more.
        log: PathBuf,
        /// The end of the log, on lines of its own.
        tail: String,
    },
    /// A call to the local AWS that failed.
    #[error("{call} failed: {message}")]
    Call {
        /// Which call.
        call: String,
        /// What was answered.
        message: String,
    },
    /// Something that should be there and is not.
    #[error("{0}")]
    Missing(String),
    /// Something that did not happen in time.
    #[error("waited {seconds} s for {what}")]
    TooLate {
        /// For what.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// Ctrl-C, or a request to end.
    #[error("interrupted")]
    Interrupted,
}

/// A result with this crate's error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// For `map_err` on a file operation.
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// For `map_err` on a call.
    pub(crate) fn call<E: fmt::Display>(call: impl Into<String>) -> impl FnOnce(E) -> Self {
        let call = call.into();
        move |error| Self::Call {
            call,
            message: error.to_string(),
        }
    }
}

/// The last lines of a text, each indented on a line of its own below a message; empty for an empty text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    indented(all.iter().skip(all.len().saturating_sub(lines)))
}

/// Texts, each indented on a line of its own below a message.
pub(crate) fn indented(lines: impl IntoIterator<Item = impl fmt::Display>) -> String {
    lines
        .into_iter()
        .fold(String::new(), |text, line| text + "\n    " + &line.to_string())
}
