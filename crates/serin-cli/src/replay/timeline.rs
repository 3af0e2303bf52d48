//! The evaluations of a timeline, as DynamoDB writes its items.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_core::{
    fields::{Fault, Faults},
    timeline::Entry,
};

/// An evaluation, as it was recorded.
pub(super) struct Recorded {
    /// The entry.
    pub(super) entry: Entry,
    /// Its attributes, to the byte.
    attributes: BTreeMap<String, String>,
}

/// What a decision says.
const SAID: [&str; 4] = ["decision", "percent", "findings", "text"];

impl Recorded {
    /// The entry made again, and in what it differs; `None` where it was not recorded what it was made of.
    pub(super) fn again(&self) -> Option<(Entry, Vec<&'static str>)> {
        let again = self.entry.again()?;
        let attributes = again.attributes().unwrap_or_default();
        let differs = SAID
            .into_iter()
            .filter(|name| attributes.get(*name) != self.attributes.get(*name));
        let differs = differs.collect();
        Some((again, differs))
    }
}

/// Reads `{"Items": [{"by": {"S": "evaluate"}, ...}, ...]}`, the answer to a query.
pub(super) fn read(value: &Value) -> Result<Vec<Recorded>, Faults> {
    let Some(items) = value.get("Items").and_then(Value::as_array) else {
        return Err(Faults::one(
            "Items",
            "nothing",
            "the items of a timeline, as `aws dynamodb query` gives them",
        ));
    };
    if value.get("LastEvaluatedKey").is_some_and(|key| !key.is_null()) {
        return Err(Faults::one(
            "LastEvaluatedKey",
            "one page of several",
            "the whole timeline, without --no-paginate",
        ));
    }
    let (mut evaluations, mut faults) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let attributes = texts(item);
        if attributes.get("by").is_none_or(|by| by != "evaluate") {
            continue;
        }
        match Entry::from_attributes(&attributes) {
            Ok(entry) => evaluations.push(Recorded { entry, attributes }),
            Err(error) => faults.push(Fault {
                path: format!("Items[{index}]"),
                given: format!("an evaluation with a fault ({error})"),
                allowed: "one as `evaluate` records it".to_owned(),
            }),
        }
    }
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    if evaluations.is_empty() {
        let given = format!("{} items, none of them by `evaluate`", items.len());
        return Err(Faults::one(
            "Items",
            given,
            "the items of a timeline with an evaluation",
        ));
    }
    Ok(evaluations)
}

/// The attributes that are texts.
fn texts(item: &Value) -> BTreeMap<String, String> {
    let attributes = item.as_object().into_iter().flatten();
    let texts = attributes.filter_map(|(name, value)| Some((name.clone(), value.get("S")?.as_str()?.to_owned())));
    texts.collect()
}
