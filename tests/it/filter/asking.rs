//! One client's request as each gateway asks about it, and the answer in one form for all of them.

use std::collections::HashMap;
use std::net::SocketAddr;

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use envoy_types::pb::google::protobuf::value::Kind;
use gantry::config::Config;
use gantry::config::filter::Filter;
use gantry::secret::Secret;
use gantry::telemetry::metrics::Dialect;
use serde_json::Value;
use tonic::transport::Channel;

use crate::support::gateway::{Gateway, Settings};
use crate::support::raw::Answer;

/// What gateways show.
pub(crate) const SECRET: &str = "a-secret-of-gateways-that-is-long-enough";

/// What browsers ask for.
pub(crate) const HOST: &str = "chat.example.com";

/// Lets gateways on this machine ask.
pub(crate) fn enable(config: &mut Config) {
    config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    config.filter = Some(Filter {
        secret: Secret::new(SECRET.to_owned()),
        grpc_address: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
    });
}

/// A Gantry that gateways may ask.
pub(crate) async fn gateway() -> Gateway {
    Gateway::with(Settings {
        config: enable,
        ..Settings::default()
    })
    .await
}

/// What a client sends to the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Sent {
    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    fn lines(&self) -> String {
        let lines = self.fields.iter();
        lines
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect()
    }

    /// The request as it goes to proxy mode.
    pub(crate) fn direct(&self) -> String {
        let Self { method, target, .. } = self;
        format!(
            "{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n",
            self.lines()
        )
    }

    /// The question of a gateway that speaks HTTP.
    pub(crate) fn question(&self, dialect: Dialect) -> String {
        let Self { method, target, .. } = self;
        let lines = self.lines();
        match dialect {
            Dialect::Nginx => format!(
                "GET /_gantry/filter/nginx HTTP/1.1\r\nHost: gantry\r\nX-Gantry-Secret: {SECRET}\r\n\
                 X-Original-Method: {method}\r\nX-Original-URI: {target}\r\n{lines}\r\n"
            ),
            Dialect::Traefik => format!(
                "GET /_gantry/filter/traefik?secret={SECRET} HTTP/1.1\r\nHost: gantry\r\n\
                 X-Forwarded-Method: {method}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: {HOST}\r\n\
                 X-Forwarded-Uri: {target}\r\n{lines}\r\n"
            ),
            Dialect::Envoy | Dialect::EnvoyGrpc => format!(
                "{method} /_gantry/filter/envoy{target} HTTP/1.1\r\nHost: {HOST}\r\nX-Gantry-Secret: {SECRET}\r\n\
                 {lines}\r\n"
            ),
        }
    }

    /// The message of one that speaks gRPC.
    pub(crate) fn message(&self) -> CheckRequest {
        let mut headers = HashMap::new();
        for (name, value) in &self.fields {
            let merged = headers.entry(name.to_ascii_lowercase());
            merged
                .and_modify(|known: &mut String| {
                    let separator = if name.eq_ignore_ascii_case("cookie") {
                        "; "
                    } else {
                        ","
                    };
                    *known = format!("{known}{separator}{value}");
                })
                .or_insert_with(|| value.clone());
        }
        for (name, value) in [
            (":method", &self.method),
            (":path", &self.target),
            (":authority", &HOST.to_owned()),
        ] {
            headers.insert(name.to_owned(), value.clone());
        }
        message(HttpRequest {
            method: self.method.clone(),
            path: self.target.clone(),
            host: HOST.to_owned(),
            scheme: "https".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            headers,
            ..HttpRequest::default()
        })
    }
}

/// A message about this request.
pub(crate) fn message(http: HttpRequest) -> CheckRequest {
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Request {
                time: None,
                http: Some(http),
            }),
            ..AttributeContext::default()
        }),
    }
}

/// What a gateway was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// What the gateway or the client is answered.
    pub(crate) status: u16,
    /// Fields that replace those of the request; an empty one takes them off.
    pub(crate) set: HashMap<String, String>,
    /// Fields that are taken off by name.
    pub(crate) removed: Vec<String>,
    /// The mark of the credentials, where it stands apart.
    pub(crate) retry: Option<String>,
    /// What a refusal says.
    pub(crate) problem: Value,
    /// Fields of a refusal.
    pub(crate) fields: HashMap<String, String>,
}

