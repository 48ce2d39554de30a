//! DDP methods tunnelled over REST (RC §6.5).
//!
//! The method that runs is the one inside `message`, whatever the address says.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::asked::Asked;
use crate::answers::{self, Refusal};
use crate::auth::{Caller, Origin, Visitor};
use crate::ddp::{self, Calling, Login};
use crate::options::Manner;
use crate::random;
use crate::state::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/method.call/{method}", post(call))
        .route("/api/v1/method.callAnon/{method}", post(call_anonymously))
}

/// One tunnelled call.
struct Invocation {
    id: String,
    method: String,
    params: Vec<Value>,
}

async fn call(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    let invocation = read(&asked)?;
    let connection = caller.hashed.clone();
    let from = caller.from.clone();
    let login = Login::of(&caller);
    Ok(run(&app, Some(&login), (&connection, from), invocation))
}

async fn call_anonymously(
    State(app): State<App>,
    visitor: Visitor,
    asked: Asked,
) -> Result<Response, Refusal> {
    let invocation = read(&asked)?;
    let login = visitor.caller.as_ref().map(Login::of);
    // From 8.0 all anonymous callers of an instance share one bucket (RC §5.4).
    let connection = match &login {
        Some(login) => login.hashed.clone(),
        None if app.manner().is_8() => random::hashed_token("null"),
        None => format!("{} {}", visitor.from.address, visitor.from.user_agent),
    };
    Ok(run(
        &app,
        login.as_ref(),
        (&connection, visitor.from),
        invocation,
    ))
}

fn read(asked: &Asked) -> Result<Invocation, Refusal> {
    let invalid = || Refusal::failure("Invalid method call");
    let text = asked.text("message").ok_or_else(invalid)?;
    let message: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    let inner = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
    let params = match message.get("params") {
        None => Vec::new(),
        Some(Value::Array(params)) => params.clone(),
        Some(_) => return Err(invalid()),
    };
    let method = inner("method")
        .filter(|method| !method.is_empty())
        .ok_or_else(invalid)?;
    Ok(Invocation {
        id: inner("id").unwrap_or_default(),
        method,
        params,
    })
}

fn run(
    app: &App,
    login: Option<&Login>,
    caller: (&str, Origin),
    invocation: Invocation,
) -> Response {
    let (connection, from) = caller;
    let Invocation { id, method, params } = invocation;
    let user = login.map(|login| login.user_id.as_str());
    let calling = Calling {
        connection,
        user,
        address: &from.address,
    };
    let returned = ddp::count(app, calling, &method).and_then(|()| match method.as_str() {
        "login" => {
            ddp::log_in(app, &params, &from).map(|accepted| Some(ddp::login_result(&accepted)))
        }
        "logout" => {
            if let Some(login) = login {
                ddp::log_out(app, login);
            }
            Ok(None)
        }
        other => ddp::call(app, login, other, &params),
    });
    let failed = returned.is_err();
    let message = ddp::result(&id, returned).to_string();
    // 7.x is not known to do otherwise than 6.x (RC §14).
    if failed && app.manner() >= Manner::V80 {
        let body = json!({"message": message, "success": false});
        return answers::json_response(StatusCode::BAD_REQUEST, &body);
    }
    answers::success(json!({"message": message}))
}
