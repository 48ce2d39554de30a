//! Scripts: sent by their digest, and whole when Redis does not have them (any more).

use std::fmt::Write as _;

use aws_lc_rs::digest;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};

/// A script with its digest, as Redis names it.
#[derive(Debug)]
pub(super) struct Program {
    text: &'static str,
    name: String,
}

/// What a script is given.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) arguments: Vec<Vec<u8>>,
}

impl Program {
    pub(super) fn new(text: &'static str) -> Self {
        // SHA-1 because Redis names scripts so; nothing is protected by it.
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let name = digest
            .as_ref()
            .iter()
            .fold(String::new(), |mut name, byte| {
                let _fits = write!(name, "{byte:02x}");
                name
            });
        Self { text, name }
    }

    pub(super) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        given: &Given,
    ) -> Result<T, RedisError> {
        let answer = given
            .command("EVALSHA", &self.name)
            .query_async(connection)
            .await;
        match answer {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                given
                    .command("EVAL", self.text)
                    .query_async(connection)
                    .await
            }
            answer => answer,
        }
    }
}

impl Given {
    /// Adds an argument.
    pub(super) fn argue(&mut self, argument: impl Into<Vec<u8>>) {
        self.arguments.push(argument.into());
    }

    /// Entries and bytes, whichever are more: what the bound of a batch is measured by.
    pub(super) fn bytes(&self) -> usize {
        let keys = self.keys.iter().map(Vec::len);
        keys.chain(self.arguments.iter().map(Vec::len)).sum()
    }

    fn command(&self, name: &str, program: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command
            .arg(program)
            .arg(self.keys.len())
            .arg(&self.keys)
            .arg(&self.arguments);
        command
    }
}
