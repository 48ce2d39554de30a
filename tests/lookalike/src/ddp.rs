//! DDP over WebSocket, raw and in SockJS framing.

use axum::Router;

use crate::state::App;

/// `/websocket` and `/sockjs/*`.
pub(crate) fn router() -> Router<App> {
    Router::new()
}
