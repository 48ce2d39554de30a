//! Public settings, without authentication (RC §3.5).

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::answers;
use crate::auth::Visitor;
use crate::options::Manner;
use crate::state::App;

/// RC's page size unless `count` says otherwise.
const COUNT: usize = 50;

pub(super) fn router() -> Router<App> {
    Router::new().route("/api/v1/settings.public", get(public))
}

/// The ids that a query asks for: one, or those of `$in`.
fn named(id: &Value) -> Vec<String> {
    let several = id.get("$in").and_then(Value::as_array);
    let one = std::slice::from_ref(id);
    let named = several.map_or(one, Vec::as_slice).iter();
    named
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

async fn public(
    State(app): State<App>,
    _visitor: Visitor,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let value = |wanted: &str| {
        query
            .iter()
            .find(|(key, _)| key == wanted)
            .map(|(_, value)| value.as_str())
    };
    // 6.x reads a MongoDB query and knows nothing of `_id`; later ones the other way round.
    let wanted: Option<Vec<String>> = if app.manner() == Manner::V6 {
        value("query").and_then(|text| {
            let query: Value = serde_json::from_str(text).ok()?;
            Some(named(query.get("_id")?))
        })
    } else {
        value("_id").map(|ids| ids.split(',').map(str::to_owned).collect())
    };
    let number = |key, default| value(key).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (count, offset) = (number("count", COUNT), number("offset", 0_usize));
    let state = app.state();
    let fits = |id: &str| {
        wanted
            .as_ref()
            .is_none_or(|ids| ids.iter().any(|known| known == id))
    };
    let all: Vec<Value> = state
        .settings
        .public()
        .filter(|(id, _)| fits(id))
        .map(|(id, value)| json!({"_id": id, "value": value, "enterprise": false}))
        .collect();
    let total = all.len();
    let settings: Vec<Value> = all.into_iter().skip(offset).take(count).collect();
    let count = settings.len();
    answers::success(
        json!({"settings": settings, "count": count, "offset": offset, "total": total}),
    )
}
