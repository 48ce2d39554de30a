//! Attacks on the public listener over TCP, each named after the hole it tries where somebody had that hole before.

mod addresses;
mod forgeries;
mod fuzz;
mod http2;
mod injection;
mod limits;
mod logs;
mod methods;
mod paths;
mod places;
mod smuggling;
mod surface;
