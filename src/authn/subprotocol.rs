//! A JWT among the WebSocket subprotocols: `gantry.jwt, <jwt>`, for browsers, which can set no other header on a socket.

use http::{HeaderMap, header};

use super::{AuthnError, Found};

/// The subprotocol that follows `name`.
#[must_use]
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut only = None;
    for value in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let Ok(text) = value.to_str() else {
            return Found::Failed(AuthnError::Malformed);
        };
        let mut offers = text.split(',').map(str::trim);
        while let Some(offer) = offers.next() {
            if offer != name {
                continue;
            }
            match (only, offers.next()) {
                (_, None | Some("")) => return Found::Failed(AuthnError::Malformed),
                (Some(first), Some(token)) if first != token => {
                    return Found::Failed(AuthnError::TwoTokens);
                }
                (_, Some(token)) => only = Some(token),
            }
        }
    }
    only.map_or(Found::NotPresented, Found::Presented)
}
