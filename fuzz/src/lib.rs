//! What must hold for all bytes, not only that nothing panics.
//!
//! Each target is a function of bytes that runs Gantry's code by its public face and asserts. libFuzzer calls it in
//! `fuzz_targets/` (`make fuzz TARGET=…`); on any toolchain it runs over its corpus and over mutations of it, as a test.
//!
//! What comes out is read by readers of its own here, written from the RFCs and from what Rocket.Chat does, so that a fault in
//! Gantry's reading does not hide itself.

mod cookies;
mod ddp_login;
mod forwarded;
mod frames;
mod method_call;
mod path;
mod said;
mod script;
mod sockjs;
mod surface;
mod talk;
mod wire;

pub use cookies::cookies;
pub use ddp_login::ddp_login;
pub use forwarded::forwarded;
pub use frames::frames;
pub use method_call::method_call;
pub use path::path;
pub use sockjs::sockjs;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// The program of one target: libFuzzer's under cargo-fuzz, else one that runs over the files named as arguments.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$name(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            for file in std::env::args_os().skip(1) {
                $crate::$name(&std::fs::read(file)?);
            }
            Ok(())
        }
    };
}
