//! What Rocket.Chat owes to one login: its `result` and its `updated`, which come in no fixed order (RC §6.3).

/// What has not come yet.
#[derive(Debug)]
pub(in crate::ddp) struct Owed {
    /// Of which of our logins.
    pub(in crate::ddp) number: u32,
    pub(in crate::ddp) result: bool,
    pub(in crate::ddp) updated: bool,
    /// The client's raw id, once it has the result and waits for `updated`.
    pub(in crate::ddp) echo: Option<Box<str>>,
}

impl Owed {
    /// Both, to the login that was just sent.
    pub(in crate::ddp) fn all(number: u32) -> Self {
        Self {
            number,
            result: true,
            updated: true,
            echo: None,
        }
    }
}
