//! Why there is no answer, for the person at the terminal.

use std::{fmt::Write as _, io};

use serin_core::fields::Faults;

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The command line is wrong.
    #[error("{what}\nTry `serin{}{command} --help`.", if command.is_empty() { "" } else { " " })]
    Usage {
        /// In which way.
        what: String,
        /// The command, empty where there is none yet.
        command: &'static str,
    },
    /// The input cannot be read.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file, or standard input.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The input is longer than anything that is read.
    #[error("{name} has more than {most} bytes")]
    TooLong {
        /// The file, or standard input.
        name: String,
        /// The most.
        most: u64,
    },
    /// The input is not JSON, or says something twice.
    #[error("{name} cannot be read as JSON: {source}")]
    NotJson {
        /// The file, or standard input.
        name: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The input says something that is not allowed.
    #[error("{name} has {}", listed(.faults))]
    Faults {
        /// The file, or standard input.
        name: String,
        /// All that is wrong.
        faults: Faults,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Write(#[from] io::Error),
}

impl CliError {
    /// The exit code: 2 where the user can mend it by asking differently, 1 otherwise.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Write(_) => 1,
            Self::Usage { .. }
            | Self::Read { .. }
            | Self::TooLong { .. }
            | Self::NotJson { .. }
            | Self::Faults { .. } => 2,
        }
    }
}

/// The most faults that are told: whoever has more mends these first.
const MOST_FAULTS: usize = 100;

fn listed(Faults(faults): &Faults) -> String {
    let mut text = if faults.len() == 1 {
        "a fault:".to_owned()
    } else {
        format!("{} faults:", faults.len())
    };
    for fault in faults.iter().take(MOST_FAULTS) {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  {fault}");
    }
    if faults.len() > MOST_FAULTS {
        let _ = write!(text, "\n  and {} more", faults.len() - MOST_FAULTS);
    }
    text
}
