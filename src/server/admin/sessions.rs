//! `/sessions`: whose sessions are live, and their end for good.

use http::Response;
use serde::Serialize;

use crate::body::Body;
use crate::server::admin::query::Parameters;
use crate::server::admin::{AdminError, Asked, Subjects, answer};
use crate::session::directory::{Cursor, Filter, Page, Summary};

/// Sessions on a page that names no limit.
const LIMIT: usize = 50;

/// Most sessions on a page: an answer of about 100 KiB.
const MOST: usize = 500;

/// A session as JSON: nothing in it opens anything.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    id: String,
    issuer: String,
    user_id: String,
    username: String,
    began_at: String,
    last_used_at: String,
    expires_at: String,
    sockets: usize,
}

#[derive(Serialize)]
struct List {
    sessions: Vec<Document>,
    next: Option<String>,
}

impl From<Summary> for Document {
    fn from(summary: Summary) -> Self {
        let time = |time| humantime::format_rfc3339_seconds(time).to_string();
        Self {
            id: summary.id,
            issuer: summary.issuer.to_string(),
            user_id: summary.user_id,
            username: summary.username,
            began_at: time(summary.began),
            last_used_at: time(summary.last_used),
            expires_at: time(summary.expires_at),
            sockets: summary.sockets,
        }
    }
}

pub(super) async fn list(
    subjects: &Subjects,
    asked: &Asked<'_>,
) -> Result<Response<Body>, AdminError> {
    let known = [
        "limit",
        "cursor",
        "user",
        "issuer",
        "older_than",
        "idle_for",
    ];
    let query = Parameters::parse(asked.request.uri().query(), &known)?;
    let limit = query.read("limit", "should be a whole number from 1 to 500", |text| {
        text.parse().ok().filter(|limit| (1..=MOST).contains(limit))
    })?;
    let page = Page {
        after: query.read("cursor", "should be the `next` of a page", Cursor::parse)?,
        limit: limit.unwrap_or(LIMIT),
    };
    let filter = Filter {
        user: query.text("user").map(str::to_owned),
        issuer: query.text("issuer").map(str::to_owned),
        older_than: query.duration("older_than")?,
        idle_for: query.duration("idle_for")?,
    };
    let listed = subjects.sessions.list(filter, page).await;
    let listed = listed.map_err(|_| AdminError::Store)?;
    Ok(answer::json(&List {
        sessions: listed.sessions.into_iter().map(Document::from).collect(),
        next: listed.next.as_ref().map(Cursor::text),
    }))
}

pub(super) async fn tell(
    subjects: &Subjects,
    asked: &Asked<'_>,
    id: &str,
) -> Result<Response<Body>, AdminError> {
    Parameters::parse(asked.request.uri().query(), &[])?;
    let found = subjects.sessions.find(id).await;
    let found = found.map_err(|_| AdminError::Store)?;
    let found = found.ok_or(AdminError::UnknownSession)?;
    Ok(answer::json(&Document::from(found)))
}

pub(super) async fn end(
    subjects: &Subjects,
    asked: &Asked<'_>,
    id: &str,
) -> Result<Response<Body>, AdminError> {
    Parameters::parse(asked.request.uri().query(), &[])?;
    let ended = subjects.sessions.end_by_id(id).await;
    let ended = ended.map_err(|_| AdminError::Store)?;
    let ended = ended.ok_or(AdminError::UnknownSession)?;
    tracing::info!(
        request.id = %asked.id,
        client.address = %asked.peer,
        session.id = ended.id,
        rocketchat.user_id = ended.user_id,
        issuer = &*ended.issuer,
        "an administrator revoked a session"
    );
    Ok(answer::empty())
}
