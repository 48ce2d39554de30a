//! Where `/_gantry/enter` may lead: a path of our own origin, and nothing that any reader could take for another place.
//!
//! Open redirects have come of every spelling there is (GHSA-qqxw-m5fj-f7gv, GHSA-j7px-6hwj-hpjg, GHSA-4mf2-f3wh-gvf2), so a target
//! in doubt is refused, not mended.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::config::types::Origin;
use crate::surface::path::NormalPath;

/// How many layers of percent escapes are looked under; a target with more is refused.
const LAYERS: usize = 4;

/// What cannot stand in a URL as it is, besides what is not ASCII.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'|')
    .add(b'^');

/// The value of `Location` for a target that stays at `own`; a fragment is dropped.
pub(super) fn location(target: &str, own: &Origin) -> Option<String> {
    let target = target.split('#').next().unwrap_or_default();
    let (path, _query) = target.split_once('?').unwrap_or((target, ""));
    NormalPath::parse(path).ok()?;
    is_plain(target)?;
    let location = utf8_percent_encode(target, ESCAPED).to_string();
    // What a browser makes of it decides in the end.
    let own = Url::parse(&own.to_string()).ok()?;
    let there = own.join(&location).ok()?;
    (there.origin() == own.origin() && !there.path().starts_with("//")).then_some(location)
}

/// No control character and no backslash, under as many layers of escapes as there are.
fn is_plain(target: &str) -> Option<()> {
    let mut text = target.to_owned();
    for _ in 0..LAYERS {
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return None;
        }
        let decoded = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
        if decoded == text {
            return Some(());
        }
        text = decoded;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own() -> Origin {
        Origin::parse("https://chat.example.com").unwrap()
    }

    #[track_caller]
    fn check(target: &str, expected: Option<&str>) {
        assert_eq!(location(target, &own()).as_deref(), expected, "{target:?}");
    }

    #[test]
    fn paths_of_our_own_pass_with_their_query() {
        check("/", Some("/"));
        check("/channel/general", Some("/channel/general"));
        check(
            "/channel/general?layout=embedded&msg=1",
            Some("/channel/general?layout=embedded&msg=1"),
        );
        check(
            "/group/x?next=https://x.test/",
            Some("/group/x?next=https://x.test/"),
        );
        check(
            "/channel/g\u{e9}n\u{e9}ral x",
            Some("/channel/g%C3%A9n%C3%A9ral%20x"),
        );
        check("/channel/g%C3%A9", Some("/channel/g%C3%A9"));
        check("/home#there", Some("/home"));
        check("/direct/a@b.test", Some("/direct/a@b.test"));
    }

    #[test]
    fn ghsa_qqxw_m5fj_f7gv_and_its_neighbours_lead_nowhere() {
        for target in [
            "",
            "home",
            "?x",
            "#x",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "\\/evil.test",
            "/%2fevil.test",
            "/%2Fevil.test",
            "/%5cevil.test",
            "/%5C%5cevil.test",
            "/%252fevil.test",
            "/%25252fevil.test",
            "/%255cevil.test",
            "/x//evil.test",
            "/./evil.test",
            "/.//evil.test",
            "/..//evil.test",
            "/%2e%2e//evil.test",
            "/\t/evil.test",
            "/%09/evil.test",
            "/%0d%0aSet-Cookie:x=y",
            "/x\r\nSet-Cookie: x=y",
            "/x?y\r\nSet-Cookie: x=y",
            "/x?%0d%0aSet-Cookie:x=y",
            "/x?%250d%250aSet-Cookie:x=y",
            "/x?\\evil.test",
            "/\u{0}",
            "/\u{85}/evil.test",
            " /home",
            "\u{feff}/home",
            "https://evil.test/",
            "https:evil.test",
            "javascript:alert(1)",
            "data:text/html,x",
            "/%",
            "/%zz",
            "/%ff",
            "/%2525252525252541",
        ] {
            check(target, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

        /// Whatever is let through is a place of ours to a browser, and to one that undoes escapes once too often.
        #[test]
        fn no_target_leaves_our_origin(
            target in "([/\\\\.:@?#&=%\\t\\r\\n ]|%2f|%5c|%2e|%25|%09|%0a|%40|evil\\.test|https|javascript|x|é){0,12}"
        ) {
            let own = own();
            if let Some(location) = location(&target, &own) {
                let base = Url::parse(&own.to_string()).unwrap();
                let undone = percent_decode_str(&location).decode_utf8_lossy().into_owned();
                for location in [&location, &undone] {
                    let there = base.join(location).unwrap();
                    prop_assert_eq!(there.origin(), base.origin());
                }
                prop_assert!(location.starts_with('/') && !location.starts_with("//"));
                prop_assert!(http::HeaderValue::try_from(&location).is_ok());
            }
        }
    }
}
