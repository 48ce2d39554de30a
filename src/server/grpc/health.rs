//! `grpc.health.v1.Health`: serving while nothing is missing, as `/readyz` says. It is asked, it does not tell by itself.

use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use crate::server::grpc::authorization;
use crate::telemetry::readiness::Readiness;

/// Answers from the readiness of the program.
#[derive(Debug)]
pub(super) struct Health(Readiness);

impl Health {
    pub(super) fn new(readiness: Readiness) -> Self {
        Self(readiness)
    }
}

#[async_trait]
impl health_server::Health for Health {
    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !service.is_empty() && service != authorization::SERVICE {
            return Err(Status::not_found("no such service"));
        }
        let status = if self.0.missing().is_empty() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        Ok(Response::new(HealthCheckResponse {
            status: status.into(),
        }))
    }

    async fn watch(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask again instead"))
    }
}
