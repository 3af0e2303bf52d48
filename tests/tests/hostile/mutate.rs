//! Payloads broken in every way: fields dropped, renamed, retyped, added at any depth, cut short, huge, nested.

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value};
use serin_tests::log::SECRET;

/// How deep one change nests. Several may be inside each other, and beyond 127 levels serde_json refuses the whole text.
const DEEPEST: usize = 25;

/// So many cases, as a test in `make check` may take.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One thing that is done to a payload.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// What stands there is gone.
    Drop,
    /// Its field has another name.
    Rename(String),
    /// It is something else.
    Set(Value),
    /// The object there has one more field.
    Add(String, Value),
    /// The text there ends early.
    Cut(Index),
}

/// Something else than what was there, small, huge or deep. It is marked, to be seen if it is logged.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(|text| Value::from(format!("{SECRET}{text}"))),
        (1_usize..200_000).prop_map(|length| Value::from(SECRET.repeat(1 + length / SECRET.len()))),
        (1..DEEPEST).prop_map(deep),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::from(SECRET), |inner, _| Value::from(vec![inner]))
}

/// Names of fields: of the other shapes, and of nothing that anybody knows.
fn names() -> impl Strategy<Value = String> {
    let known = [
        "Records",
        "detail-type",
        "source",
        "resources",
        "execution",
        "request",
        "state",
        "version",
        "decision",
        "rolloutId",
        "restApiId",
        "",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        "[a-zA-Z$#. /~-]{1,12}",
    ]
}

/// Where in a payload, and what is done there.
pub(crate) type Place = (Index, Change);

/// Some changes of any kind.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Place>> {
    let change = prop_oneof![
        Just(Change::Drop),
        names().prop_map(Change::Rename),
        anything().prop_map(Change::Set),
        (names(), anything()).prop_map(|(name, value)| Change::Add(name, value)),
        any::<Index>().prop_map(Change::Cut),
    ];
    prop::collection::vec((any::<Index>(), change), 1..5)
}

/// Some new fields, as a later version of AWS or of Serin would add them.
pub(crate) fn additions() -> impl Strategy<Value = Vec<Place>> {
    let addition = (names(), anything()).prop_map(|(name, value)| Change::Add(name, value));
    prop::collection::vec((any::<Index>(), addition), 1..5)
}

/// Every place of a value, by its pointer.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (value, index) in items.iter().zip(0..) {
                places(value, &format!("{at}/{index}"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A payload with the changes made, except where a place `is_kept`.
pub(crate) fn changed(mut payload: Value, changes: Vec<Place>, is_kept: impl Fn(&str, &Change) -> bool) -> Value {
    for (place, change) in changes {
        let mut all = Vec::new();
        places(&payload, "", &mut all);
        all.retain(|at| !is_kept(at, &change));
        if !all.is_empty() {
            let at: &String = place.get(&all);
            change_at(&mut payload, at, change);
        }
    }
    payload
}

fn change_at(payload: &mut Value, at: &str, change: Change) {
    match change {
        Change::Set(value) => {
            let value = if is_for_people(at) { unmarked(&value) } else { value };
            if let Some(place) = payload.pointer_mut(at) {
                *place = value;
            }
        }
        Change::Add(name, value) => {
            if let Some(object) = payload.pointer_mut(at).and_then(Value::as_object_mut) {
                object.entry(name).or_insert(value);
            }
        }
        Change::Cut(index) => {
            if let Some(Value::String(text)) = payload.pointer_mut(at) {
                let end = index.index(text.chars().count() + 1);
                *text = text.chars().take(end).collect();
            }
        }
        Change::Drop => {
            if let Some((object, name)) = parent(payload, at) {
                object.remove(&name);
            }
        }
        Change::Rename(new) => {
            if let Some((object, name)) = parent(payload, at)
                && let Some(value) = object.remove(&name)
            {
                object.entry(new).or_insert(value);
            }
        }
    }
}

/// Reasons and the like are written to be read, and are logged. So is where counts were looked for and not found.
fn is_for_people(at: &str) -> bool {
    let reasons = ["/by", "/reason", "/text", "/NewStateReason", "/Error", "/Cause"];
    let places = ["/apiName", "/canaryStage", "/namespace", "/logGroup"];
    reasons.iter().chain(&places).any(|name| at.ends_with(name))
}

fn unmarked(value: &Value) -> Value {
    let text = value.to_string().replace(SECRET, "something");
    serde_json::from_str(&text).unwrap_or_default()
}

/// The object that a place is a field of, and the field's name.
fn parent<'a>(payload: &'a mut Value, at: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let (above, name) = at.rsplit_once('/')?;
    let object = payload.pointer_mut(above)?.as_object_mut()?;
    Some((object, name.replace("~1", "/").replace("~0", "~")))
}
