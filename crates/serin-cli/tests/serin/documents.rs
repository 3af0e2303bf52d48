//! What docs/judging.md shows is what the commands say.

use std::{fs, path::PathBuf};

use super::serin_in;

/// A block between fences: what it is marked as, and its text.
type Block<'a> = (&'a str, String);

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), blocks.last_mut()) {
            (Some(_), _) if is_open => is_open = false,
            (Some(mark), _) => {
                is_open = true;
                blocks.push((mark, String::new()));
            }
            (None, Some((_, block))) if is_open => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn the_examples_of_the_document_are_what_the_commands_print() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join("docs/judging.md")).unwrap();
    let blocks = blocks(&text);
    let mut shown = 0;
    for pair in blocks.windows(2) {
        let [(mark, command), (_, output)] = pair else { continue };
        let Some(arguments) = command.strip_prefix("serin ").filter(|_| *mark == "sh") else {
            continue;
        };
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let run = serin_in(&root, &arguments, "");
        assert_eq!(&run.out, output, "serin {}", arguments.join(" "));
        shown += 1;
    }
    assert_eq!(shown, 5);
    let example = fs::read_to_string(root.join("docs/examples/counts.json")).unwrap();
    assert!(blocks.iter().any(|(_, block)| *block == example));
}
