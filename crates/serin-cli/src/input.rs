//! JSON from a file, or from standard input where the file is `-`.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
};

use serde_json::Value;

use crate::{error::CliError, unique::Unique};

/// The most bytes that are read: the timeline of a rollout of 14 days has about half of it, ten thousand windows far less.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// A document, and what it is called in messages.
pub(crate) struct Input {
    /// The file's name, or that it came from standard input.
    pub(crate) name: String,
    /// What it says.
    pub(crate) value: Value,
}

impl Input {
    /// Reads it.
    pub(crate) fn read(path: &OsStr) -> Result<Self, CliError> {
        let name = if path == "-" {
            "the standard input".to_owned()
        } else {
            path.to_string_lossy().into_owned()
        };
        let bytes = bytes(path).map_err(|source| CliError::Read {
            name: name.clone(),
            source,
        })?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
            return Err(CliError::TooLong { name, most: MOST_BYTES });
        }
        match serde_json::from_slice(&bytes) {
            Ok(Unique(value)) => Ok(Self { name, value }),
            Err(source) => Err(CliError::NotJson { name, source }),
        }
    }
}

fn bytes(path: &OsStr) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MOST_BYTES + 1;
    if path == "-" {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
