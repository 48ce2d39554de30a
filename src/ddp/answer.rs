//! What Gantry itself says to a client, in the words of Rocket.Chat (RC §6.3).

use serde_json::json;

use crate::ddp::{Denied, Refusal};

/// Nobody is logged in where somebody must be.
pub(in crate::ddp) const NOT_LOGGED_IN: Denied = Denied {
    code: Code::Forbidden,
    reason: "You must be logged in to do this.",
};

/// A login by anything but a stand-in or the host's JWT.
pub(in crate::ddp) const NO_LOGIN: Denied = Denied {
    code: Code::Forbidden,
    reason: "Log in at the host application; its token is the only way in.",
};

/// A login that Rocket.Chat did not answer in time.
pub(in crate::ddp) const TIMED_OUT: Denied = Denied {
    code: Code::Named("gantry-timeout"),
    reason: "Logging in took too long. Please try again.",
};

/// What a client reads when its token is worth nothing; it forgets the token then, and logs in anew.
const LOGGED_OUT: &str = "You've been logged out by the server. Please log in again.";

/// What clients tell errors apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The number 403: to a login it means that the client's token is worth nothing any more (RC §6.3).
    Forbidden,
    /// A name.
    Named(&'static str),
}

/// An answer to a message that cannot be read.
pub(in crate::ddp) fn error(reason: &str) -> String {
    json!({ "msg": "error", "reason": reason }).to_string()
}

/// The empty result of the method with this raw id.
pub(in crate::ddp) fn result(id: &str) -> String {
    format!(r#"{{"msg":"result","id":{id}}}"#)
}

/// The refusal of the method with this raw id.
pub(in crate::ddp) fn refused(id: &str, denied: Denied) -> String {
    format!(
        r#"{{"msg":"result","id":{id},"error":{}}}"#,
        meteor_error(denied)
    )
}

/// All that the method with this raw id writes is written.
pub(in crate::ddp) fn updated(id: &str) -> String {
    format!(r#"{{"msg":"updated","methods":[{id}]}}"#)
}

/// The refusal of the subscription with this raw id.
pub(in crate::ddp) fn nosub(id: &str, denied: Denied) -> String {
    format!(
        r#"{{"msg":"nosub","id":{id},"error":{}}}"#,
        meteor_error(denied)
    )
}

/// What the client is told of a login that is not granted.
pub(in crate::ddp) fn denied(refusal: Refusal) -> Denied {
    let (code, reason) = match refusal {
        Refusal::Token => (Code::Forbidden, LOGGED_OUT),
        Refusal::NotPermitted => (Code::Forbidden, "This account may not be used here."),
        Refusal::Overloaded => (
            Code::Named("gantry-overloaded"),
            "Too many people are logging in. Please try again.",
        ),
        Refusal::Unavailable => (
            Code::Named("gantry-unavailable"),
            "Logging in does not work at the moment. Please try again.",
        ),
    };
    Denied { code, reason }
}

fn meteor_error(denied: Denied) -> String {
    let Denied { code, reason } = denied;
    let (error, shown) = match code {
        Code::Forbidden => (json!(403), "403"),
        Code::Named(name) => (json!(name), name),
    };
    json!({
        "isClientSafe": true,
        "error": error,
        "reason": reason,
        "message": format!("{reason} [{shown}]"),
        "errorType": "Meteor.Error",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_shape_of_rocket_chats() {
        assert_eq!(
            refused("\"7\"", NOT_LOGGED_IN),
            concat!(
                r#"{"msg":"result","id":"7","error":{"isClientSafe":true,"error":403,"#,
                r#""reason":"You must be logged in to do this.","#,
                r#""message":"You must be logged in to do this. [403]","errorType":"Meteor.Error"}}"#
            )
        );
        assert_eq!(
            nosub("\"s\"", TIMED_OUT),
            concat!(
                r#"{"msg":"nosub","id":"s","error":{"isClientSafe":true,"error":"gantry-timeout","#,
                r#""reason":"Logging in took too long. Please try again.","#,
                r#""message":"Logging in took too long. Please try again. [gantry-timeout]","#,
                r#""errorType":"Meteor.Error"}}"#
            )
        );
    }
}
