//! What an operator sees: log lines, the metrics page, traces, request ids and the reasons of unreadiness.

pub mod access_log;
pub mod audit;
pub mod logging;
pub mod metrics;
pub mod outgoing;
pub mod readiness;
pub mod recent;
pub mod request_id;
pub mod spans;
pub mod striped;
