//! What proxy mode does with a request and a filter cannot, since it sees neither body nor answer and cannot take its place: such a
//! request is denied, with a word that names proxy mode. This is the one list of them; the documentation and the tests read it.

/// A thing that only proxy mode can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Watch a socket, on which upgrade headers log nobody in (RC §6.2) and a DDP login would take any password.
    Socket,
    /// Swap the auth token into a login and out of its answer.
    Login,
    /// End the session and answer for Rocket.Chat.
    Logout,
    /// Look into the body.
    Body,
    /// Take secrets out of the answer.
    Answer,
    /// Answer a preflight.
    Preflight,
    /// Take a credential out of the query.
    Query,
    /// Take a credential out of the query that `Referer` tells.
    Referer,
    /// Take out a field that makes a claim in a spelling of its own.
    Field,
    /// Take the JWT out of a field or a parameter that is not replaced.
    Token,
    /// Be asked itself.
    Own,
}

impl Need {
    /// Every one, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Socket,
        Self::Login,
        Self::Logout,
        Self::Body,
        Self::Answer,
        Self::Preflight,
        Self::Query,
        Self::Referer,
        Self::Field,
        Self::Token,
        Self::Own,
    ];

    /// A fixed slug for logs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Socket => "needs-proxy-socket",
            Self::Login => "needs-proxy-login",
            Self::Logout => "needs-proxy-logout",
            Self::Body => "needs-proxy-body",
            Self::Answer => "needs-proxy-answer",
            Self::Preflight => "needs-proxy-preflight",
            Self::Query => "needs-proxy-query",
            Self::Referer => "needs-proxy-referer",
            Self::Field => "needs-proxy-field",
            Self::Token => "needs-proxy-token",
            Self::Own => "needs-proxy-own",
        }
    }

    /// Which requests these are, for the documentation.
    #[must_use]
    pub fn requests(self) -> &'static str {
        match self {
            Self::Socket => {
                "`/websocket`, `/sockjs/…/websocket`, and whatever asks for an upgrade or has `Sec-WebSocket-Key` or `-Version`"
            }
            Self::Login => "`/api/v1/login`, `/api/v1/method.call/login`",
            Self::Logout => "`/api/v1/logout`",
            Self::Body => {
                "`/api/v1/method.call/*`, `/api/v1/method.callAnon/*`, `/api/v1/users.updateOwnBasicInfo`"
            }
            Self::Answer => "`/api/v1/me`, `/api/v1/users.info`, `/api/v1/users.list`",
            Self::Preflight => {
                "`OPTIONS` with `Origin` and `Access-Control-Request-Method`, but for static files"
            }
            Self::Query => {
                "a query with `rc_uid`, `rc_token`, `access_token`, `resumeToken` or the parameter of `tokens.query`, in any spelling"
            }
            Self::Referer => "a `Referer` with such a query, or one that cannot be read",
            Self::Field => {
                "`X-User-Id`, `X-Auth-Token` or `Authorization` spelled with other marks than `-`, and fields that override the method; Envoy takes these out itself"
            }
            Self::Token => {
                "a JWT that stands in a field besides `Authorization`, `X-Auth-Token` and `Cookie`, such as `Sec-WebSocket-Protocol`, or in the query"
            }
            Self::Own => "`/_gantry`, and everything below it",
        }
    }

    /// What proxy mode does with them, for the documentation.
    #[must_use]
    pub fn proxy_mode(self) -> &'static str {
        match self {
            Self::Socket => "logs in on the socket and watches it",
            Self::Login => "logs in with the auth token and answers with the stand-in",
            Self::Logout => "ends the session and answers",
            Self::Body => "looks into the body and decides",
            Self::Answer => "takes secrets out of the answer",
            Self::Preflight => "answers",
            Self::Query | Self::Referer | Self::Field | Self::Token => {
                "takes it out and goes on with the rest"
            }
            Self::Own => "answers",
        }
    }

    /// One sentence for the client, without anything of the request in it.
    #[must_use]
    pub fn detail(self) -> &'static str {
        match self {
            Self::Socket => "Sockets need proxy mode: the gateway must lead them through Gantry.",
            Self::Login => "Logins need proxy mode: the gateway must lead them through Gantry.",
            Self::Logout => "Logouts need proxy mode: the gateway must lead them through Gantry.",
            Self::Body => {
                "A body that is looked into needs proxy mode: the gateway must lead this path through Gantry."
            }
            Self::Answer => {
                "An answer that is looked into needs proxy mode: the gateway must lead this path through Gantry."
            }
            Self::Preflight => {
                "Preflights need proxy mode: the gateway must lead them through Gantry."
            }
            Self::Query => "A credential in the query needs proxy mode.",
            Self::Referer => "A credential in the query of Referer needs proxy mode.",
            Self::Field => "A claim in a field of this spelling needs proxy mode.",
            Self::Token => "A token at this place needs proxy mode.",
            Self::Own => {
                "Gantry's own endpoints need proxy mode: the gateway must lead /_gantry/ to Gantry without asking."
            }
        }
    }
}
