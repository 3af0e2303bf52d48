//! A person's word to a rollout.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serin_core::instruct;

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    match instruct::parse(&input) {
        Ok(said) => assert!(!said.by.is_empty() && !said.reason.is_empty()),
        Err(faults) => assert!(!faults.0.is_empty()),
    }
});
