//! The bodies RC answers with, good and bad (RC §1.2, §1.4).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::options::Manner;

const MUST_LOG_IN: &str = "You must be logged in to do this.";

/// `200` with `success:true` added after the fields.
pub(crate) fn success(fields: Value) -> Response {
    let mut body = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    body.insert("success".to_owned(), Value::Bool(true));
    json_response(StatusCode::OK, &Value::Object(body))
}

/// JSON with RC's content type, which names no character set.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [("content-type", "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// An error as Meteor throws it; REST and DDP each dress it their way.
#[derive(Clone, Debug)]
pub(crate) struct MeteorError {
    /// A code such as `error-invalid-user`, or a number such as 403.
    pub(crate) error: Value,
    pub(crate) reason: String,
    pub(crate) details: Option<Box<Value>>,
}

impl MeteorError {
    pub(crate) fn new(error: impl Into<Value>, reason: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            reason: reason.into(),
            details: None,
        }
    }

    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The error's code as text.
    pub(crate) fn code(&self) -> String {
        match &self.error {
            Value::String(code) => code.clone(),
            other => other.to_string(),
        }
    }

    /// `<reason> [<code>]`.
    pub(crate) fn message(&self) -> String {
        format!("{} [{}]", self.reason, self.code())
    }
}

/// A refusal, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    /// Not logged in: one shape for every cause (RC §1.2).
    pub(crate) fn unauthenticated(manner: Manner) -> Self {
        let body = if manner == Manner::V6 {
            json!({"status": "error", "message": MUST_LOG_IN})
        } else {
            json!({"success": false, "status": "error", "error": MUST_LOG_IN, "message": MUST_LOG_IN})
        };
        Self {
            status: StatusCode::UNAUTHORIZED,
            body,
        }
    }

    /// The route's permission is missing.
    pub(crate) fn permission() -> Self {
        Self::with(
            StatusCode::FORBIDDEN,
            "User does not have the permissions required for this action [error-unauthorized]",
        )
    }

    /// The handler says no.
    pub(crate) fn forbidden() -> Self {
        Self::with(StatusCode::FORBIDDEN, "unauthorized")
    }

    /// A plain failure with a text and no `errorType`.
    pub(crate) fn failure(text: impl Into<String>) -> Self {
        Self::with(StatusCode::BAD_REQUEST, &text.into())
    }

    /// The body or query does not fit the schema.
    pub(crate) fn invalid_params(text: &str) -> Self {
        let mut refusal = Self::with(StatusCode::BAD_REQUEST, &format!("{text} [invalid-params]"));
        refusal.body["errorType"] = Value::from("invalid-params");
        refusal
    }

    /// Too many requests (RC §5.2).
    pub(crate) fn too_many(seconds: i64) -> Self {
        Self::with(
            StatusCode::TOO_MANY_REQUESTS,
            &format!(
                "Error, too many requests. Please slow down. You must wait {seconds} seconds \
                 before trying this endpoint again. [error-too-many-requests]"
            ),
        )
    }

    /// Another status with a body of its own.
    pub(crate) fn other(status: StatusCode, body: Value) -> Self {
        Self { status, body }
    }

    fn with(status: StatusCode, error: &str) -> Self {
        Self {
            status,
            body: json!({"success": false, "error": error}),
        }
    }
}

impl From<MeteorError> for Refusal {
    fn from(thrown: MeteorError) -> Self {
        let mut refusal = Self::with(StatusCode::BAD_REQUEST, &thrown.message());
        refusal.body["errorType"] = thrown.error;
        if let Some(details) = thrown.details {
            refusal.body["details"] = *details;
        }
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_response(self.status, &self.body)
    }
}
