//! What the benchmarks write into documents: tables, and sections between markers.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Why a section cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file cannot be read or written.
    #[error("cannot {doing} {}: {source}", file.display())]
    File {
        /// Whether it was read or written.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The document is not as expected.
    #[error("{} has no line `{marker}`; restore the file from version control", file.display())]
    Marker {
        /// The document.
        file: PathBuf,
        /// The missing line.
        marker: String,
    },
}

/// A table that is aligned for a terminal and is Markdown too. All columns but the first `texts` are numbers.
pub fn table(texts: usize, rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| {
            if column < texts {
                format!("| {cell:<width$} ")
            } else {
                format!("| {cell:>width$} ")
            }
        });
        cells.collect::<String>() + "|\n"
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let dashes = "-".repeat(width + 1);
        if column < texts {
            format!("|{dashes}-")
        } else {
            format!("|{dashes}:")
        }
    });
    let rule = rule.collect::<String>() + "|\n";
    let mut lines = rows.iter().map(line);
    let head = lines.next().unwrap_or_default();
    head + &rule + &lines.collect::<String>()
}

/// A row of texts.
pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Replaces what stands between the markers of `section` in a document: `<!-- section: begin -->` and `... end -->`.
///
/// # Errors
/// [`ReportError`] where the document cannot be read or written, or has no such markers.
pub fn write_section(file: &Path, section: &str, text: &str) -> Result<(), ReportError> {
    let failed = |doing| {
        move |source| ReportError::File {
            doing,
            file: file.to_owned(),
            source,
        }
    };
    let old = fs::read_to_string(file).map_err(failed("read"))?;
    let marker = |marker: &str| ReportError::Marker {
        file: file.to_owned(),
        marker: marker.trim_end().to_owned(),
    };
    let begin = format!("<!-- {section}: begin -->\n");
    let end = format!("<!-- {section}: end -->");
    let (before, rest) = old.split_once(&begin).ok_or_else(|| marker(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| marker(&end))?;
    let mut new = String::new();
    // Writing to a text cannot fail.
    let _ = write!(new, "{before}{begin}\n{}\n\n{end}{after}", text.trim());
    fs::write(file, new).map_err(failed("write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_markdown() {
        let rows = [row(["what", "ms"]), row(["a", "1.25"])];
        assert_eq!(table(1, &rows), "| what |   ms |\n|------|-----:|\n| a    | 1.25 |\n");
    }
}
