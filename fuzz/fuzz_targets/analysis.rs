//! What evidence a request asks for, on its own, as `serin judge` takes it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serin_core::request;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut input) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let inner = input.pointer_mut("/request/analysis").map(Value::take).unwrap_or(input);
    if let Err(faults) = request::parse_analysis(&inner) {
        assert!(!faults.0.is_empty());
    }
});
