//! A request to begin a rollout; what is accepted can also be carried out and written down.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serin_core::{
    analysis::STANDARD_SECONDS,
    ids::Home,
    request::{self, Settings, Surroundings},
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut input) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    // The payloads of `begin`, which are the seeds, have the request in this field.
    let request = input.get_mut("request").map(Value::take).unwrap_or(input);
    let surroundings = Surroundings {
        home: Home {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
        },
        settings: Settings {
            hook_pattern: "serin-hook-*".to_owned(),
            metric_seconds: STANDARD_SECONDS,
        },
    };
    match request::parse(&request, &surroundings) {
        Ok(request) => {
            assert!(serde_json::to_value(&request.plan).is_ok());
            assert!(request.overrides.len() <= request::MAX_OVERRIDES);
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            assert!(faults.to_string().len() < 32 * 1024, "it fits into a cause");
        }
    }
});
