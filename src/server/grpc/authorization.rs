//! `envoy.service.auth.v3.Authorization`: Envoy's questions.

use std::net::IpAddr;
use std::pin::Pin;

use hyper::body::Incoming;
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::filter::envoy_grpc::{self, CheckRequest, CheckResponse, Limits};
use crate::headers::X_GANTRY_SECRET;
use crate::server::handler::Handler;

/// The service's name.
pub(super) const SERVICE: &str = "envoy.service.auth.v3.Authorization";

/// Its one method's path.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Answers the questions of one connection.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    handler: Handler,
    limits: Limits,
    peer: IpAddr,
}

impl Authorization {
    pub(super) fn new(handler: Handler, limits: Limits, peer: IpAddr) -> Self {
        Self {
            handler,
            limits,
            peer,
        }
    }

    /// Answers a call whose message has at most `longest` bytes.
    pub(super) async fn call(
        self,
        request: http::Request<Incoming>,
        longest: usize,
    ) -> http::Response<Body> {
        if request.uri().path() != CHECK {
            return Status::unimplemented("no such method").into_http();
        }
        let codec = ProstCodec::<CheckResponse, CheckRequest>::default();
        let mut grpc = Grpc::new(codec).max_decoding_message_size(longest);
        grpc.unary(self, request).await
    }

    async fn check(
        self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let mut shown = request.metadata().get_all(X_GANTRY_SECRET.as_str()).iter();
        let shown = match (shown.next(), shown.next()) {
            (Some(secret), None) => secret.as_encoded_bytes(),
            _ => b"",
        };
        if !self.handler.knows_gateway(self.peer, shown) {
            return Err(Status::permission_denied(
                "gantry answers gateways of listen.trusted_proxies that show x-gantry-secret",
            ));
        }
        let original = envoy_grpc::original(request.into_inner(), self.limits);
        let answer = match self.handler.check(original, self.peer).await {
            Ok(allowed) => envoy_grpc::yes(allowed),
            Err(denied) => {
                let (head, body) = denied.into_parts();
                envoy_grpc::no(head.status, &head.headers, body)
            }
        };
        Ok(Response::new(answer))
    }
}

impl UnaryService<CheckRequest> for Authorization {
    type Response = CheckResponse;
    type Future = Pin<Box<dyn Future<Output = Result<Response<CheckResponse>, Status>> + Send>>;

    fn call(&mut self, request: Request<CheckRequest>) -> Self::Future {
        Box::pin(self.clone().check(request))
    }
}
