//! A rollout document of any version: what is read is written so that it is read the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serin_core::document::Document;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Document>(bytes) else {
        return;
    };
    let _ = document.step();
    let written = serde_json::to_vec(&document).expect("a document can be written");
    let read: Document = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, document);
});
