//! What a template's roles may do, as a list of single permissions.

#![expect(
    clippy::indexing_slicing,
    reason = "it serves tests only, which fail by panicking; indexing a JSON value by name does not panic"
)]

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cfn::{Template, text, texts};

/// One action on one resource.
pub type Permission = (String, String);

/// What a role may do, by its own policies and by the stack's managed policies that it names.
#[must_use]
pub fn of_role(template: &Template, role: &str) -> BTreeSet<Permission> {
    let properties = template.properties(role);
    let own = properties["Policies"].as_array().into_iter().flatten();
    let own = own.flat_map(|policy| of_policy(&policy["PolicyDocument"]));
    let managed = texts(&properties["ManagedPolicyArns"]).into_iter();
    let managed = managed.flat_map(|policy| of_managed_policy(&template.properties(&policy)));
    own.chain(managed).collect()
}

/// What a managed policy of the stack allows.
#[must_use]
pub fn of_managed_policy(properties: &Value) -> BTreeSet<Permission> {
    of_policy(&properties["PolicyDocument"])
}

/// What a policy allows. A policy that says anything else than Allow is not understood, and refused.
fn of_policy(document: &Value) -> BTreeSet<Permission> {
    let mut permissions = BTreeSet::new();
    for statement in document["Statement"].as_array().into_iter().flatten() {
        assert_eq!(text(&statement["Effect"]), "Allow", "{statement}");
        assert!(
            statement["NotAction"].is_null() && statement["NotResource"].is_null(),
            "{statement}"
        );
        for action in texts(&statement["Action"]) {
            permissions.extend(
                texts(&statement["Resource"])
                    .into_iter()
                    .map(|resource| (action.clone(), resource)),
            );
        }
    }
    permissions
}
