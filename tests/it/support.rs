//! What the tests share: the running whole, its issuer, and patience.

pub(crate) mod eventually;
pub(crate) mod gateway;
pub(crate) mod issuer;
pub(crate) mod raw;
pub(crate) mod tap;
