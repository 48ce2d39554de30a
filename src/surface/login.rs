//! Logins over REST: the route `login`, and the DDP method inside `method.call` (RC §2.1, §6.5).
//!
//! The one way in is what Rocket.Chat's clients call resuming, with a stand-in or the host's JWT; the JWT may also come as the access
//! token of any OAuth service. A body that says anything else is a login of Rocket.Chat's own, and those are denied
//! (CVE-2026-28514, CVE-2026-45688, CVE-2026-30833, CVE-2026-55759).

use std::borrow::Cow;

use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::scrub::{self, Unreadable};
use super::{Denial, body, method_call};
use crate::rocketchat::SwapOut;
use crate::secret::Bearer;

/// How a login is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginForm {
    /// `POST login`.
    Rest,
    /// The method `login` inside `method.call` or `method.callAnon`.
    MethodCall,
}

/// A login that may be tried.
#[derive(Debug)]
pub struct Login {
    /// Who says so: a stand-in or a JWT, not looked at yet.
    pub claim: Bearer,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Rest,
    /// With the method's id, as it was written.
    MethodCall(Option<Box<RawValue>>),
}

/// What came of it at Rocket.Chat.
#[derive(Debug)]
pub enum Answered {
    /// The auth token was refused; new ones may help.
    Refused,
    /// This goes to the client.
    Swapped(Vec<u8>),
}

/// What a REST login may say; a key twice is refused by the derived reader.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RestBody<'a> {
    #[serde(borrow)]
    resume: Option<Cow<'a, str>>,
    #[serde(borrow)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow)]
    service_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    access_token: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "access_token")]
    access_token_too: Option<Cow<'a, str>>,
    // What OAuth libraries send along; nobody reads it.
    #[serde(rename = "secret")]
    _secret: Option<Value>,
    #[serde(rename = "expiresIn")]
    _expires_in: Option<Value>,
}

/// The one parameter of the method `login`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume<'a> {
    #[serde(borrow)]
    resume: Cow<'a, str>,
}

impl Login {
    /// Reads the body of a login.
    ///
    /// # Errors
    /// [`Denial::Login`] for whatever is not one of ours.
    pub fn read(
        form: LoginForm,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Denial> {
        let denied = |_| Denial::Login;
        body::check_coding(headers, body).map_err(denied)?;
        match form {
            LoginForm::Rest => Self::rest(body),
            LoginForm::MethodCall => method_call::read(path, body, Self::method).map_err(denied)?,
        }
    }

    fn rest(body: &[u8]) -> Result<Self, Denial> {
        if !body::is_shallow_object(body) {
            return Err(Denial::Login);
        }
        let body: RestBody<'_> = serde_json::from_slice(body).map_err(|_| Denial::Login)?;
        let named = body.service.is_some() != body.service_name.is_some();
        let claim = match (body.resume, body.access_token, body.access_token_too) {
            (Some(claim), None, None) if body.service.is_none() && body.service_name.is_none() => {
                claim
            }
            (None, Some(claim), None) | (None, None, Some(claim)) if named => claim,
            _ => return Err(Denial::Login),
        };
        Ok(Self {
            claim: Bearer::new(claim.into_owned()),
            form: Form::Rest,
        })
    }

    fn method(call: &method_call::Call<'_>) -> Result<Self, Denial> {
        let params = call.params.ok_or(Denial::Login)?;
        let [Resume { resume }] = serde_json::from_str(params.get()).map_err(|_| Denial::Login)?;
        Ok(Self {
            claim: Bearer::new(resume.into_owned()),
            form: Form::MethodCall(call.id.map(ToOwned::to_owned)),
        })
    }

    /// Is it the method, inside a `method.call`?
    #[must_use]
    pub fn is_tunnelled(&self) -> bool {
        matches!(self.form, Form::MethodCall(_))
    }

    /// The body that Rocket.Chat gets: the same login with its own auth token.
    #[must_use]
    pub fn with_token(&self, auth_token: &str) -> Vec<u8> {
        let body = match &self.form {
            Form::Rest => json!({ "resume": auth_token }),
            Form::MethodCall(id) => {
                let mut message = json!({
                    "msg": "method", "method": "login", "params": [{ "resume": auth_token }],
                });
                if let Some(id) = id {
                    message["id"] = serde_json::from_str(id.get()).unwrap_or_default();
                }
                json!({ "message": message.to_string() })
            }
        };
        body.to_string().into_bytes()
    }

    /// Rocket.Chat's answer as the client may see it.
    ///
    /// # Errors
    /// When it cannot be read, is about somebody else, or holds the auth token where none is expected.
    pub fn answered(&self, answer: &[u8], swap: &SwapOut<'_>) -> Result<Answered, Unreadable> {
        let mut answer: Value = serde_json::from_slice(answer).map_err(|_| Unreadable)?;
        let refused = match &self.form {
            Form::Rest => swap_rest(&mut answer, swap)?,
            Form::MethodCall(_) => swap_message(&mut answer, swap)?,
        };
        if refused {
            return Ok(Answered::Refused);
        }
        let answer = answer.to_string().into_bytes();
        if !swap.is_clean(&answer) {
            return Err(Unreadable);
        }
        Ok(Answered::Swapped(answer))
    }
}

/// True when the token was refused: RC §2.1's 403, a number. Other refusals are about the person and pass.
fn swap_rest(answer: &mut Value, swap: &SwapOut<'_>) -> Result<bool, Unreadable> {
    if let Some(Value::Object(data)) = answer.get_mut("data") {
        swap.data(data).map_err(|_| Unreadable)?;
        if let Some(me) = data.get_mut("me") {
            scrub::me(me);
        }
        return Ok(false);
    }
    Ok(is_refusal(answer))
}

fn swap_message(answer: &mut Value, swap: &SwapOut<'_>) -> Result<bool, Unreadable> {
    // Without a message the request itself was refused.
    let Some(Value::String(message)) = answer.get_mut("message") else {
        return Ok(false);
    };
    let Ok(Value::Object(mut inner)) = serde_json::from_str(message) else {
        return Ok(false);
    };
    let refused = inner.get("error").is_some_and(is_refusal);
    if let Some(result) = inner.get_mut("result").and_then(Value::as_object_mut) {
        swap_result(result, swap)?;
    }
    *message = Value::Object(inner).to_string();
    Ok(refused)
}

fn swap_result(result: &mut Map<String, Value>, swap: &SwapOut<'_>) -> Result<(), Unreadable> {
    swap.result(result).map_err(|_| Unreadable)
}

fn is_refusal(error: &Value) -> bool {
    error.get("error").and_then(Value::as_u64) == Some(403)
}

#[cfg(test)]
mod tests;
