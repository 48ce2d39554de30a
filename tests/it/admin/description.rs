//! The OpenAPI description is true: it has every path and method that the listener has and no other, and every answer that it tells of
//! was had from a real server and is as it says.

use std::collections::BTreeSet;

use gantry::server::admin::place::Place;
use http::Method;
use serde_json::{Value, json};

use crate::admin::stage::{Answer, Office, TOKEN};
use crate::support::gateway::Gateway;
use crate::support::world::World;

/// Methods that somebody might try.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::DELETE,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::OPTIONS,
];

/// A documented answer: path, method and status.
type Told = (String, String, u16);

struct Description {
    document: Value,
    had: BTreeSet<Told>,
}

impl Description {
    async fn read(office: &Office) -> Self {
        let answer = office.ask_with(Method::GET, "/openapi.json", &[]).await;
        Self {
            document: answer.json(),
            had: BTreeSet::new(),
        }
    }

    /// All answers that it tells of.
    fn told(&self) -> BTreeSet<Told> {
        let mut told = BTreeSet::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for method in METHODS {
                let name = method.as_str().to_lowercase();
                let Some(operation) = item.get(&name) else {
                    continue;
                };
                for status in operation["responses"].as_object().unwrap().keys() {
                    told.insert((path.clone(), method.to_string(), status.parse().unwrap()));
                }
            }
        }
        told
    }

    /// Holds an answer against what is told of it.
    fn check(&mut self, path: &str, method: &Method, answer: &Answer) {
        let name = method.as_str().to_lowercase();
        let status = answer.status.to_string();
        let mut told = &self.document["paths"][path][&name]["responses"][&status];
        if let Some(reference) = told["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            told = &self.document["components"]["responses"][name];
        }
        assert!(told["description"].is_string(), "{method} {path} {status}");
        match told["content"].as_object() {
            None => assert_eq!(answer.text, ""),
            Some(content) => {
                let kind = answer.headers["content-type"].to_str().unwrap();
                let kind = kind.split(';').next().unwrap();
                let schema = &content[kind]["schema"];
                assert!(schema.is_object(), "{method} {path} {status}: {kind}");
                self.hold(schema, kind, answer);
            }
        }
        let had = (path.to_owned(), method.to_string(), answer.status);
        self.had.insert(had);
    }

    fn hold(&self, schema: &Value, kind: &str, answer: &Answer) {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.document["components"],
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        let said = if kind.ends_with("json") {
            answer.json()
        } else {
            Value::from(answer.text.clone())
        };
        let wrong: Vec<String> = validator
            .iter_errors(&said)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{said:#}");
    }
}

#[tokio::test]
async fn every_documented_answer_is_had_and_is_as_documented() {
    let office = Office::start().await;
    let mut description = Description::read(&office).await;
    for name in ["alice", "bob"] {
        let token = office.enter(name).await;
        office.socket(&token).await;
    }
    assert_eq!(office.use_token("no.such.token").await, 401);
    let session = office.session_of("alice").await;
    let session = format!("/sessions/{}", session["id"].as_str().unwrap());
    let bob = "/principals?issuer=https://app.example.com&subject=subject+of+bob";
    for (template, method, path) in [
        ("/", Method::GET, "/"),
        ("/status.json", Method::GET, "/status.json"),
        ("/openapi.json", Method::GET, "/openapi.json"),
        ("/livez", Method::GET, "/livez"),
        ("/readyz", Method::GET, "/readyz"),
        ("/metrics", Method::GET, "/metrics"),
        ("/sessions", Method::GET, "/sessions"),
        ("/sessions", Method::GET, "/sessions?limit=1"),
        ("/sessions", Method::GET, "/sessions?limit=0"),
        ("/sessions/{id}", Method::GET, &session),
        ("/sessions/{id}", Method::GET, "/sessions/a?b=c"),
        ("/sessions/{id}", Method::GET, "/sessions/unknown"),
        ("/sessions/{id}", Method::DELETE, "/sessions/a?b=c"),
        ("/sessions/{id}", Method::DELETE, &session),
        ("/sessions/{id}", Method::DELETE, &session),
        ("/principals", Method::GET, bob),
        ("/principals", Method::GET, "/principals?issuer=a&subject=b"),
        ("/principals", Method::GET, "/principals"),
        ("/principals", Method::DELETE, "/principals"),
        ("/principals", Method::DELETE, bob),
    ] {
        let answer = office.ask(method.clone(), path).await;
        description.check(template, &method, &answer);
    }
    let closed = Office::before(Gateway::start().await);
    let world = World::plain().await;
    world.rc.stop().await;
    let unready = Office::before(world.gantry(|_, _| ()).await);
    let answer = unready.get("/readyz").await;
    description.check("/readyz", &Method::GET, &answer);
    for (template, method) in [
        ("/sessions", Method::GET),
        ("/sessions/{id}", Method::GET),
        ("/sessions/{id}", Method::DELETE),
        ("/principals", Method::GET),
        ("/principals", Method::DELETE),
    ] {
        for shown in [&[][..], &["Bearer wrong"]] {
            let answer = office.ask_with(method.clone(), template, shown).await;
            description.check(template, &method, &answer);
        }
        let answer = closed.ask(method.clone(), template).await;
        description.check(template, &method, &answer);
    }
    assert_eq!(description.had, description.told());
}

#[tokio::test]
async fn it_has_exactly_the_paths_and_methods_of_the_listener() {
    let office = Office::start().await;
    let description = Description::read(&office).await;
    let document = &description.document;
    let told: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let there = Place::ALL.map(|(path, _)| path);
    assert_eq!(told, BTreeSet::from(there));
    for (path, place) in Place::ALL {
        for method in METHODS {
            let operation = &document["paths"][path][method.as_str().to_lowercase()];
            let answer = office.ask_with(method.clone(), path, &[]).await;
            assert_eq!(
                answer.status != 405,
                operation.is_object(),
                "{method} {path}"
            );
            if operation.is_object() {
                let guarded = operation["security"] == json!([{ "token": [] }]);
                assert_eq!(guarded, place.is_guarded(), "{method} {path}");
                assert_eq!(guarded, answer.status == 401, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_parameter_that_it_names_is_taken_and_it_names_the_version() {
    let office = Office::start().await;
    let document = Description::read(&office).await.document;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], gantry::VERSION);
    assert!(!document.to_string().contains(TOKEN));
    let parameters = document["paths"]["/sessions"]["get"]["parameters"].clone();
    let mut names = BTreeSet::new();
    for parameter in parameters.as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        names.insert(name.to_owned());
        let value = match name {
            "limit" => "500",
            "cursor" => "1.a",
            "older_than" | "idle_for" => "1h",
            _ => "a",
        };
        let answer = office.get(&format!("/sessions?{name}={value}")).await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.json()["sessions"], json!([]));
    }
    assert_eq!(names.len(), 6);
}
