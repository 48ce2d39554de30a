//! Queries without the client's credentials, byte for byte the same otherwise (RC §13.1).

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderValue, REFERER};

use super::names::Names;

/// Removes every parameter that `names` takes; borrows when there is none. `;` separates as `&` does, because whoever reads
/// the query behind us may think so.
#[must_use]
pub fn strip<'a>(query: &'a str, names: &Names) -> Cow<'a, str> {
    let mut bare = query.as_bytes().split(|byte| is_separator(*byte));
    if !bare.any(|pair| is_taken(pair, names)) {
        return Cow::Borrowed(query);
    }
    let mut kept = String::with_capacity(query.len());
    let mut last_kept = true;
    for pair in pairs(query) {
        last_kept = !is_taken(pair.as_bytes(), names);
        if last_kept {
            kept.push_str(pair);
        }
    }
    if !last_kept {
        // The separator stood between the last kept pair and one that is gone.
        kept.pop();
    }
    Cow::Owned(kept)
}

/// Removes such parameters from the `Referer` too: a page opened with a JWT in its query names it on every request that follows.
/// A `Referer` that cannot be read goes, and so does one that comes twice.
pub fn strip_referer(headers: &mut HeaderMap, names: &Names) {
    let mut referers = headers.get_all(REFERER).iter();
    let Some(referer) = referers.next() else {
        return;
    };
    if referers.next().is_some() {
        headers.remove(REFERER);
        return;
    }
    let stripped = match referer.to_str().map(halves) {
        Ok(None) => return,
        Ok(Some((page, query))) => match strip(query, names) {
            Cow::Borrowed(_) => return,
            Cow::Owned(query) if query.is_empty() => HeaderValue::try_from(page).ok(),
            Cow::Owned(query) => HeaderValue::try_from(format!("{page}?{query}")).ok(),
        },
        Err(_) => None,
    };
    match stripped {
        Some(referer) => headers.insert(REFERER, referer),
        None => headers.remove(REFERER),
    };
}

/// What stands before the first `?` of a URL and behind it.
#[must_use]
pub fn halves(url: &str) -> Option<(&str, &str)> {
    let (page, query) = url.split_at_checked(memchr::memchr(b'?', url.as_bytes())?)?;
    Some((page, query.strip_prefix('?')?))
}

/// The pairs, each with the separator behind it.
fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split_inclusive(['&', ';'])
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'&' | b';')
}

fn is_taken(pair: &[u8], names: &Names) -> bool {
    let ends = |byte: &u8| *byte == b'=' || is_separator(*byte);
    let end = pair.iter().position(ends).unwrap_or(pair.len());
    names.take(&pair[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(query: &str, expected: &str) {
        assert_eq!(
            strip(query, &Names::parameters(["jwt"])),
            expected,
            "{query}"
        );
    }

    #[test]
    fn credentials_go_and_the_rest_stays_as_it_was() {
        check("", "");
        check("a=1", "a=1");
        check("rc_token=x", "");
        check("rc_token", "");
        check("rc_token=x&a=1", "a=1");
        check("a=1&rc_token=x", "a=1");
        check("a=1&rc_uid=x&rc_token=y&b=%20+%zz", "a=1&b=%20+%zz");
        check("a=1;rc_token=x;b=2", "a=1;b=2");
        check("a=1&&jwt=e30&=&b", "a=1&&=&b");
        check("layout=embedded&resumeToken=x", "layout=embedded");
        check("jwt=a&jwt=b", "");
    }

    #[test]
    fn values_are_not_names() {
        check(
            "to=rc_token&x=access_token=1",
            "to=rc_token&x=access_token=1",
        );
    }

    #[test]
    fn cve_2026_29198_bracketed_operators_do_not_reach_rocketchat() {
        check("access_token[$ne]=x&a=1", "a=1");
        check("access_token%5B%24gt%5D=", "");
        check("[access_token]=x", "");
    }

    #[test]
    fn a_query_without_credentials_is_borrowed() {
        let names = Names::parameters([]);
        assert!(matches!(
            strip("count=50&offset=0", &names),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_referer_names_no_credential() {
        let names = Names::parameters(["jwt"]);
        for (before, after) in [
            ("https://a.test/x", Some("https://a.test/x")),
            (
                "https://a.test/x?layout=embedded",
                Some("https://a.test/x?layout=embedded"),
            ),
            ("https://a.test/x?jwt=e30", Some("https://a.test/x")),
            (
                "https://a.test/x?a=1&%6Awt=e30&b",
                Some("https://a.test/x?a=1&b"),
            ),
            ("https://a.test/é?jwt=e30", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REFERER, HeaderValue::from_bytes(before.as_bytes()).unwrap());
            strip_referer(&mut headers, &names);
            let left = headers.get(REFERER).map(|value| value.to_str().unwrap());
            assert_eq!(left, after, "{before}");
        }
        let mut headers = HeaderMap::new();
        headers.append(REFERER, HeaderValue::from_static("https://a.test/"));
        headers.append(REFERER, HeaderValue::from_static("https://a.test/?jwt=e30"));
        strip_referer(&mut headers, &names);
        assert!(headers.is_empty());
    }

    /// One of the names in some spelling: cases, escapes, brackets.
    fn spelled() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["rc_uid", "rc_token", "access_token", "resumeToken"]);
        let tail = prop::sample::select(vec!["", "[]", "[$ne]", "%5B%5D", "%00", "+"]);
        (name, tail, any::<u32>(), any::<u32>()).prop_map(|(name, tail, escaped, upper)| {
            let mut text = String::new();
            for (index, byte) in name.bytes().enumerate() {
                let byte = if upper >> index & 1 == 1 {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                };
                if escaped >> index & 1 == 1 {
                    text.push_str(&format!("%{byte:02X}"));
                } else {
                    text.push(char::from(byte));
                }
            }
            text + tail
        })
    }

    proptest! {
        #[test]
        fn exactly_the_credentials_go(
            innocent in prop::collection::vec("[ab][a-z0-9%.]{0,5}(=[a-zA-Z0-9%_.]{0,5})?", 0..6),
            spelled in spelled(),
            place in any::<prop::sample::Index>(),
        ) {
            let names = Names::parameters([]);
            let innocent: Vec<String> = innocent.into_iter()
                .filter(|pair| !is_taken(pair.as_bytes(), &names)).collect();
            let mut all = innocent.clone();
            all.insert(place.index(innocent.len() + 1), format!("{spelled}=secret"));
            let all = all.join("&");
            prop_assert_eq!(strip(&all, &names), innocent.join("&"));
        }

        #[test]
        fn stripping_twice_changes_nothing_more(query in "[a-z_%&;=\\[\\]?+ 0-9A-F]{0,60}") {
            let names = Names::parameters(["a_b"]);
            let once = strip(&query, &names);
            prop_assert_eq!(strip(&once, &names), once.as_ref());
        }
    }
}
