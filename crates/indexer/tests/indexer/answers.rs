//! What is answered: descriptions that hold, filters that filter, and a clear sentence for whatever makes no sense.

use std::sync::atomic::Ordering;

use lumora_indexer::{IndexerConfig, api};
use lumora_interface::{bandwidth::Epoch, registry::Node, tasks::Assignment};
use serde_json::{Value, json};

use crate::{
    history::Author,
    served::{ONCE, Served, sqlite},
};

async fn indexed(folder: &tempfile::TempDir) -> (Served, Author) {
    let mut author = Author::new(5);
    for _ in 0..60 {
        author.slot(8);
    }
    let served = Served::open(&sqlite(folder)).await;
    served.follow(author.chain(), ONCE).round().await.unwrap();
    (served, author)
}

/// Whether a value is of a schema of the description; what is wrong otherwise.
fn check(value: &Value, schema: &Value, openapi: &Value, place: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = openapi.pointer(reference.trim_start_matches('#'));
        return check(value, schema.ok_or(format!("{place}: no {reference}"))?, openapi, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let mut problems = choices
            .iter()
            .filter_map(|choice| check(value, choice, openapi, place).err());
        let all: Vec<String> = problems.by_ref().collect();
        return if all.len() < choices.len() {
            Ok(())
        } else {
            Err(all.join("; "))
        };
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let whole = merged(parts, openapi);
        return check(value, &whole, openapi, place);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.contains(&kind) {
        return Err(format!("{place}: {value} is {kind}, not {kinds:?}"));
    }
    if let Value::Array(items) = value {
        for item in items {
            check(item, &schema["items"], openapi, place)?;
        }
    }
    if let (Value::Object(fields), Some(properties)) = (value, schema["properties"].as_object()) {
        for required in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !fields.contains_key(required) {
                return Err(format!("{place}.{required} is missing"));
            }
        }
        for (name, value) in fields {
            let schema = properties.get(name).ok_or(format!("{place}.{name} is not described"))?;
            check(value, schema, openapi, &format!("{place}.{name}"))?;
        }
    }
    Ok(())
}

/// One schema that has the fields of all of these.
fn merged(parts: &[Value], openapi: &Value) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for part in parts {
        let part = match part["$ref"].as_str() {
            Some(reference) => openapi.pointer(reference.trim_start_matches('#')).unwrap(),
            None => part,
        };
        properties.extend(part["properties"].as_object().unwrap().clone());
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    json!({"type": "object", "properties": properties, "required": required})
}

#[tokio::test]
async fn every_route_is_described_and_answers_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let (served, author) = indexed(&folder).await;
    let openapi = served.get("/openapi.json").await;
    let paths = openapi["paths"].as_object().unwrap();
    let (node, job, listing, purchase, epoch) = {
        let ledger = author.ledger.lock().unwrap();
        (
            ledger.all::<Node>()[0].0,
            *ledger.jobs.keys().next().unwrap(),
            ledger.all::<lumora_interface::market::Listing>()[0].0,
            *ledger.purchases.keys().next().unwrap(),
            ledger.all::<Epoch>()[0].1.epoch,
        )
    };
    let mut answered = 0;
    for (path, methods) in paths {
        assert_eq!(
            methods.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["get"],
            "{path}"
        );
        let described = &methods["get"];
        assert!(
            described["description"].is_string() || described["summary"].is_string(),
            "{path} has no description"
        );
        for parameter in described["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"].is_string(),
                "{path}: {} has no description",
                parameter["name"]
            );
        }
        let concrete = match path.as_str() {
            "/v1/nodes/{address}" => format!("/v1/nodes/{node}"),
            "/v1/accounts/{address}" => format!("/v1/accounts/{node}"),
            "/v1/jobs/{address}" => format!("/v1/jobs/{job}"),
            "/v1/listings/{address}" => format!("/v1/listings/{listing}"),
            "/v1/purchases/{address}" => format!("/v1/purchases/{purchase}"),
            "/v1/epochs/{epoch}" => format!("/v1/epochs/{epoch}"),
            // Tested on their own: one is a stream, one a text.
            "/v1/events/stream" | "/metrics" => continue,
            path => path.to_owned(),
        };
        let answer = served.get(&concrete).await;
        let schema = &described["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path} has no schema");
        check(&answer, schema, &openapi, path).unwrap();
        if let Some(items) = answer["items"].as_array() {
            assert!(!items.is_empty(), "{path} has nothing to check");
        }
        answered += 1;
    }
    assert_eq!(answered + 2, paths.len());
    for (name, schema) in openapi["components"]["schemas"].as_object().unwrap() {
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let described = schema["description"].is_string()
                || schema["oneOf"]
                    .as_array()
                    .is_some_and(|choices| choices.iter().any(|it| it["description"].is_string()));
            assert!(
                described || schema["$ref"].is_string(),
                "{name}.{field} is not explained"
            );
        }
    }
    // What is served is what the library says, so that a client can be made without a running indexer.
    assert_eq!(serde_json::to_value(api::openapi()).unwrap(), openapi);
}

