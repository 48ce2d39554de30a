//! Pages that may be embedded: `X-Frame-Options` gives way to `frame-ancestors` for the configured host pages (RC §7.5).

use http::header::{self, HeaderMap, HeaderValue};

use crate::config::types::Origin;

/// Who may embed Rocket.Chat's pages.
#[derive(Debug)]
pub struct Framing(Option<String>);

impl Framing {
    /// With no host page configured, Rocket.Chat's own headers stay as they are.
    #[must_use]
    pub fn new(ancestors: &[Origin]) -> Self {
        if ancestors.is_empty() {
            return Self(None);
        }
        let mut directive = "frame-ancestors 'self'".to_owned();
        for origin in ancestors {
            directive.push(' ');
            directive.push_str(&origin.to_string());
        }
        Self(Some(directive))
    }

    /// Lets the host pages embed an HTML answer. `X-Frame-Options` knows no list of origins, so it goes; a `frame-ancestors` of
    /// Rocket.Chat's own is replaced, and every other directive of its policy stays.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let Some(directive) = &self.0 else { return };
        if !is_html(headers) {
            return;
        }
        headers.remove(header::X_FRAME_OPTIONS);
        let mut policies: Vec<String> = headers
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .filter_map(|policy| policy.to_str().ok().map(without_frame_ancestors))
            .filter(|policy| !policy.is_empty())
            .collect();
        match policies.first_mut() {
            Some(first) => {
                first.push_str("; ");
                first.push_str(directive);
            }
            None => policies.push(directive.clone()),
        }
        headers.remove(header::CONTENT_SECURITY_POLICY);
        for policy in policies {
            if let Ok(policy) = HeaderValue::try_from(policy) {
                headers.append(header::CONTENT_SECURITY_POLICY, policy);
            }
        }
    }
}

/// Does an answer say that it is HTML?
pub fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.as_bytes().get(..9))
        .is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
}

fn without_frame_ancestors(policy: &str) -> String {
    let kept: Vec<&str> = policy
        .split(';')
        .map(str::trim)
        .filter(|directive| {
            let name = directive
                .split_ascii_whitespace()
                .next()
                .unwrap_or_default();
            !name.is_empty() && !name.eq_ignore_ascii_case("frame-ancestors")
        })
        .collect();
    kept.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, policies: &[&str], expected: &[&str]) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        headers.insert(
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("sameorigin"),
        );
        for policy in policies {
            headers.append(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_str(policy).unwrap(),
            );
        }
        Framing::new(&[Origin::parse("https://app.example.com").unwrap()]).apply(&mut headers);
        let policies: Vec<_> = headers
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .collect();
        assert_eq!(policies, expected);
        let framed = headers.contains_key(header::X_FRAME_OPTIONS);
        assert_eq!(framed, !kind.starts_with("text/html"));
    }

    #[test]
    fn host_pages_may_embed_html_and_the_rest_of_the_policy_stays() {
        let ours = "frame-ancestors 'self' https://app.example.com";
        check("text/html; charset=utf-8", &[], &[ours]);
        check(
            "text/html",
            &["default-src 'self'"],
            &[&format!("default-src 'self'; {ours}")],
        );
        check(
            "text/html",
            &["Frame-Ancestors 'none'; img-src *;", "font-src 'self'"],
            &[&format!("img-src *; {ours}"), "font-src 'self'"],
        );
        check(
            "application/json",
            &["default-src 'self'"],
            &["default-src 'self'"],
        );
    }

    #[test]
    fn without_host_pages_nothing_changes() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        headers.insert(
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("sameorigin"),
        );
        let before = headers.clone();
        Framing::new(&[]).apply(&mut headers);
        assert_eq!(headers, before);
    }
}
