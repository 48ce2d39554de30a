//! `/principals`: what is known of one principal, and the end of all of it for good.

use http::Response;
use serde::Serialize;

use crate::body::Body;
use crate::jwt::PrincipalKey;
use crate::server::admin::query::Parameters;
use crate::server::admin::sessions::Document;
use crate::server::admin::{AdminError, Asked, Subjects, answer};
use crate::session::directory::ROCKETCHAT_KEEPS;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    issuer: &'a str,
    subject: &'a str,
    user: Option<User>,
    sessions: Vec<Document>,
}

/// The Rocket.Chat user, with its budget of auth tokens: when they are more than Rocket.Chat keeps, it drops the oldest without a word.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    username: String,
    tokens_held: usize,
    tokens_owed_logout: usize,
    tokens_kept_by_rocket_chat: usize,
}

#[derive(Serialize)]
struct Ended {
    ended: usize,
}

/// Which principal the query names.
struct Named {
    issuer: String,
    subject: String,
}

impl Named {
    fn by(asked: &Asked<'_>) -> Result<Self, AdminError> {
        let query = Parameters::parse(asked.request.uri().query(), &["issuer", "subject"])?;
        Ok(Self {
            issuer: query.required("issuer")?.to_owned(),
            subject: query.required("subject")?.to_owned(),
        })
    }

    fn key(&self) -> PrincipalKey {
        PrincipalKey::of(&self.issuer, &self.subject)
    }
}

pub(super) async fn tell(
    subjects: &Subjects,
    asked: &Asked<'_>,
) -> Result<Response<Body>, AdminError> {
    let named = Named::by(asked)?;
    let known = subjects.sessions.principal(&named.key()).await;
    let known = known.map_err(|_| AdminError::Store)?;
    let user = known
        .sessions
        .first()
        .zip(known.tokens)
        .map(|(session, tokens)| User {
            id: session.user_id.clone(),
            username: session.username.clone(),
            tokens_held: tokens.held,
            tokens_owed_logout: tokens.owed,
            tokens_kept_by_rocket_chat: ROCKETCHAT_KEEPS,
        });
    Ok(answer::json(&Known {
        issuer: &named.issuer,
        subject: &named.subject,
        user,
        sessions: known.sessions.into_iter().map(Document::from).collect(),
    }))
}

pub(super) async fn end(
    subjects: &Subjects,
    asked: &Asked<'_>,
) -> Result<Response<Body>, AdminError> {
    let named = Named::by(asked)?;
    let ended = subjects.sessions.end_principal(&named.key()).await;
    let ended = ended.map_err(|_| AdminError::Store)?;
    tracing::info!(
        request.id = %asked.id,
        client.address = %asked.peer,
        rocketchat.user_id = ended.first().map(|session| session.user_id.as_str()),
        issuer = named.issuer,
        sessions = ended.len(),
        "an administrator revoked a principal"
    );
    Ok(answer::json(&Ended { ended: ended.len() }))
}