#[tokio::test]
async fn filters_leave_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (served, author) = indexed(&folder).await;
    let (node, assignment) = {
        let ledger = author.ledger.lock().unwrap();
        let assignments = ledger.all::<Assignment>();
        (ledger.all::<Node>()[0], assignments[0].1)
    };
    let (address, node) = node;
    let region = format!("{:x}", node.h3_cell);
    for (path, field, value) in [
        (
            format!("/v1/nodes?owner={}", node.owner),
            "owner",
            json!(node.owner.to_string()),
        ),
        (
            format!("/v1/nodes?operator={}", node.operator),
            "address",
            json!(address.to_string()),
        ),
        (format!("/v1/nodes?region={region}"), "region", json!(region)),
        ("/v1/nodes?state=paused".into(), "active", json!(false)),
        ("/v1/jobs?state=closed".into(), "state", json!("closed")),
        ("/v1/purchases?state=refunded".into(), "state", json!("refunded")),
        ("/v1/listings?state=withdrawn".into(), "state", json!("withdrawn")),
        ("/v1/epochs?state=attested".into(), "state", json!("attested")),
        ("/v1/shards?state=settled".into(), "state", json!("settled")),
        (
            format!("/v1/shards?job={}", assignment.job),
            "job",
            json!(assignment.job.to_string()),
        ),
        ("/v1/events?name=NodeProven".into(), "name", json!("NodeProven")),
        ("/v1/events?program=market".into(), "program", json!("market")),
    ] {
        let items = served.all(&path, 7).await;
        assert!(!items.is_empty(), "{path} has nothing to tell");
        assert!(items.iter().all(|item| item[field] == value), "{path}");
    }
    let worked_on = served.all(&format!("/v1/shards?node={}", assignment.node), 2).await;
    assert!(!worked_on.is_empty());
    for shard in &worked_on {
        let nodes = shard["assignments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["node"].as_str().unwrap());
        assert!(nodes.into_iter().any(|node| node == assignment.node.to_string()));
    }
    let named = served
        .all(&format!("/v1/events?address={address}&order=oldest"), 3)
        .await;
    assert_eq!(named[0]["name"], "NodeRegistered");
    assert!(
        named
            .iter()
            .all(|event| event["fields"].to_string().contains(&address.to_string()))
    );
    let account = served.get(&format!("/v1/accounts/{address}")).await;
    assert_eq!((&account["kind"], &account["exists"]), (&json!("Node"), &json!(true)));
    assert_eq!(account["fields"]["bond"], node.bond.to_string());
    assert_eq!(account["fields"]["h3_cell"], region);
    assert!(account["fields"].get("_reserved").is_none());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (served, _) = indexed(&folder).await;
    let long = "x".repeat(5_000);
    let cursor = served.get("/v1/nodes?limit=1").await["next"]
        .as_str()
        .unwrap()
        .to_owned();
    for (path, status, sentence) in [
        ("/v1/nodes?limit=0".to_owned(), 400, "between 1 and 500"),
        ("/v1/nodes?limit=501".to_owned(), 400, "between 1 and 500"),
        ("/v1/events?limit=4294967295".to_owned(), 400, "between 1 and 500"),
        ("/v1/nodes?limit=99999999999999999999".to_owned(), 400, "limit"),
        ("/v1/nodes?limit=-1".to_owned(), 400, "limit"),
        ("/v1/nodes?limit=many".to_owned(), 400, "limit"),
        ("/v1/nodes?cursor=nonsense".to_owned(), 400, "not a cursor"),
        (format!("/v1/jobs?cursor={cursor}"), 400, "not a cursor"),
        (format!("/v1/nodes?cursor={long}"), 400, "not a cursor"),
        ("/v1/nodes?colour=red".to_owned(), 400, "colour"),
        ("/v1/nodes?owner=me".to_owned(), 400, "not an address"),
        (format!("/v1/nodes?owner={long}"), 400, "not an address"),
        ("/v1/nodes?region=paris".to_owned(), 400, "H3 cell"),
        ("/v1/nodes?state=sleepy".to_owned(), 400, "active, paused"),
        (
            "/v1/jobs?state=%27%20OR%201=1".to_owned(),
            400,
            "open, cancelled, settled, closed",
        ),
        ("/v1/events?order=random".to_owned(), 400, "newest, oldest"),
        ("/v1/events?name=Nothing".to_owned(), 400, "no event"),
        ("/v1/events?program=token".to_owned(), 400, "registry"),
        ("/v1/events/stream?after=soon".to_owned(), 400, "after"),
        ("/v1/nodes/nobody".to_owned(), 400, "not an address"),
        ("/v1/nodes/%00".to_owned(), 400, "not an address"),
        ("/v1/nodes/%ff".to_owned(), 400, ""),
        (
            "/v1/nodes/11111111111111111111111111111111".to_owned(),
            404,
            "no node at",
        ),
        ("/v1/jobs/11111111111111111111111111111111".to_owned(), 404, "no job at"),
        (
            "/v1/listings/11111111111111111111111111111111".to_owned(),
            404,
            "no listing at",
        ),
        (
            "/v1/purchases/11111111111111111111111111111111".to_owned(),
            404,
            "no purchase at",
        ),
        (
            "/v1/accounts/11111111111111111111111111111111".to_owned(),
            404,
            "not an account of",
        ),
        ("/v1/epochs/18446744073709551615".to_owned(), 404, "no epoch"),
        ("/v1/epochs/first".to_owned(), 400, "number of an epoch"),
        ("/v2/nodes".to_owned(), 404, "/openapi.json"),
        ("/".to_owned(), 404, "/openapi.json"),
    ] {
        let said = served.refused(&path, status).await;
        assert!(said.contains(sentence), "{path}: {said}");
        assert!(said.len() < 400, "{path}: {} characters", said.len());
    }
    let posted = reqwest::Client::new()
        .post(format!("{}/v1/nodes", served.url))
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 405);
    assert_eq!(posted.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn health_says_how_far_behind_the_index_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut author = Author::new(6);
    let served = Served::open(&sqlite(&folder)).await;
    let (status, _, body) = served.ask("/health").await;
    assert_eq!(status, 503);
    assert!(body.contains("\"starting\""), "{body}");
    let chain = author.chain();
    let mut follower = served.follow(chain.clone(), ONCE);
    follower.round().await.unwrap();
    let health = served.get("/health").await;
    assert_eq!((&health["status"], &health["lag_slots"]), (&json!("ok"), &json!(0)));
    // Transactions are listed, and cannot be read.
    for _ in 0..200 {
        author.slot(1);
    }
    chain.faults.unreadable.store(true, Ordering::Relaxed);
    follower.round().await.unwrap_err();
    let (status, _, body) = served.ask("/health").await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &health["status"], &health["lag_slots"]),
        (503, &json!("behind"), &json!(200))
    );
    assert!(health["pending_transactions"].as_u64().unwrap() > 100);
    chain.faults.unreadable.store(false, Ordering::Relaxed);
    follower.round().await.unwrap();
    let health = served.get("/health").await;
    assert_eq!(
        (&health["status"], &health["pending_transactions"]),
        (&json!("ok"), &json!(0))
    );
}

