//! The lookalike as a program.

fn main() {}
