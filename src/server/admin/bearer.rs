//! Who may use the admin API: whoever shows its token as the one bearer (RFC 6750 §2.1). No cookie, no query: a browser that is led
//! here sends neither by itself.

use http::{HeaderMap, header};

use crate::secret::Secret;
use crate::server::admin::AdminError;

/// Lets the holder of the token pass.
pub(super) fn authorize(headers: &HeaderMap, token: Option<&Secret>) -> Result<(), AdminError> {
    let Some(token) = token else {
        return Err(AdminError::Closed);
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(AdminError::MissingToken);
    };
    // Never guessed which of two counts: whoever stands in front may have looked at the other.
    if values.next().is_some() {
        return Err(AdminError::Duplicated);
    }
    let value = value.as_bytes();
    let end = value.iter().position(|byte| *byte == b' ');
    let (scheme, shown) = value.split_at(end.unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(AdminError::MissingToken);
    }
    if token.matches(shown.trim_ascii()) {
        return Ok(());
    }
    Err(AdminError::WrongToken)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// With `Ok` for a pass, or the kind of the refusal.
    fn check(values: &[&'static str], expected: Result<(), &str>) {
        let token = Secret::new("the-token".to_owned());
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        let kind = |token| authorize(&headers, token).map_err(|error| error.kind());
        assert_eq!(kind(Some(&token)), expected, "{values:?}");
        assert_eq!(kind(None), Err("admin-closed"), "{values:?}");
    }

    #[test]
    fn exactly_one_bearer_with_the_token_passes() {
        check(&["Bearer the-token"], Ok(()));
        check(&["bEARER  the-token "], Ok(()));
        check(&[], Err("missing-token"));
        check(&["Basic the-token"], Err("missing-token"));
        check(&["the-token"], Err("missing-token"));
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer the-tokem",
            "Bearer the-toke",
            "Bearer the-token2",
            "Bearer the-token, Bearer the-token",
        ] {
            check(&[wrong], Err("wrong-admin-token"));
        }
        check(
            &["Bearer the-token", "Bearer the-token"],
            Err("duplicated-header"),
        );
    }
}
