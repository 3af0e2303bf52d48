//! What a person sees: lines that stay, and below them a few that are redrawn in place.
//!
//! Without a terminal, in a CI log say, nothing is redrawn: the first of the changing lines is printed every five seconds.
//! `NO_COLOR` is respected, and lines are cut to the terminal's width.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    #[default]
    Plain,
    /// A headline.
    Bold,
    /// Less important.
    Dim,
    /// Good.
    Green,
    /// Bad.
    Red,
    /// Worth a look.
    Yellow,
}

/// A line of pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(Vec<(Style, String)>);

/// Standard output.
#[derive(Debug)]
pub struct Terminal {
    live: bool,
    colour: bool,
    width: usize,
    drawn: Vec<Line>,
    last_plain: Option<Instant>,
}

impl Line {
    /// An unstyled line.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().and(Style::Plain, text)
    }

    /// A line of one style.
    #[must_use]
    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Self::default().and(style, text)
    }

    /// With another piece at the end.
    #[must_use]
    pub fn and(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    fn render(&self, width: usize, colour: bool) -> String {
        let mut left = width;
        let mut line = String::new();
        for (style, text) in &self.0 {
            let cut: String = text.chars().take(left).collect();
            left = left.saturating_sub(cut.chars().count());
            match style.code().filter(|_| colour) {
                Some(code) => line = line + "\x1b[" + code + "m" + &cut + "\x1b[0m",
                None => line.push_str(&cut),
            }
        }
        line.trim_end().to_owned()
    }
}

impl Style {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Green => Some("32"),
            Self::Red => Some("31"),
            Self::Yellow => Some("33"),
        }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminal {
    /// Standard output, as it is.
    #[must_use]
    pub fn new() -> Self {
        let stdout = io::stdout();
        let live = stdout.is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let size = rustix::termios::tcgetwinsize(stdout)
            .ok()
            .filter(|size| size.ws_col >= 40);
        Self {
            live,
            colour: live && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            // A log has no width.
            width: if live {
                size.map_or(100, |size| usize::from(size.ws_col))
            } else {
                usize::MAX
            },
            drawn: Vec::new(),
            last_plain: None,
        }
    }

    /// Prints a line that stays.
    pub fn say(&mut self, line: &Line) {
        let text = line.render(if self.live { usize::MAX } else { self.width }, self.colour);
        let drawn = std::mem::take(&mut self.drawn);
        Self::write(&format!("{}{text}\n", self.erase(drawn.len())));
        self.draw(drawn);
    }

    /// Prints an empty line.
    pub fn gap(&mut self) {
        self.say(&Line::default());
    }

    /// Shows lines that change, in the place of those before.
    pub fn show(&mut self, lines: Vec<Line>) {
        if self.live {
            let erase = self.erase(self.drawn.len());
            Self::write(&erase);
            self.draw(lines);
        } else if self.last_plain.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
            self.last_plain = Some(Instant::now());
            if let Some(first) = lines.first() {
                Self::write(&format!("{}\n", first.render(self.width, false)));
            }
        }
    }

    /// Takes the changing lines away.
    pub fn clear(&mut self) {
        let erase = self.erase(self.drawn.len());
        self.drawn.clear();
        Self::write(&erase);
        self.last_plain = None;
    }

    fn draw(&mut self, lines: Vec<Line>) {
        let width = self.width.saturating_sub(1);
        let text = lines.iter().fold(String::new(), |text, line| {
            text + &line.render(width, self.colour)
                + "
"
        });
        self.drawn = lines;
        Self::write(&text);
    }

    fn erase(&self, lines: usize) -> String {
        if self.live && lines > 0 {
            format!("\x1b[{lines}A\x1b[J")
        } else {
            String::new()
        }
    }

    fn write(text: &str) {
        let mut stdout = io::stdout().lock();
        // Whoever closed the pipe does not want to hear more; the checks go on and the exit code counts.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_width_and_not_in_its_colours() {
        let line = Line::styled(Style::Red, "abc").and(Style::Plain, "defg");
        assert_eq!(line.render(5, true), "\x1b[31mabc\x1b[0mde");
        assert_eq!(line.render(5, false), "abcde");
        assert_eq!(line.render(usize::MAX, false), "abcdefg");
    }
}
