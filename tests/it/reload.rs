//! A configuration that changes while Gantry serves: what is sound is applied, what is not changes nothing, and nobody is cut off.

mod documented;
mod files;
mod issuers;
mod program;
mod refused;
mod rules;
mod secrets;
mod sessions;
mod stage;
mod storms;
