//! What stands after the name of a command that reads one file.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use crate::error::CliError;

/// The file, and which of the switches were given; `None` where help is wanted.
pub(crate) fn file_and<const N: usize>(
    mut arguments: Parser,
    command: &'static str,
    what: &str,
    switches: [&str; N],
) -> Result<Option<(OsString, [bool; N])>, CliError> {
    let usage = |what: String| CliError::Usage { what, command };
    let mut file = None;
    let mut given = [false; N];
    while let Some(argument) = arguments.next().map_err(|error| usage(error.to_string()))? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long(name) if switches.contains(&name) => {
                for (given, switch) in given.iter_mut().zip(switches) {
                    *given |= switch == name;
                }
            }
            Arg::Value(value) if file.is_none() => file = Some(value),
            Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(usage(argument.unexpected().to_string())),
        }
    }
    let file = file.ok_or_else(|| usage(format!("a file with {what} is missing; - is the standard input")))?;
    Ok(Some((file, given)))
}
