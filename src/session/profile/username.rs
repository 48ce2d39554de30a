//! The username cleaner: any text to Rocket.Chat's default pattern `[0-9a-zA-Z-_.]+` (RC §4.3), never two texts to one name.
//!
//! The rule:
//! 1. A text of 1 to 64 characters, all of the pattern, stays as it is, unless it ends in a mark (rule 3).
//! 2. Any other text gets a mark: runs of characters outside the pattern become one `-`, the result is cut to 46 characters
//!    (`user` if nothing is left), and `-.` with 16 characters of the text's SHA-256 in lower-case base32 follows.
//! 3. A text that already ends in what looks like a mark gets one too, so nobody can choose the name that cleaning gives another.
//!
//! Two texts can only meet by a collision in 80 bits of SHA-256. Nothing is folded: `Alice` and `alice` stay two names, and it is
//! Rocket.Chat that refuses the second, since it compares without case. Its reserved names (`all`, `admin`, …) are left to its
//! refusal as well: a workspace can change them.

use aws_lc_rs::digest;
use data_encoding::BASE32_NOPAD;

/// Longest name, mark included. Rocket.Chat has no limit of its own; this fits every list and URL that shows it.
const LONGEST: usize = 64;

/// What stands between the readable part and the hash: allowed by the pattern, rare in names.
const SEPARATOR: &str = "-.";

/// 16 characters of base32 are 80 bits: nobody can search for a second text with somebody else's mark.
const HASH: usize = 16;

/// Longest readable part before a mark.
const STEM: usize = LONGEST - SEPARATOR.len() - HASH;

/// Cleans a text as the module says.
pub(in crate::session) fn clean(text: &str) -> String {
    let sound = (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed) && !marked(text);
    if sound {
        return text.to_owned();
    }
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut hash = BASE32_NOPAD.encode(digest.as_ref());
    hash.make_ascii_lowercase();
    hash.truncate(HASH);
    format!("{}{SEPARATOR}{hash}", stem(text))
}

fn stem(text: &str) -> String {
    let mut stem = String::new();
    for character in text.chars() {
        if stem.len() >= STEM {
            break;
        }
        match u8::try_from(character) {
            Ok(byte) if allowed(byte) => stem.push(character),
            _ if stem.ends_with('-') => {}
            _ => stem.push('-'),
        }
    }
    let stem = stem.trim_matches(['-', '.', '_']);
    if stem.is_empty() {
        return "user".to_owned();
    }
    stem.to_owned()
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn marked(text: &str) -> bool {
    let Some(at) = text.len().checked_sub(HASH) else {
        return false;
    };
    let (Some(before), Some(hash)) = (text.get(..at), text.get(at..)) else {
        return false;
    };
    before.ends_with(SEPARATOR)
        && hash
            .bytes()
            .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_cleaned_as_documented() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected, "for {text:?}");
        check("alice", "alice");
        check("Alice.B_c-9", "Alice.B_c-9");
        check("admin", "admin");
        check(&"a".repeat(64), &"a".repeat(64));
        check("alice@example.org", "alice-example.org-.pjsk34uhg7vja4m4");
        check("al ice", "al-ice-.wacas2vuvrmu6ues");
        check("<script>", "script-.lnr6lmqjp7djazqb");
        check("", "user-.4oymiquy7qobjgx3");
        check("王", "user-.gom2bzsrvuiezupv");
    }

    #[test]
    fn the_name_that_cleaning_gives_cannot_be_chosen_by_another() {
        let given = clean("al ice");
        assert_ne!(clean(&given), given);
    }

    proptest! {
        #[test]
        fn every_result_fits_the_pattern_and_the_length(text in any::<String>()) {
            let name = clean(&text);
            prop_assert!((1..=LONGEST).contains(&name.len()), "{name}");
            prop_assert!(name.bytes().all(allowed), "{name}");
        }

        #[test]
        fn a_clean_name_stays_as_it_is(text in "[0-9a-zA-Z_-]{1,64}") {
            prop_assert_eq!(clean(&text), text);
        }

        #[test]
        fn two_texts_never_become_one_name(one in "[a-c @.-]{0,8}", other in "[a-c @.-]{0,8}") {
            prop_assert_eq!(clean(&one) == clean(&other), one == other);
        }

        #[test]
        fn two_long_texts_never_become_one_name(start in "[a-z]{60,80}", one in "[a-c]{0,3}", other in "[a-c]{0,3}") {
            let (first, second) = (format!("{start}{one}"), format!("{start}{other}"));
            prop_assert_eq!(clean(&first) == clean(&second), one == other);
        }

        #[test]
        fn a_result_never_equals_what_another_text_stays(text in any::<String>()) {
            let once = clean(&text);
            let twice = clean(&once);
            prop_assert_eq!(once == text, twice == once);
        }
    }
}
