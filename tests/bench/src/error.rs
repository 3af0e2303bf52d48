//! What can keep a measurement from being made.

use std::{io, path::PathBuf, time::Duration};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The operating system said no.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A program that the benchmark needs did not do its work.
    #[error("`{command}` ended with {status}; {hint}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What to do.
        hint: &'static str,
    },
    /// A function did not do within the time what it is measured by.
    #[error("{function} has not {awaited} within {} s; its log is {log}", waited.as_secs())]
    Silent {
        /// Which function.
        function: String,
        /// What it should have done.
        awaited: &'static str,
        /// How long it had.
        waited: Duration,
        /// Where its output is.
        log: String,
    },
    /// A function did something else than what is measured: the numbers would mean nothing.
    #[error("{function} {what}; its log is {log}")]
    Astray {
        /// Which function.
        function: String,
        /// What it did.
        what: String,
        /// Where its output is.
        log: String,
    },
    /// Criterion wrote something else than expected.
    #[error("there is no {missing} in {}, which Criterion writes", file.display())]
    Measurement {
        /// The file.
        file: PathBuf,
        /// What is missing in it.
        missing: String,
    },
    /// The stub's own certificate.
    #[error("cannot make a certificate for the stub: {0}")]
    Certificate(String),
    /// docs/performance.md cannot be written.
    #[error(transparent)]
    Report(#[from] serin_report::ReportError),
}

/// The result of most things here.
pub(crate) type Outcome<T> = Result<T, BenchError>;

/// Says what was being done when the operating system said no.
pub(crate) fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
    move |source| BenchError::Io {
        doing: what.into(),
        source,
    }
}
