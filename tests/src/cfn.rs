//! Reads a CloudFormation template the way CloudFormation would deploy it: parameters put in, functions worked out.
//!
//! What a resource is called only at deployment stands as its logical id: `!Ref Table` is `Table`, `!GetAtt Table.Arn` is
//! `Table.Arn`. So a check can say what it expects in the template's own words.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "it serves tests only, which fail by panicking; indexing a JSON value by name does not panic"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The account, region and partition that templates are read for.
const PSEUDO_PARAMETERS: [(&str, &str); 5] = [
    ("AWS::AccountId", "123456789012"),
    ("AWS::Partition", "aws"),
    ("AWS::Region", "eu-central-1"),
    ("AWS::StackName", "serin"),
    ("AWS::URLSuffix", "amazonaws.com"),
];

/// A file of the repository by its path from the root.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A YAML file of the repository as JSON, with `!Sub x` in its long form, `{"Fn::Sub": x}`.
#[must_use]
pub fn read_yaml(path: &str) -> Value {
    let text = match std::fs::read_to_string(repository(path)) {
        Ok(text) => text,
        Err(fault) => panic!("{path} cannot be read: {fault}"),
    };
    match Yaml::load_from_str(&text).as_deref() {
        Ok([document]) => to_json(document),
        Ok(documents) => panic!("{path} holds {} YAML documents instead of one", documents.len()),
        Err(fault) => panic!("{path} is not YAML: {fault}"),
    }
}

fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Representation(text, ..) => json!(text),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key_text(key), to_json(value)))
                .collect(),
        ),
        Yaml::Tagged(tag, value) => long_form(&tag.suffix, to_json(value)),
        Yaml::Alias(_) | Yaml::BadValue => panic!("CloudFormation knows no such YAML: {node:?}"),
    }
}

