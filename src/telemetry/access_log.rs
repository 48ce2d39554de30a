//! Placeholder: access log.
