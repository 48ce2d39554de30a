//! What is sealed opens where it belongs and as it was, and nowhere else.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::{HEAD, ID, Seal, SealError};
use crate::secret::SealingKey;

fn key(fill: u8) -> SealingKey {
    SealingKey::new(&[fill; SealingKey::LENGTH])
}

fn seal(first: u8, others: &[u8]) -> Seal {
    let others: Vec<_> = others.iter().copied().map(key).collect();
    Seal::new(&key(first), &others)
}

#[test]
fn what_is_sealed_twice_is_sealed_differently() {
    let seal = seal(1, &[]);
    let sealed = [seal.seal("place", b"plain"), seal.seal("place", b"plain")];
    assert_ne!(sealed[0], sealed[1]);
    for sealed in sealed {
        assert!(!sealed.0.windows(5).any(|part| part == b"plain"));
        let opened = seal.open("place", &sealed.0).expect("it opens");
        assert_eq!(*opened, b"plain");
    }
}

#[test]
fn an_old_key_opens_while_it_is_listed_and_not_after() {
    let old = seal(1, &[]).seal("place", b"plain");
    let rotated = seal(2, &[3, 1]);
    assert_eq!(*rotated.open("place", &old.0).expect("listed"), b"plain");
    let new = rotated.seal("place", b"plain");
    assert_eq!(seal(1, &[]).open("place", &new.0), Err(SealError::Key));
    let after = seal(2, &[3]);
    assert_eq!(after.open("place", &old.0), Err(SealError::Key));
    assert_eq!(*after.open("place", &new.0).expect("the first"), b"plain");
}

#[test]
fn each_reason_has_its_own_name() {
    let seal = seal(1, &[]);
    let sealed = seal.seal("place", b"plain").0;
    let why = |place: &str, sealed: &[u8]| seal.open(place, sealed).err().map(SealError::kind);
    assert_eq!(why("place", &sealed), None);
    assert_eq!(why("place", b""), Some("seal-form"));
    assert_eq!(why("place", &sealed[..HEAD + 15]), Some("seal-form"));
    let mut other = sealed.clone();
    other[0] = 2;
    assert_eq!(why("place", &other), Some("seal-form"));
    let mut other = sealed.clone();
    other[1] ^= 1;
    assert_eq!(why("place", &other), Some("seal-key-unknown"));
    assert_eq!(why("other place", &sealed), Some("seal-broken"));
    assert_eq!(
        why("place", &sealed[..sealed.len() - 1]),
        Some("seal-broken")
    );
}

#[test]
fn two_keys_of_one_id_both_open() {
    let mut seal = seal(1, &[2]);
    let sealed = Seal::new(&key(2), &[]).seal("place", b"plain").0;
    // As chance would have it once in four thousand million pairs; the id is bound, so it is sealed anew under the shared one.
    let shared = seal.others[0].id;
    seal.first.id = shared;
    assert_eq!(sealed[1..=ID], shared);
    assert_eq!(*seal.open("place", &sealed).expect("the second"), b"plain");
    let first = seal.seal("place", b"plain").0;
    assert_eq!(*seal.open("place", &first).expect("the first"), b"plain");
}

#[test]
fn what_is_derived_depends_on_key_purpose_and_text_and_on_nothing_else() {
    let derived = seal(1, &[2]).derive("purpose", "text");
    assert_eq!(derived, seal(1, &[]).derive("purpose", "text"));
    for other in [
        seal(2, &[1]).derive("purpose", "text"),
        seal(1, &[]).derive("purposes", "text"),
        seal(1, &[]).derive("purpose", "text "),
        seal(1, &[]).derive("purposetext", ""),
        seal(1, &[]).derive("", "purposetext"),
    ] {
        assert_ne!(derived, other);
    }
}

/// Sessions that are kept must open under the next release too: other subkeys would log everybody out. The values were made with
/// another implementation of HKDF, HMAC and AES-GCM.
#[test]
fn what_an_earlier_release_sealed_and_derived_is_still_known() {
    let seal = seal(1, &[]);
    let bytes = |hex: &str| HEXLOWER.decode(hex.as_bytes()).expect("hex");
    let sealed = "019bf9b8e6000102030405060708090a0b9600a980d73276b498b843ee227a61de29b019318e";
    let opened = seal.open("place", &bytes(sealed)).expect("it opens");
    assert_eq!(*opened, b"plain");
    let derived = "7bb6a129a895f7a3c5c76877afa2913f5e64f4f781e06e244a8d3ffb8814ae85";
    assert_eq!(seal.derive("purpose", "text").to_vec(), bytes(derived));
}

#[test]
fn debug_output_holds_no_key() {
    assert_eq!(format!("{:?}", seal(1, &[2])), "Seal(2 keys)");
}

proptest! {
    #[test]
    fn every_value_opens_as_it_was(place in "[!-~]{0,40}", plain: Vec<u8>) {
        let seal = seal(1, &[2]);
        let sealed = seal.seal(&place, &plain);
        let opened = seal.open(&place, &sealed.0).expect("it opens");
        prop_assert_eq!(&*opened, &plain);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(plain in proptest::collection::vec(any::<u8>(), 0..64), at: usize) {
        let seal = seal(1, &[2]);
        let mut sealed = seal.seal("place", &plain).0;
        let bit = at % (sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(seal.open("place", &sealed).is_err());
    }

    #[test]
    fn no_other_place_opens_it(place in "[a-c:]{0,6}", other in "[a-c:]{0,6}") {
        prop_assume!(place != other);
        let sealed = seal(1, &[]).seal(&place, b"plain");
        prop_assert_eq!(seal(1, &[]).open(&other, &sealed.0), Err(SealError::Broken));
    }

    #[test]
    fn whatever_is_in_the_store_is_refused_in_peace(bytes: Vec<u8>) {
        prop_assert!(seal(1, &[2]).open("place", &bytes).is_err());
    }
}
