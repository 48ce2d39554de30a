//! `envoy.service.auth.v3.Authorization`: Envoy's questions.

use std::net::IpAddr;

use envoy_types::pb::envoy::service::auth::v3::authorization_server;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use tonic::{Request, Response, Status, async_trait};

use crate::filter::envoy_grpc::{self, Limits};
use crate::headers::X_GANTRY_SECRET;
use crate::server::handler::Handler;

/// The service's name.
pub(super) const SERVICE: &str = "envoy.service.auth.v3.Authorization";

/// Answers the questions of one connection.
#[derive(Debug)]
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
}

#[async_trait]
impl authorization_server::Authorization for Authorization {
    async fn check(
        &self,
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