#[tokio::test]
async fn only_the_configured_origins_may_ask_from_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let config = |origins: &[&str]| IndexerConfig {
        database: sqlite(&folder),
        cors_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        ..IndexerConfig::default()
    };
    let allowed = async |origins: &[&str], origin: &str| {
        let served = Served::open_with(config(origins)).await;
        let request = reqwest::Client::new()
            .get(format!("{}/v1/nodes", served.url))
            .header("origin", origin);
        let answer = request.send().await.unwrap();
        answer
            .headers()
            .get("access-control-allow-origin")
            .map(|it| it.to_str().unwrap().to_owned())
    };
    assert_eq!(allowed(&["*"], "https://any.example").await.as_deref(), Some("*"));
    let ours = ["https://app.example"];
    assert_eq!(
        allowed(&ours, "https://app.example").await.as_deref(),
        Some("https://app.example")
    );
    assert_eq!(allowed(&ours, "https://other.example").await, None);
    assert_eq!(allowed(&[], "https://app.example").await, None);
    let served = Served::open_with(config(&ours)).await;
    for origin in [
        "app.example",
        "https://app.example/",
        "https://app.example/page",
        "null",
    ] {
        let answers = api::Answers::new(
            served.database.clone(),
            served.status.clone(),
            &config(&[]),
            tokio_util::sync::CancellationToken::new(),
        );
        let error = api::router(answers, &config(&[origin])).unwrap_err().to_string();
        assert!(error.contains("cors_origins") && error.contains(origin), "{error}");
    }
}
