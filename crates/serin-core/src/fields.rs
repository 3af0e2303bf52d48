//! Reading a JSON request field by field, gathering every fault with its path instead of stopping at the first.

use std::fmt;

use serde_json::{Map, Value};

/// The most bytes of a message about faults. It becomes the cause of an execution's failure, which may have 32 KiB.
const MAX_MESSAGE: usize = 8 * 1024;

/// The most bytes of a path in a message: a path has names that the user chose.
const MAX_PATH: usize = 200;

/// The most bytes of what was given in a message.
const MAX_GIVEN: usize = 400;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Where: `plan.steps[1].percent`.
    pub path: String,
    /// What was given, shortened.
    pub given: String,
    /// What is allowed there.
    pub allowed: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: given {}; allowed: {}",
            shortened(&self.path, MAX_PATH),
            shortened(&self.given, MAX_GIVEN),
            self.allowed
        )
    }
}

/// Every fault of a request, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", numbered(.0.iter().map(ToString::to_string)))]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A single fault.
    #[must_use]
    pub fn one(path: &str, given: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self(vec![Fault {
            path: path.to_owned(),
            given: given.into(),
            allowed: allowed.into(),
        }])
    }

    /// Where the faults are and what is allowed there, without a word of what was given: a payload may hold what nobody should
    /// read in a log.
    #[must_use]
    pub fn without_values(&self) -> String {
        let one = |fault: &Fault| format!("{}: allowed: {}", shortened(&fault.path, MAX_PATH), fault.allowed);
        numbered(self.0.iter().map(one))
    }
}

/// The faults one after the other, as many as a message has room for.
fn numbered(faults: impl ExactSizeIterator<Item = String>) -> String {
    let count = faults.len();
    if count == 1 {
        return faults.collect();
    }
    let mut message = format!("{count} faults: ");
    for (fault, number) in faults.zip(1..) {
        if message.len() + fault.len() > MAX_MESSAGE {
            message.push_str("...");
            break;
        }
        let mark = if number == 1 { "" } else { "; " };
        let numbered = format!("{mark}({number}) {fault}");
        message.push_str(&numbered);
    }
    message
}

/// A value in a request and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) path: String,
    pub(crate) value: &'a Value,
}

impl<'a> Field<'a> {
    pub(crate) fn root(path: &str, value: &'a Value) -> Self {
        Self {
            path: path.to_owned(),
            value,
        }
    }

    pub(crate) fn items(&self) -> Option<Vec<Field<'a>>> {
        let items = self.value.as_array()?;
        let at = |(index, value)| Field {
            path: format!("{}[{index}]", self.path),
            value,
        };
        Some(items.iter().enumerate().map(at).collect())
    }
}

/// An object in a request whose field names have been checked.
#[derive(Clone, Debug)]
pub(crate) struct Object<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// The path of a field of this object, present or not.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Field<'a>> {
        self.map.get(name).map(|value| Field {
            path: self.path_of(name),
            value,
        })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a String, Field<'a>)> {
        self.map.iter().map(|(name, value)| {
            (
                name,
                Field {
                    path: self.path_of(name),
                    value,
                },
            )
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}

/// Gathers faults while a request is read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    pub(crate) fn fault(&mut self, path: &str, given: impl Into<String>, allowed: impl Into<String>) {
        self.faults.push(Fault {
            path: path.to_owned(),
            given: given.into(),
            allowed: allowed.into(),
        });
    }

    fn mismatch(&mut self, field: &Field<'_>, allowed: &str) {
        self.fault(&field.path, brief(field.value), allowed);
    }

    /// Ends the reading: the value if there was no fault.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Faults(self.faults)),
        }
    }

    /// An object; a field that is not among `known` is a fault, because a misspelt name must not be ignored.
    pub(crate) fn object<'a>(&mut self, field: &Field<'a>, known: &[&str]) -> Option<Object<'a>> {
        let object = self.open_object(field)?;
        for (name, entry) in object.entries() {
            if !known.contains(&name.as_str()) {
                self.fault(&entry.path, "an unknown field", known.join(", "));
            }
        }
        Some(object)
    }

    /// An object whose field names are free.
    pub(crate) fn open_object<'a>(&mut self, field: &Field<'a>) -> Option<Object<'a>> {
        if let Value::Object(map) = field.value {
            return Some(Object {
                path: field.path.clone(),
                map,
            });
        }
        let path = if field.path.is_empty() {
            "the request"
        } else {
            &field.path
        };
        self.fault(path, brief(field.value), "an object");
        None
    }

    pub(crate) fn required<'a>(&mut self, object: &Object<'a>, name: &str, allowed: &str) -> Option<Field<'a>> {
        let field = object.get(name);
        if field.is_none() {
            self.fault(&object.path_of(name), "nothing", allowed);
        }
        field
    }

    /// A text that `fits`.
    pub(crate) fn text(&mut self, field: &Field<'_>, allowed: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
        match field.value.as_str() {
            Some(text) if fits(text) => Some(text.to_owned()),
            _ => {
                self.mismatch(field, allowed);
                None
            }
        }
    }

    /// A whole number from `low` to `high`, with its unit for the reader.
    pub(crate) fn whole(&mut self, field: &Field<'_>, low: u32, high: u32, unit: &str) -> Option<u32> {
        let number = field.value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number {
            Some(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                self.mismatch(field, &format!("a whole number from {low} to {high} {unit}"));
                None
            }
        }
    }

    /// A required text for people to read.
    pub(crate) fn sentence(&mut self, object: &Object<'_>, name: &str) -> Option<String> {
        let allowed = "a text of 1 to 500 characters";
        let field = self.required(object, name, allowed)?;
        self.text(&field, allowed, |text| (1..=500).contains(&text.chars().count()))
    }

    pub(crate) fn truth(&mut self, field: &Field<'_>) -> Option<bool> {
        let truth = field.value.as_bool();
        if truth.is_none() {
            self.mismatch(field, "true or false");
        }
        truth
    }

    /// One of a closed set of words.
    pub(crate) fn word<T: Copy>(&mut self, field: &Field<'_>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| field.value.as_str() == Some(word));
        if found.is_none() {
            let allowed: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.mismatch(field, &allowed.join(" or "));
        }
        found.map(|(_, meaning)| *meaning)
    }

    pub(crate) fn list<'a>(
        &mut self,
        field: &Field<'a>,
        low: usize,
        high: usize,
        what: &str,
    ) -> Option<Vec<Field<'a>>> {
        match field.items() {
            Some(items) if (low..=high).contains(&items.len()) => Some(items),
            Some(items) => {
                self.fault(
                    &field.path,
                    format!("{} of them", items.len()),
                    format!("{low} to {high} {what}"),
                );
                None
            }
            None => {
                self.mismatch(field, &format!("a list of {low} to {high} {what}"));
                None
            }
        }
    }
}

/// A value as a person would quote it, at most 80 characters.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 {
        text
    } else {
        format!("{}...", text.chars().take(77).collect::<String>())
    }
}

/// A text as it stands, or its beginning where it needs more than `most` bytes of JSON.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if json_length(text) <= most {
        return text.to_owned();
    }
    let mut used = "...".len();
    let kept = text.chars().take_while(|letter| {
        used += json_bytes(*letter);
        used <= most
    });
    format!("{}...", kept.collect::<String>())
}

/// How many bytes a text needs in JSON, without its quotes.
pub(crate) fn json_length(text: &str) -> usize {
    text.chars().map(json_bytes).sum()
}

fn json_bytes(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        _ => letter.len_utf8(),
    }
}
