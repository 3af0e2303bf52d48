//! Aligned tables for a terminal.

/// On which side a column's cells are flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// Rows below a head, all cells of a column equally wide. A row may be followed by text of its own, which is indented and
/// broken into lines of a readable length.
pub(crate) struct Table<const N: usize> {
    head: [&'static str; N],
    flush: [Flush; N],
    rows: Vec<([String; N], Option<String>)>,
}

const GAP: &str = "  ";

/// Where a text below a row is broken.
const LINE: usize = 112;

impl<const N: usize> Table<N> {
    /// Without any row yet.
    pub(crate) fn new(head: [&'static str; N], flush: [Flush; N]) -> Self {
        Self {
            head,
            flush,
            rows: Vec::new(),
        }
    }

    /// Adds a row, and what is said of it.
    pub(crate) fn push(&mut self, cells: [String; N], text: Option<String>) {
        self.rows.push((cells, text));
    }

    /// The lines, without one at the end.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut widths = self.head.map(|cell| cell.chars().count());
        for (cells, _) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        let rule = widths.map(|width| "─".repeat(width)).join(GAP);
        let mut lines = vec![self.line(&self.head.map(str::to_owned), &widths), rule];
        for (cells, text) in &self.rows {
            lines.push(self.line(cells, &widths));
            let indent = widths.first().map_or(0, |width| width + GAP.len());
            let broken = text.iter().flat_map(|text| broken(text, LINE - indent));
            lines.extend(broken.map(|line| format!("{}{line}", " ".repeat(indent))));
        }
        lines
    }

    fn line(&self, cells: &[String; N], widths: &[usize; N]) -> String {
        let padded = cells
            .iter()
            .zip(widths)
            .zip(self.flush)
            .map(|((cell, width), flush)| match flush {
                Flush::Left => format!("{cell:<width$}"),
                Flush::Right => format!("{cell:>width$}"),
            });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

/// A text in lines of at most `width` characters, broken at spaces; a longer word has a line of its own.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_flush_and_texts_are_broken_below_their_row() {
        let mut table = Table::new(["no", "what"], [Flush::Right, Flush::Left]);
        table.push(["1".to_owned(), "µs".to_owned()], None);
        table.push(
            ["100".to_owned(), "x".to_owned()],
            Some("word ".repeat(30).trim().to_owned()),
        );
        let lines = table.lines();
        assert_eq!(lines.get(..4).unwrap(), [" no  what", "───  ────", "  1  µs", "100  x"]);
        assert_eq!(lines.len(), 6);
        assert!(
            lines
                .iter()
                .skip(4)
                .all(|line| line.starts_with("     word") && line.len() <= LINE)
        );
    }
}
