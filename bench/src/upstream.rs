//! A Rocket.Chat that does next to nothing: as much of its API as Gantry needs to exchange, a fixed answer for everything else, and
//! sockets that log in and answer. It costs so little that the measured process is what is measured.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use ddp::Framing;

pub(crate) mod ddp;

/// The answer to a measured request.
const ANSWER: &[u8] = br#"{"messages":[{"_id":"aaaaaaaaaaaaaaaaa","rid":"GENERAL","msg":"hello","u":{"username":"alice"}}],"count":1,"offset":0,"total":1,"success":true}"#;

static TOKENS: AtomicU64 = AtomicU64::new(0);

/// Serves until the process ends.
pub(crate) async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let _ended = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .with_upgrades()
                .await;
        });
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if path.ends_with("/websocket") {
        let upgrade = hyper::upgrade::on(&mut request);
        let framing = if path.starts_with("/sockjs/") {
            Framing::SockJs
        } else {
            Framing::Raw
        };
        tokio::spawn(ddp::speak(upgrade, framing));
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(
            header::CONNECTION,
            http::HeaderValue::from_static("Upgrade"),
        );
        headers.insert(header::UPGRADE, http::HeaderValue::from_static("websocket"));
        return Ok(answer);
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = match path.as_str() {
        "/api/info" => r#"{"version":"8.7","success":true}"#.to_owned(),
        "/api/v1/me" => r#"{"_id":"service","username":"gantry.bot","roles":["bot"],"active":true,"success":true}"#.to_owned(),
        "/api/v1/settings.public" => r#"{"settings":[{"_id":"Accounts_LoginExpiration","value":90}],"count":1,"offset":0,"total":1,"success":true}"#.to_owned(),
        "/api/v1/users.info" => {
            let name = query.rsplit('=').next().unwrap_or_default();
            format!(r#"{{"user":{{"_id":"{name}","username":"{name}","name":"{name}","active":true,"type":"user","roles":["user"]}},"success":true}}"#)
        }
        "/api/v1/users.createToken" => {
            // The user's id stands in it, so that a login tells whose it is.
            let (user, serial) = (user_id(request).await, TOKENS.fetch_add(1, Ordering::Relaxed));
            let token = format!("{:0>43}", format!("{serial}~{user}"));
            format!(r#"{{"data":{{"userId":"{user}","authToken":"{token}"}},"success":true}}"#)
        }
        "/api/v1/logout" => r#"{"status":"success","data":{"message":"You've been logged out!"}}"#.to_owned(),
        _ => return Ok(json(Bytes::from_static(ANSWER))),
    };
    Ok(json(body.into()))
}

async fn user_id(request: Request<Incoming>) -> String {
    use http_body_util::BodyExt as _;
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    body["userId"].as_str().unwrap_or_default().to_owned()
}

fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    answer
}
