//! FashionFlow's recommendations, an example of what Serin releases: a function behind an API Gateway REST API that behaves
//! as the alias it was invoked by. One binary is all four versions, so that an example needs one build and no luck.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// How one version of the function behaves.
#[derive(Debug, PartialEq)]
struct Behaviour {
    /// The alias, which is also what a response calls its version.
    version: &'static str,
    /// How many of a thousand requests fail.
    failing_per_mille: u64,
    /// How long an answer takes, besides what API Gateway and Lambda take themselves.
    latency: Duration,
    /// What this version recommends.
    recommendations: [&'static str; 3],
}

/// The versions, in the order of their release.
const VERSIONS: [Behaviour; 4] = [
    Behaviour {
        version: "recommendation-v1",
        failing_per_mille: 2,
        latency: Duration::from_millis(5),
        recommendations: ["linen shirt", "canvas shoes", "straw hat"],
    },
    // No worse, and quicker than the one before it.
    Behaviour {
        version: "recommendation-v2",
        failing_per_mille: 2,
        latency: Duration::from_millis(2),
        recommendations: ["linen shirt", "leather sandals", "sunglasses"],
    },
    // Broken so badly that an alarm notices at once.
    Behaviour {
        version: "recommendation-v3",
        failing_per_mille: 400,
        latency: Duration::from_millis(2),
        recommendations: ["wool coat", "leather sandals", "umbrella"],
    },
    // A little worse than it should be: too little for an alarm, enough for a comparison with the version beside it.
    Behaviour {
        version: "recommendation-v4",
        failing_per_mille: 20,
        latency: Duration::from_millis(2),
        recommendations: ["wool coat", "rain boots", "umbrella"],
    },
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(recommend)).await
}

async fn recommend(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let behaviour = behaviour(&event.context)?;
    tokio::time::sleep(behaviour.latency).await;
    Ok(respond(behaviour, &event.context.request_id, catalogue(&event.payload)))
}

/// What the stage says of the catalogue by its variable `catalogue`: `down` is an outage of all versions, because a canary
/// inherits the variable, and `moved` is a release that looks for it in the wrong place, if only the canary has it.
fn catalogue(request: &Value) -> &str {
    let said = request.pointer("/stageVariables/catalogue").and_then(Value::as_str);
    said.unwrap_or("up")
}

/// The behaviour that goes with the alias by which the function was invoked.
fn behaviour(context: &Context) -> Result<&'static Behaviour, String> {
    let invoked = context.invoked_function_arn.as_str();
    let alias = invoked.splitn(8, ':').nth(7).unwrap_or_default();
    VERSIONS
        .iter()
        .find(|behaviour| behaviour.version == alias)
        .ok_or_else(|| {
            let known = VERSIONS.map(|behaviour| behaviour.version).join(", ");
            format!("{invoked} was invoked, but it answers only when invoked by one of its aliases: {known}")
        })
}

/// The response to one request, in the shape that an `AWS_PROXY` integration passes on.
fn respond(behaviour: &Behaviour, request_id: &str, catalogue: &str) -> Value {
    let fault = match catalogue {
        "down" => Some((503, "the catalogue is down")),
        "moved" => Some((404, "there is no such catalogue")),
        _ if fails(behaviour, request_id) => Some((503, "the recommendations are out of stock")),
        _ => None,
    };
    let (status, body) = match fault {
        Some((status, fault)) => (status, json!({"version": behaviour.version, "error": fault})),
        None => (
            200,
            json!({"version": behaviour.version, "recommendations": behaviour.recommendations}),
        ),
    };
    json!({
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": body.to_string(),
    })
}

/// Whether this request is one of those that fail. A request's id is random, so its hash is as good as a die, and the
/// same request meets the same fate again.
fn fails(behaviour: &Behaviour, request_id: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    (behaviour.version, request_id).hash(&mut hasher);
    hasher.finish() % 1000 < behaviour.failing_per_mille
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:fashionflow-recommendations";

    fn invoked_by(qualifier: &str) -> Context {
        let mut context = Context::default();
        context.invoked_function_arn = format!("{FUNCTION}{qualifier}");
        context
    }

    fn failing_of_a_thousand(version: &str) -> usize {
        let context = invoked_by(&format!(":{version}"));
        let behaviour = behaviour(&context).unwrap();
        let ids = (0..1000).map(|n| format!("8a6e0804-2bd0-4672-b79d-{n:012}"));
        ids.filter(|id| respond(behaviour, id, "up")["statusCode"] == 503)
            .count()
    }

    #[test]
    fn each_alias_answers_with_its_own_version() {
        for version in VERSIONS.map(|behaviour| behaviour.version) {
            let context = invoked_by(&format!(":{version}"));
            let response = respond(behaviour(&context).unwrap(), "8a6e0804", "up");
            let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["version"], version);
        }
    }

    #[test]
    fn versions_fail_as_often_as_the_table_says() {
        assert!((0..8).contains(&failing_of_a_thousand("recommendation-v1")));
        assert!((0..8).contains(&failing_of_a_thousand("recommendation-v2")));
        assert!((350..450).contains(&failing_of_a_thousand("recommendation-v3")));
        assert!((8..35).contains(&failing_of_a_thousand("recommendation-v4")));
    }

    #[test]
    fn what_is_wrong_with_the_catalogue_befalls_every_version() {
        let event =
            |catalogue: &str| json!({ "stageVariables": { "alias": "recommendation-v1", "catalogue": catalogue } });
        for behaviour in &VERSIONS {
            for (said, status) in [("down", 503), ("moved", 404)] {
                let response = respond(behaviour, "8a6e0804", catalogue(&event(said)));
                assert_eq!(response["statusCode"], status, "{}", behaviour.version);
            }
        }
        assert_eq!(catalogue(&event("up")), "up");
        assert_eq!(catalogue(&json!({ "stageVariables": null })), "up");
    }

    #[test]
    fn without_an_alias_it_says_which_there_are() {
        for qualifier in ["", ":$LATEST", ":recommendation-v9"] {
            let fault = behaviour(&invoked_by(qualifier)).unwrap_err();
            assert!(fault.contains("recommendation-v1, recommendation-v2"), "{fault}");
        }
    }
}