impl Told {
    pub(crate) fn allowed(&self) -> bool {
        self.status == 200
    }

    /// What goes on in this field; empty for nothing.
    pub(crate) fn goes_on(&self, name: &str) -> &str {
        if self.removed.iter().any(|removed| removed == name) {
            return "";
        }
        self.set.get(name).map_or("", String::as_str)
    }

    /// Why not, in words.
    pub(crate) fn detail(&self) -> &str {
        self.problem["detail"].as_str().unwrap_or_default()
    }

    fn of_http(answer: &Answer) -> Self {
        let fields: HashMap<String, String> = answer.headers.iter().cloned().collect();
        let removed = fields.get("x-envoy-auth-headers-to-remove");
        Self {
            status: answer.status,
            removed: removed.map_or_else(Vec::new, |list| {
                list.split(", ").map(str::to_owned).collect()
            }),
            set: fields.clone(),
            problem: serde_json::from_slice(&answer.body).unwrap_or_default(),
            retry: None,
            fields,
        }
    }

    fn of_message(answer: CheckResponse) -> Self {
        let kind = answer.status.unwrap().code;
        let retry =
            answer.dynamic_metadata.map(|metadata| {
                match metadata.fields["x-gantry-retry"].kind.as_ref().unwrap() {
                    Kind::StringValue(mark) => mark.clone(),
                    other => panic!("{other:?}"),
                }
            });
        match answer.http_response.unwrap() {
            HttpResponse::OkResponse(ok) => {
                assert_eq!(kind, 0);
                Self {
                    status: 200,
                    retry,
                    set: fields(ok.headers),
                    removed: ok.headers_to_remove,
                    ..Self::default()
                }
            }
            HttpResponse::DeniedResponse(denied) | HttpResponse::ErrorResponse(denied) => {
                let status = u16::try_from(denied.status.unwrap().code).unwrap();
                assert_eq!(kind, if status == 401 { 16 } else { 7 });
                Self {
                    status,
                    problem: serde_json::from_str(&denied.body).unwrap(),
                    fields: fields(denied.headers),
                    ..Self::default()
                }
            }
        }
    }
}

fn fields(options: Vec<HeaderValueOption>) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    for option in options {
        // OVERWRITE_IF_EXISTS_OR_ADD
        assert_eq!(option.append_action, 2);
        let field = option.header.unwrap();
        assert_eq!(fields.insert(field.key, field.value), None);
    }
    fields
}

/// Gateways that ask about requests, each over one kept connection.
pub(crate) struct Gateways<'a> {
    gateway: &'a Gateway,
    grpc: AuthorizationClient<Channel>,
}

impl<'a> Gateways<'a> {
    pub(crate) async fn of(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            grpc: grpc(gateway).await,
        }
    }

    /// Asks about a request in this dialect.
    pub(crate) async fn ask(&mut self, dialect: Dialect, sent: &Sent) -> Told {
        if dialect == Dialect::EnvoyGrpc {
            return self.ask_about(sent.message()).await;
        }
        Told::of_http(&self.send(&sent.question(dialect)).await)
    }

    /// Asks by these bytes over HTTP.
    pub(crate) async fn ask_by(&mut self, question: &str) -> Told {
        Told::of_http(&self.send(question).await)
    }

    /// Asks by this message over gRPC.
    pub(crate) async fn ask_about(&mut self, message: CheckRequest) -> Told {
        let answer = self.grpc.check(with_secret(message)).await.unwrap();
        Told::of_message(answer.into_inner())
    }

    /// Sends these bytes to the public listener.
    pub(crate) async fn send(&mut self, request: &str) -> Answer {
        let mut raw = self.gateway.raw().await;
        raw.send(request).await;
        raw.answer().await.unwrap()
    }
}

/// A gRPC client of this Gantry.
pub(crate) async fn grpc(gateway: &Gateway) -> AuthorizationClient<Channel> {
    let address = gateway.running.grpc_address().unwrap();
    let client = AuthorizationClient::connect(format!("http://{address}"));
    client.await.unwrap()
}

/// The message as a gateway sends it.
pub(crate) fn with_secret(message: CheckRequest) -> tonic::Request<CheckRequest> {
    let mut request = tonic::Request::new(message);
    let secret = SECRET.parse().unwrap();
    request.metadata_mut().insert("x-gantry-secret", secret);
    request
}
