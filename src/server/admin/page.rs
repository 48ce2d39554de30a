//! The status page and the API's description: files of the program itself.
//!
//! The page is one file that loads nothing from elsewhere; its policy lets exactly the script and the style run that were built in.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use http::{HeaderValue, Response, header};

use crate::body::Body;
use crate::server::admin::answer;

const PAGE: &str = include_str!("../assets/status.html");

const DESCRIPTION: &str = include_str!("../assets/openapi.json");

/// The page with its policy.
#[derive(Debug)]
pub(super) struct StatusPage {
    policy: HeaderValue,
}

impl StatusPage {
    pub(super) fn new() -> Self {
        Self {
            policy: HeaderValue::try_from(policy(PAGE)).expect("base64 and fixed words fit"),
        }
    }

    pub(super) fn answer(&self) -> Response<Body> {
        let mut answer = answer::of_kind(Body::full(PAGE), "text/html; charset=utf-8");
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        answer
    }
}

/// The OpenAPI description.
pub(super) fn description() -> Response<Body> {
    answer::of_kind(Body::full(DESCRIPTION), "application/json")
}

fn policy(page: &str) -> String {
    let hash = |element| BASE64.encode(digest(&SHA256, inside(page, element).as_bytes()).as_ref());
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    )
}

/// What stands in the page's one element of this name.
fn inside<'a>(page: &'a str, element: &str) -> &'a str {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    page.split_once(open.as_str())
        .and_then(|(_, rest)| rest.split_once(close.as_str()))
        .map_or("", |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_script_and_one_style_and_loads_nothing() {
        for element in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{element}")).count(), 1, "{element}");
            assert!(!inside(PAGE, element).trim().is_empty(), "{element}");
        }
        for foreign in [
            "http://",
            "https://",
            "src=",
            "@import",
            "url(",
            " style=",
            " onclick=",
        ] {
            let allowed = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!allowed.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_policy_names_the_digests_of_both() {
        let policy = policy("<style>a</style><script>b</script>");
        for digest in [
            "script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='",
            "style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='",
        ] {
            assert!(policy.contains(digest), "{policy}");
        }
    }
}
