//! Answers of the file routes: what was let through with one person's credentials is not for a shared cache (RC §8).

use http::header::{self, HeaderMap, HeaderValue};

/// Makes an answer private: Rocket.Chat says `public` of avatars, which are now somebody's view of them.
pub fn make_private(headers: &mut HeaderMap) {
    let said = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    let private = match said {
        None => "private".to_owned(),
        Some(said) => {
            let mut directives = vec!["private"];
            directives.extend(said.split(',').map(str::trim).filter(|directive| {
                let name = directive.split('=').next().unwrap_or_default().trim();
                !["public", "private", "s-maxage", ""]
                    .iter()
                    .any(|shared| name.eq_ignore_ascii_case(shared))
            }));
            directives.join(", ")
        }
    };
    if let Ok(private) = HeaderValue::try_from(private) {
        headers.insert(header::CACHE_CONTROL, private);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_private_and_keep_their_age() {
        for (said, expected) in [
            (None, "private"),
            (Some("public, max-age=3600"), "private, max-age=3600"),
            (Some("Public,s-maxage=9,immutable"), "private, immutable"),
            (Some("no-store"), "private, no-store"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(said));
            }
            make_private(&mut headers);
            assert_eq!(headers[header::CACHE_CONTROL], expected);
        }
    }
}
