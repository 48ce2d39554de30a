//! Placeholder: log set-up.
