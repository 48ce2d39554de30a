//! What the tests share: the running whole, its issuer, and patience.

pub(crate) mod eventually;
pub(crate) mod frames;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod issuer;
pub(crate) mod raw;
pub(crate) mod socket;
pub(crate) mod switchboard;
pub(crate) mod tap;
pub(crate) mod world;
