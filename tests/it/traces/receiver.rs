//! A collector that takes traces over OTLP in either way and keeps them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gantry::config::telemetry::OtlpProtocol;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

/// How it takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// All of it.
    Well,
    /// It has no time now.
    Busy,
    /// It wants none of it.
    Refusing,
    /// It takes so many spans less than came.
    Picky(i64),
    /// It says nothing at all.
    Hanging,
}

/// A collector; a clone stands for the same one.
#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    pub(super) protocol: OtlpProtocol,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    mood: Mood,
    spans: Vec<Span>,
    refused: Vec<Span>,
    resource: Vec<KeyValue>,
    headers: HeaderMap,
}

impl Receiver {
    pub(super) async fn start(protocol: OtlpProtocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            protocol,
            kept: Arc::new(Mutex::new(Kept {
                mood: Mood::Well,
                spans: Vec::new(),
                refused: Vec::new(),
                resource: Vec::new(),
                headers: HeaderMap::new(),
            })),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move {
                    let stream = TokioIo::new(stream);
                    match serving.protocol {
                        OtlpProtocol::Grpc => {
                            let service =
                                TowerToHyperService::new(TraceServiceServer::new(serving));
                            let server =
                                hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                            let _over = server.serve_connection(stream, service).await;
                        }
                        OtlpProtocol::Http => {
                            let service = service_fn(|request| serving.clone().http(request));
                            let server = hyper::server::conn::http1::Builder::new();
                            let _over = server.serve_connection(stream, service).await;
                        }
                    }
                });
            }
        });
        receiver
    }

    /// What stands in `telemetry.otlp_endpoint`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn turn(&self, mood: Mood) {
        self.kept.lock().unwrap().mood = mood;
    }

    /// What came and was not taken.
    pub(super) fn refused(&self) -> Vec<Span> {
        self.kept.lock().unwrap().refused.clone()
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.kept.lock().unwrap().spans.clone()
    }

    pub(super) fn resource(&self, key: &str) -> Option<String> {
        attribute(&self.kept.lock().unwrap().resource, key)
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let kept = self.kept.lock().unwrap();
        let value = kept.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    /// Everything that was told, for a search.
    pub(super) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap();
        format!("{:?} {:?}", kept.spans, kept.resource)
    }

    fn take(
        &self,
        headers: HeaderMap,
        request: ExportTraceServiceRequest,
    ) -> (Mood, ExportTraceServiceResponse) {
        let mut kept = self.kept.lock().unwrap();
        kept.headers = headers;
        let mood = kept.mood;
        let mut answer = ExportTraceServiceResponse::default();
        if let Mood::Picky(rejected_spans) = mood {
            answer.partial_success = Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message: "not those".to_owned(),
            });
        }
        for of_resource in request.resource_spans {
            kept.resource = of_resource.resource.unwrap().attributes;
            for of_scope in of_resource.scope_spans {
                match mood {
                    Mood::Well => kept.spans.extend(of_scope.spans),
                    _ => kept.refused.extend(of_scope.spans),
                }
            }
        }
        (mood, answer)
    }

    async fn http(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        assert_eq!(
            (head.method.as_str(), head.uri.path()),
            ("POST", "/v1/traces")
        );
        assert_eq!(head.headers["content-type"], "application/x-protobuf");
        let body = body.collect().await.unwrap().to_bytes();
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let (mood, answer) = self.take(head.headers, request);
        let status = match mood {
            Mood::Well | Mood::Picky(_) => 200,
            Mood::Busy => 503,
            Mood::Refusing => 400,
            Mood::Hanging => std::future::pending().await,
        };
        let body = Full::new(Bytes::from(answer.encode_to_vec()));
        Ok(Response::builder().status(status).body(body).unwrap())
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let (metadata, _, request) = request.into_parts();
        let (mood, answer) = self.take(metadata.into_headers(), request);
        match mood {
            Mood::Well | Mood::Picky(_) => Ok(tonic::Response::new(answer)),
            Mood::Busy => Err(tonic::Status::unavailable("busy")),
            Mood::Refusing => Err(tonic::Status::invalid_argument("no")),
            Mood::Hanging => std::future::pending().await,
        }
    }
}

/// An attribute's value as text.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next().map(|attribute| match &attribute.value {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => text.clone(),
        Some(AnyValue {
            value: Some(Value::IntValue(number)),
        }) => number.to_string(),
        other => panic!("{key} is {other:?}"),
    });
    assert_eq!(found.next(), None, "{key} twice");
    value
}
