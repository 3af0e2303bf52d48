//! What evidence a request asks for, and counts to judge by it, as `serin judge` takes them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use serin_core::{evidence::ruling::rulings, request};

/// So many windows are judged of what has more: the rest shows nothing new, and takes time.
const WINDOWS: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut input) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let side = json!({ "requests": 60 });
    let counts = match input.pointer_mut("/request/analysis").map(Value::take) {
        Some(analysis) => json!({ "analysis": analysis, "windows": [{ "canary": side, "baseline": side }] }),
        None => input,
    };
    match request::parse_counts(&counts) {
        Err(faults) => assert!(!faults.0.is_empty()),
        Ok(counted) => {
            for ruling in rulings(&counted.analysis, &counted.windows).take(WINDOWS) {
                assert!(!ruling.finding.is_empty());
                let (bound, exact) = (ruling.ln_bound.get(), ruling.ln_exact.get());
                assert!(bound <= exact + 1e-6 * exact.abs().max(1.0), "{bound} {exact}");
            }
        }
    }
});
