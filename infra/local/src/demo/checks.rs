//! What the demo claims, checked.

use crate::terminal::{Line, Style, Terminal};

/// The checks made so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    failed: bool,
}

impl Checks {
    /// Says what was checked and whether it held; `found` is what was there instead.
    pub(super) fn check(&mut self, terminal: &mut Terminal, holds: bool, claim: &str, found: &str) {
        self.failed |= !holds;
        let line = if holds {
            Line::styled(Style::Green, "  ok    ").and(Style::Plain, claim)
        } else {
            Line::styled(Style::Red, "  FAIL  ").and(Style::Plain, format!("{claim}: found {found}"))
        };
        let line = if holds && !found.is_empty() {
            line.and(Style::Dim, format!("  {found}"))
        } else {
            line
        };
        terminal.say(&line);
    }

    /// Whether none failed.
    pub(super) fn all_held(&self) -> bool {
        !self.failed
    }
}
