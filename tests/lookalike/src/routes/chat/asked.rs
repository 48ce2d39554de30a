//! What a request asks for: its query and its JSON body, read once for all chat routes.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use serde_json::{Map, Value};

use crate::answers::Refusal;
use crate::chat::{self, Room, RoomKind, Stretch};
use crate::moment::{self, Millis};
use crate::state::{App, State};

/// Items of a list when the client does not say how many, RC's `API_Default_Count`.
const COUNT: usize = 50;
/// Items of a list at most, RC's `API_Upper_Count_Limit`.
const LONGEST_COUNT: usize = 100;

/// Query and body of a request. A body that is not a JSON object is refused.
#[derive(Debug, Default)]
pub(super) struct Asked {
    query: HashMap<String, String>,
    pub(super) body: Map<String, Value>,
}

impl FromRequest<App> for Asked {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let query = Query::<HashMap<String, String>>::try_from_uri(request.uri());
        let query = query.map(|Query(map)| map).unwrap_or_default();
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|_| Refusal::failure("The body cannot be read"))?;
        if bytes.is_empty() {
            return Ok(Self {
                query,
                body: Map::new(),
            });
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(body)) => Ok(Self { query, body }),
            _ => Err(Refusal::failure("Invalid JSON body")),
        }
    }
}

impl Asked {
    /// A text of the query.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query
            .get(key)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A text of the body.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.body
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A list of texts of the body.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let list = self.body.get(key).and_then(Value::as_array);
        list.map(|all| {
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
    }

    /// A moment of the query.
    pub(super) fn moment(&self, key: &str) -> Option<Millis> {
        self.query(key).and_then(moment::parse_iso)
    }

    /// Which part of a list is wanted: items to leave out, items to give.
    pub(super) fn page(&self) -> (usize, usize) {
        let number = |key| self.query(key).and_then(|text| text.parse::<usize>().ok());
        let count = match number("count") {
            // 0 asks for everything, as far as allowed.
            None => COUNT,
            Some(0) => LONGEST_COUNT,
            Some(count) => count.min(LONGEST_COUNT),
        };
        (number("offset").unwrap_or(0), count)
    }

    /// Which stretch of a history is wanted.
    pub(super) fn stretch(&self) -> Stretch {
        let (offset, count) = self.page();
        Stretch {
            oldest: self.moment("oldest"),
            latest: self.moment("latest"),
            inclusive: self.query("inclusive") == Some("true"),
            offset,
            count,
        }
    }

    /// The room of the kind that the query or the body names by `roomId` or `roomName` and that the
    /// caller may read.
    pub(super) fn room<'a>(
        &self,
        state: &'a State,
        user_id: &str,
        kind: RoomKind,
    ) -> Result<&'a Room, Refusal> {
        let named = |key| self.query(key).or_else(|| self.text(key));
        let Some(key) = named("roomId").or_else(|| named("roomName")) else {
            return Err(crate::answers::MeteorError::new(
                "error-roomid-param-not-provided",
                "The parameter \"roomId\" or \"roomName\" is required",
            )
            .into());
        };
        let room = state
            .chat
            .readable(key, Some(user_id))
            .filter(|room| room.kind == kind);
        room.ok_or_else(|| chat::no_room().into())
    }
}

/// One page of a list, with the numbers that go along.
pub(super) fn paged(name: &str, all: Vec<Value>, page: (usize, usize)) -> Value {
    let (offset, count) = page;
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip(offset).take(count).collect();
    let mut answer = Map::new();
    answer.insert("count".to_owned(), items.len().into());
    answer.insert("offset".to_owned(), offset.into());
    answer.insert("total".to_owned(), total.into());
    answer.insert(name.to_owned(), moment::to_rest(items.into()));
    Value::Object(answer)
}
