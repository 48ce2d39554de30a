//! Rooms and messages.

/// The rooms of the workspace and what was said in them.
#[derive(Default)]
pub(crate) struct Chat {}
