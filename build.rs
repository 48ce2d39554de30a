//! Links the program with its relocations packed: read at every start, they would otherwise be some 400 KiB of its memory. Needs a C
//! library that knows them (glibc 2.36).

#[expect(
    clippy::disallowed_methods,
    reason = "what cargo says of the target, at build time"
)]
fn main() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
