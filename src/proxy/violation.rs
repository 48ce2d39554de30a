//! What the operator is told of a socket on which something was said that must not pass.

use crate::ddp::Violation;

/// Writes the line of this socket's end: an error when a secret was about to get out, and the client's own mistakes as what happens.
pub fn log(violation: Violation, session_id: Option<&str>) {
    let (kind, error) = (violation.kind(), violation.to_string());
    match violation {
        Violation::TokenDown | Violation::AnotherUser => tracing::error!(
            session.id = session_id,
            error.kind = kind,
            error,
            "a socket was cut before Rocket.Chat's answer could tell a secret; if this recurs, report it with Rocket.Chat's version"
        ),
        Violation::ServerFrame
        | Violation::ServerTooLarge
        | Violation::ServerUnreadable
        | Violation::AnsweredAgain
        | Violation::LoginFailed => tracing::warn!(
            session.id = session_id,
            error.kind = kind,
            error,
            "a socket was closed because of what Rocket.Chat said on it"
        ),
        Violation::ClientFrame
        | Violation::SockJs
        | Violation::Binary
        | Violation::NotUtf8
        | Violation::TooLarge => tracing::info!(
            session.id = session_id,
            error.kind = kind,
            error,
            "a socket was closed because of what its client said"
        ),
    }
}
