//! The edge that carries traffic: what the gate admitted goes to Rocket.Chat and its answer comes back.

pub mod client_address;
pub mod error;
pub mod files;
pub mod forward;
pub mod frames;
pub mod html;
pub mod inject;
pub mod relay;
pub mod upstream;
pub mod websocket;

pub use error::ForwardError;
