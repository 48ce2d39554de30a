//! Several Gantrys over one store, and one over a file before and after its restart: what one knows, all know.

mod administration;
mod ending;
mod exchange;
mod file;
mod keeping;
mod outage;
mod scope;
pub(crate) mod stage;
