//! `/_gantry/boot.js`: the script in front of Rocket.Chat's pages that puts a stand-in where the web client looks for its token
//! (RC §7.1), so that nobody sees a login form.
//!
//! It holds a secret, and any page can include any script; so it is answered to our own pages only, whatever identifies.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};
use serde::Serialize;

use super::{EndpointError, Endpoints, answer};
use crate::authn::origin::refuse_duplicates;
use crate::authn::{AuthnError, Purpose};
use crate::body::Body;
use crate::gate::{Admission, GateError};

/// A function of what is known.
const SCRIPT: &str = include_str!("assets/boot.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    user_id: &'a str,
    token: &'a str,
}

/// `GET`: the script for whoever the cookies say; one that does nothing for nobody.
pub(super) async fn script(
    endpoints: &Endpoints,
    parts: &Parts,
) -> Result<Response<Body>, EndpointError> {
    let refused = |error| EndpointError::Gate(GateError::Authn(error));
    refuse_duplicates(parts).map_err(refused)?;
    if !endpoints.origins.proves_same(&parts.headers) {
        return Err(refused(AuthnError::ForeignOrigin));
    }
    let admission = match endpoints.gate.admit(parts, Purpose::Handover).await {
        Ok(admission) => admission,
        // A cookie may be left over of a session that has ended: nobody, too.
        Err(GateError::MissingToken | GateError::Authn(AuthnError::UnknownStandIn)) => {
            return Ok(of(String::new()));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(place(endpoints, parts, &admission))
}

fn place(endpoints: &Endpoints, parts: &Parts, admission: &Admission) -> Response<Body> {
    let admitted = &admission.admitted;
    let stand_in = endpoints.gate.sessions().stand_in(admitted);
    let known = Known {
        user_id: admitted.credentials.user_id(),
        token: stand_in.reveal(),
    };
    let mut answer = of(call(&known));
    endpoints
        .cookie
        .renew(&parts.headers, answer.headers_mut(), (admitted, &stand_in));
    answer
}

/// The script as a call with these values.
fn call(known: &Known<'_>) -> String {
    // Strings always serialise.
    let json = serde_json::to_string(known).unwrap_or_default();
    format!("{}({});\n", SCRIPT.trim_end(), safe(&json))
}

/// JSON that is nothing else to any reader of scripts: no tag begins in it, and no line of it ends early.
fn safe(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn of(script: String) -> Response<Body> {
    let mut answer = answer::somebodys(script.into_bytes(), JAVASCRIPT);
    answer.headers_mut().insert(
        CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_values_whatever_they_hold() {
        let known = Known {
            user_id: "</script><!--\u{2028}\u{2029}\"');alert(1)//\\",
            token: "t",
        };
        let call = call(&known);
        let (_, argument) = call.rsplit_once("})(").unwrap();
        assert!(!argument.contains(['<', '\u{2028}', '\u{2029}']));
        let json = argument.strip_suffix(");\n").unwrap();
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["userId"], known.user_id);
    }
}
