//! What ends a socket: a side that broke the rules, or a doubt that must not pass.

use crate::ddp::frame::CloseCode;

/// Why a conversation cannot go on. Nothing more may pass in either direction; the client is told [`Violation::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The client's frames break RFC 6455.
    #[error("the client's frames break the websocket protocol")]
    ClientFrame,
    /// The client's framing breaks SockJS (RC §6.1).
    #[error("the client's sockjs framing is broken")]
    SockJs,
    /// A binary message from the client.
    #[error("the client sent a binary message")]
    Binary,
    /// A text message that is not UTF-8.
    #[error("the client's text is not utf-8")]
    NotUtf8,
    /// A client message above the limit.
    #[error("the client's message is too large")]
    TooLarge,
    /// Rocket.Chat's frames break RFC 6455.
    #[error("rocket.chat's frames break the websocket protocol")]
    ServerFrame,
    /// A message of Rocket.Chat that must be looked into is above the limit.
    #[error("rocket.chat's message is too large to be looked into")]
    ServerTooLarge,
    /// A message of Rocket.Chat that must be understood and was not.
    #[error("rocket.chat's message cannot be read")]
    ServerUnreadable,
    /// Rocket.Chat logged in somebody else than the credentials name.
    #[error("rocket.chat logged in another user")]
    AnotherUser,
    /// Rocket.Chat was about to tell the client the auth token.
    #[error("rocket.chat's message holds the auth token")]
    TokenDown,
    /// Rocket.Chat answered a login of ours that was done with, when the answer's beginning had passed already.
    #[error("rocket.chat answered a login again")]
    AnsweredAgain,
    /// An identified client needed a login and there is none.
    #[error("the client cannot be logged in")]
    LoginFailed,
}

impl Violation {
    /// A fixed slug for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::ClientFrame => "client-frame",
            Self::SockJs => "sockjs-framing",
            Self::Binary => "binary-message",
            Self::NotUtf8 => "not-utf8",
            Self::TooLarge => "message-too-large",
            Self::ServerFrame => "server-frame",
            Self::ServerTooLarge => "server-message-too-large",
            Self::ServerUnreadable => "server-message-unreadable",
            Self::AnotherUser => "another-user",
            Self::TokenDown => "token-down",
            Self::AnsweredAgain => "answered-again",
            Self::LoginFailed => "login-failed",
        }
    }

    /// What the client is told. Who is told 1013 may come back and try again.
    #[must_use]
    pub fn code(self) -> CloseCode {
        match self {
            Self::ClientFrame | Self::SockJs => CloseCode::Protocol,
            Self::Binary => CloseCode::Unsupported,
            Self::NotUtf8 => CloseCode::Invalid,
            Self::TooLarge => CloseCode::TooLarge,
            Self::ServerFrame
            | Self::ServerTooLarge
            | Self::ServerUnreadable
            | Self::AnotherUser
            | Self::TokenDown
            | Self::AnsweredAgain => CloseCode::Internal,
            Self::LoginFailed => CloseCode::TryAgain,
        }
    }
}
