//! What asks for a rollback: an alarm in any shape, an execution's end, the state machine, a person.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serin_core::trigger;

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let readings = trigger::parse(&input);
    assert!(!readings.is_empty(), "nothing is ignored");
    for faults in readings.into_iter().filter_map(Result::err) {
        assert!(!faults.0.is_empty());
        assert!(faults.to_string().len() < 32 * 1024, "it fits into a cause");
    }
});
