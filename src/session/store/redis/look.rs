//! A look at Redis with a connection of its own: is it there, does it let us write, and does it keep what it is given?

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::time::timeout;

use crate::config::session::redis::{Reach, Redis as Config};
use crate::session::store::Flaw;
use crate::session::store::redis::batch::rehearsed;
use crate::session::store::redis::door::Door;
use crate::session::store::redis::failure::{Failure, Meaning, Trouble};
use crate::session::store::redis::limits::Limits;
use crate::session::store::redis::names::Names;
use crate::session::store::redis::program::Program;
use crate::session::store::redis::report::{eviction, permissions};
use crate::telemetry::logging::chain;

pub(in crate::session::store) async fn look(config: &Config) -> Result<(String, Vec<Flaw>), Flaw> {
    let (limits, names) = (Limits::default(), Names::new(&config.key_prefix));
    let door = Door::new(config.clone(), limits, names.clone());
    let told = |failure: Failure| flaw(&failure, config, &names);
    let opened = door.open().await.map_err(told)?;
    let mut connection = opened.connection;
    rehearse(&mut connection, &names, limits.command)
        .await
        .map_err(told)?;
    let memory = information(&mut connection, "memory", limits.command).await;
    let persistence = information(&mut connection, "persistence", limits.command).await;
    let flaws = [evicts(&memory), forgets(&persistence)];
    let seen = format!("Redis at {} is read and written", opened.node);
    Ok((seen, flaws.into_iter().flatten().collect()))
}

/// Everything once that Gantry does there, under names of its own that are gone after a second.
async fn rehearse(
    connection: &mut MultiplexedConnection,
    names: &Names,
    patience: Duration,
) -> Result<(), Failure> {
    let write = Program::new(include_str!("write.lua"));
    let given = rehearsed(names);
    timeout(patience, write.run::<u8>(connection, &given))
        .await
        .map_err(|_elapsed| Failure::Late(patience))??;
    Ok(())
}

/// Empty when it is not told: who may not ask is not warned.
async fn information(
    connection: &mut MultiplexedConnection,
    part: &str,
    patience: Duration,
) -> String {
    let mut question = redis::cmd("INFO");
    let answer = question.arg(part).query_async(connection);
    match timeout(patience, answer).await {
        Ok(Ok(told)) => told,
        Ok(Err(_)) | Err(_) => String::new(),
    }
}

fn evicts(memory: &str) -> Option<Flaw> {
    eviction(memory).map(|policy| {
        Flaw::new(
            format!(
                "Redis may drop sessions when its memory is full: maxmemory-policy is {policy}"
            ),
            "set Redis' maxmemory-policy to noeviction",
        )
    })
}

fn forgets(persistence: &str) -> Option<Flaw> {
    let off = persistence
        .lines()
        .any(|line| line.trim_end() == "aof_enabled:0");
    off.then(|| {
        Flaw::new(
            "Redis writes no append-only file, so its restart loses sessions, and logouts that are owed",
            "set Redis' appendonly to yes, and appendfsync to everysec",
        )
    })
}

fn flaw(failure: &Failure, config: &Config, names: &Names) -> Flaw {
    let mend = match failure.meaning() {
        Meaning::Busy | Meaning::Gone => format!(
            "see that Redis runs at {}, is open to this host, and speaks TLS just where sessions.redis says so",
            places(&config.reach)
        ),
        Meaning::Broken(Trouble::Login) => {
            "check sessions.redis.username and sessions.redis.password_file".to_owned()
        }
        Meaning::Broken(Trouble::Permission) => {
            format!("give the ACL user what it lacks{}", permissions(names))
        }
        Meaning::Broken(trouble) => trouble.advice().to_owned(),
    };
    Flaw::new(chain(failure), mend)
}

fn places(reach: &Reach) -> String {
    let nodes = match reach {
        Reach::Single { node, .. } => std::slice::from_ref(node),
        Reach::Cluster(nodes) => nodes,
        Reach::Sentinel(sentinel) => &sentinel.nodes,
    };
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    nodes.join(", ")
}
