//! The targets over their corpus and over mutations of it, on any toolchain.
//!
//! The mutations are the same in every run: a failure names its file and the number of the mutation, and shows its bytes.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

/// Mutations of one file: with the corpus as it is, about half a minute of one processor in all, in a build without optimisation.
const MUTATIONS: u32 = 1000;

/// A mutation makes up to so many changes.
const MOST_CHANGES: u32 = 4;

/// Bytes that mean something to one reader or another.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\\u006c",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b";",
    b"=",
    b"%",
    b"%72",
    b"\n",
    b"\n+",
    b"\n>",
    b"\n<",
    b" ",
    b"\0",
    b"\xff",
    b"\x80\x01",
    b"login",
    b"rc_token=",
    b"$escape",
];

/// xorshift: small, fast, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides.max(1)
    }
}

fn mutated(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.roll(MOST_CHANGES as usize) {
        let at = dice.roll(bytes.len() + 1);
        let end = (at + 1 + dice.roll(16)).min(bytes.len());
        match dice.roll(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            1 if at < bytes.len() => bytes[at] = dice.roll(256) as u8,
            2 => drop(bytes.drain(at.min(end)..end)),
            3 => {
                let again = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(at),
            5 => {
                let from = dice.roll(other.len() + 1);
                bytes.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let piece = PIECES[dice.roll(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let read = || -> std::io::Result<Vec<(String, Vec<u8>)>> {
        std::fs::read_dir(&folder)?
            .map(|entry| {
                let path = entry?.path();
                let name = path.display().to_string();
                Ok((name, std::fs::read(path)?))
            })
            .collect()
    };
    let mut files = read().expect("the corpus can be read");
    files.sort();
    files
}

fn holds(target: &str, run: fn(&[u8])) {
    let files = corpus(target);
    assert!(files.len() >= 10, "{target} has a corpus");
    let runs = |bytes: &[u8], name: &str, number: u32| {
        if panic::catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
            let shown = bytes.escape_ascii();
            panic!("{name}, mutation {number}: \"{shown}\"");
        }
    };
    for (index, (name, seed)) in files.iter().enumerate() {
        runs(seed, name, 0);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ index as u64);
        for number in 1..=MUTATIONS {
            let (_, other) = &files[dice.roll(files.len())];
            runs(&mutated(seed, other, &mut dice), name, number);
        }
    }
}

#[test]
fn sockets_frames_hold() {
    holds("frames", gantry_fuzz::frames);
}

#[test]
fn sockjs_frames_hold() {
    holds("sockjs", gantry_fuzz::sockjs);
}

#[test]
fn logins_on_sockets_hold() {
    holds("ddp_login", gantry_fuzz::ddp_login);
}

#[test]
fn tunnelled_methods_hold() {
    holds("method_call", gantry_fuzz::method_call);
}

#[test]
fn cookies_hold() {
    holds("cookies", gantry_fuzz::cookies);
}

#[test]
fn forwarded_chains_hold() {
    holds("forwarded", gantry_fuzz::forwarded);
}

#[test]
fn paths_hold() {
    holds("path", gantry_fuzz::path);
}