fn key_text(key: &Yaml<'_>) -> String {
    match to_json(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`; `Ref` and `Condition` have no prefix.
fn long_form(tag: &str, value: Value) -> Value {
    match (tag, value) {
        ("Ref" | "Condition", value) => json!({tag: value}),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        (_, value) => json!({format!("Fn::{tag}"): value}),
    }
}

/// A template with its parameters, and what comes of it.
#[derive(Debug)]
pub struct Template {
    /// The template as it is written.
    pub source: Value,
    parameters: BTreeMap<String, Value>,
}

impl Template {
    /// Reads a template and gives parameters other values than their defaults.
    #[must_use]
    pub fn read(path: &str, parameters: &[(&str, &str)]) -> Self {
        let source = read_yaml(path);
        let mut values: BTreeMap<String, Value> = PSEUDO_PARAMETERS
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into();
        for (name, parameter) in entries(&source["Parameters"]) {
            values.insert(name.clone(), parameter["Default"].clone());
        }
        for (name, value) in parameters {
            assert!(values.contains_key(*name), "{path} has no parameter {name}");
            values.insert((*name).to_owned(), json!(value));
        }
        Self {
            source,
            parameters: values,
        }
    }

    /// The resources of a type that would be made: logical id and properties.
    #[must_use]
    pub fn resources(&self, of_type: &str) -> Vec<(String, Value)> {
        let of_this_type = entries(&self.source["Resources"]).filter(|(_, resource)| resource["Type"] == of_type);
        let made = of_this_type.filter(|(_, resource)| match &resource["Condition"] {
            Value::String(condition) => self.holds(condition),
            _ => true,
        });
        made.map(|(id, resource)| (id.clone(), self.resolve(&resource["Properties"])))
            .collect()
    }

    /// The properties of one resource, by its logical id.
    #[must_use]
    pub fn properties(&self, id: &str) -> Value {
        let resource = &self.source["Resources"][id];
        assert!(resource.is_object(), "the template has no resource {id}");
        self.resolve(&resource["Properties"])
    }

    /// A nested stack's template with the parameters that it is given, by the stack's logical id.
    #[must_use]
    pub fn nested(&self, id: &str) -> Self {
        let stack = self.properties(id);
        let given = entries(&stack["Parameters"]).map(|(name, value)| (name.as_str(), text(value)));
        Self::read(text(&stack["TemplateURL"]), &given.collect::<Vec<_>>())
    }

    /// The properties of one `AWS::Serverless::Function`, with what it has from `Globals`.
    #[must_use]
    pub fn function(&self, id: &str) -> Value {
        merged(self.resolve(&self.source["Globals"]["Function"]), self.properties(id))
    }

    /// A piece of the template with every function worked out.
    #[must_use]
    pub fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| self.resolve(item))
                .filter(|item| !is_no_value(item))
                .collect(),
            Value::Object(members) => match members.iter().next() {
                Some((name, argument)) if members.len() == 1 && is_function(name) => self.call(name, argument),
                _ => self.resolve_members(members),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn resolve_members(&self, members: &Map<String, Value>) -> Value {
        let resolved = members
            .iter()
            .map(|(name, member)| (name.clone(), self.resolve(member)));
        Value::Object(resolved.filter(|(_, member)| !is_no_value(member)).collect())
    }

    fn call(&self, function: &str, argument: &Value) -> Value {
        match function {
            "Ref" => self.reference(text(argument)),
            "Fn::GetAtt" => json!(format!("{}.{}", text(&argument[0]), text(&argument[1]))),
            "Fn::Sub" => self.substitute(argument),
            "Fn::Join" => json!(texts(&self.resolve(&argument[1])).join(text(&argument[0]))),
            "Fn::Split" => text(&self.resolve(&argument[1]))
                .split(text(&argument[0]))
                .map(Value::from)
                .collect(),
            "Fn::Select" => {
                let index = plain(&argument[0]).parse::<usize>().ok();
                let items = self.resolve(&argument[1]);
                index.and_then(|index| items.get(index).cloned()).unwrap_or_default()
            }
            "Fn::If" => self.resolve(&argument[if self.holds(text(&argument[0])) { 1 } else { 2 }]),
            "Fn::Equals" => json!(same(&self.resolve(&argument[0]), &self.resolve(&argument[1]))),
            "Fn::Not" => json!(self.resolve(&argument[0]) == json!(false)),
            "Fn::Or" => json!(
                argument
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|one| self.resolve(one) == json!(true))
            ),
            "Fn::ImportValue" => json!({"imported": self.resolve(argument)}),
            _ => panic!("this reader of templates does not know {function}"),
        }
    }

    fn holds(&self, condition: &str) -> bool {
        let definition = &self.source["Conditions"][condition];
        assert!(definition.is_object(), "the template has no condition {condition}");
        self.resolve(definition) == json!(true)
    }

    fn reference(&self, name: &str) -> Value {
        match self.parameters.get(name) {
            Some(value) => value.clone(),
            None if name == "AWS::NoValue" => json!({"AWS::NoValue": true}),
            None => {
                let resource = name.split('.').next().unwrap_or_default();
                assert!(
                    self.source["Resources"][resource].is_object(),
                    "nothing is called {name}"
                );
                json!(name)
            }
        }
    }

    fn substitute(&self, argument: &Value) -> Value {
        let (pattern, own) = match argument {
            Value::Array(_) => (text(&argument[0]), &argument[1]),
            _ => (text(argument), &Value::Null),
        };
        let mut result = String::new();
        for (position, piece) in pattern.split("${").enumerate() {
            match piece.split_once('}') {
                Some((name, rest)) if position > 0 => {
                    let value = if own[name].is_null() {
                        self.reference(name)
                    } else {
                        self.resolve(&own[name])
                    };
                    result.push_str(&plain(&value));
                    result.push_str(rest);
                }
                _ => result.push_str(piece),
            }
        }
        json!(result)
    }
}

fn is_function(name: &str) -> bool {
    name == "Ref" || name.starts_with("Fn::")
}

fn is_no_value(value: &Value) -> bool {
    !value["AWS::NoValue"].is_null()
}

/// Parameters reach CloudFormation as text, so `0` and `'0'` are the same to it.
fn same(left: &Value, right: &Value) -> bool {
    plain(left) == plain(right)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The members of an object; none if it is not one.
pub fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A text; empty if it is not one.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The texts of a list, or of a value that may stand for a list of one, as IAM allows.
#[must_use]
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Null => Vec::new(),
        single => vec![plain(single)],
    }
}

/// The value of one of an alarm's dimensions; empty if it has none of that name.
#[must_use]
pub fn dimension<'a>(alarm: &'a Value, name: &str) -> &'a str {
    let dimensions = alarm["Dimensions"].as_array().into_iter().flatten();
    dimensions
        .filter(|dimension| dimension["Name"] == name)
        .map(|found| text(&found["Value"]))
        .next()
        .unwrap_or_default()
}

fn merged(global: Value, own: Value) -> Value {
    match (global, own) {
        (Value::Object(mut members), Value::Object(own)) => {
            for (name, value) in own {
                let inherited = members.remove(&name).unwrap_or_default();
                members.insert(name, merged(inherited, value));
            }
            Value::Object(members)
        }
        (_, own) => own,
    }
}
