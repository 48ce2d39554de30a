//! What a session store costs: on the warm path nothing, at the first request of a user a few milliseconds, and memory and disk for
//! each session.

use std::fs::Metadata;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gantry::secret::{SealingKey, Secret};
use gantry_redis::node::Node;
use tokio::time::{Instant, sleep};

use crate::load::{self, Connection};
use crate::process::Process;
use crate::report::{self, Report};
use crate::{Bench, CONNECTIONS, ROUND, ROUNDS, USERS, free, is_ready, mebibytes, per_request};

/// First requests measured with each store.
const COLD: usize = 300;

/// Sessions of a large workspace.
const MANY: usize = 200_000;

/// Sessions begun to see how fast they begin.
const SOME: usize = 2000;

/// Longer than this bench takes.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Between the last first request and the end of all.
const QUIET: Duration = Duration::from_secs(20);

/// Requests a second while many sessions end.
const RATE: u32 = 500;

/// A key for this bench only.
const KEY: &[u8; 32] = b"a key for nothing but this bench";

/// A Gantry of its own, with a store.
struct Stored {
    process: Process,
    address: SocketAddr,
    took: Duration,
}

/// What a session takes of a file, in KiB. A file that grows by doubling is longer than what was ever written of it, which is all
/// that the disk holds.
struct Size {
    length: f64,
    taken: f64,
}

impl Size {
    fn of(file: &Metadata) -> Self {
        let each = |bytes: u64| mebibytes(bytes / 1024) * 1024.0 / as_f64(MANY);
        Self {
            length: each(file.len()),
            taken: each(file.blocks() * 512),
        }
    }

    fn note(&self, when: &str, report: &mut Report) {
        report.note(&format!(
            "a session's part of the file {when}: {:.2} KiB of its length, {:.2} KiB on disk",
            self.length, self.taken
        ));
    }
}

impl Bench {
    /// Warm requests and first requests with each store.
    pub(crate) async fn stores(&self, report: &mut Report) -> anyhow::Result<()> {
        // On this thread, with which it ends.
        let redis = Node::redis();
        let in_redis = format!(
            "store: redis, redis: {{ url: 'redis://127.0.0.1:{}' }}",
            redis.port()
        );
        let file = self.folder.join("cold.redb");
        remove(&file)?;
        let in_file = format!("store: file, file: {{ path: '{}' }}", file.display());
        let memory = self.stored("memory", "store: memory").await?;
        let redis_gantry = self.stored("redis", &in_redis).await?;
        let file_gantry = self.stored("file", &in_file).await?;

        let warm = self.warm_requests();
        for stored in [&memory, &redis_gantry] {
            load::closed(stored.address, CONNECTIONS, Arc::clone(&warm), None).await?;
        }
        let mut ratios = Vec::new();
        for round in 0..ROUNDS {
            let mut spent = [0.0; 2];
            // Whoever comes second finds the machine as the first left it: they take turns.
            for place in [round % 2, 1 - round % 2] {
                let stored = [&memory, &redis_gantry][place];
                spent[place] =
                    per_request(&stored.process, stored.address, &warm, Some(ROUND)).await?;
            }
            report.note(&format!(
                "warm round: memory {:.1} µs, redis {:.1} µs of CPU a request",
                spent[0] * 1e6,
                spent[1] * 1e6
            ));
            ratios.push(spent[1] / spent[0]);
        }
        let ratio = report::median(&mut ratios);
        report.at_most("warm request, CPU with redis against memory", ratio, 1.05);

        let mut serial = USERS;
        for (name, stored, bar) in [
            ("memory", &memory, None),
            ("redis", &redis_gantry, Some(3.0)),
            ("file", &file_gantry, None),
        ] {
            let added = self.cold(stored.address, &mut serial).await?;
            let what =
                format!("first request, added to Rocket.Chat's own calls with {name}, p50 ms");
            match bar {
                Some(bar) => report.at_most(&what, added, bar),
                None => report.say(&format!("{what}: {added:.2}")),
            }
        }
        Ok(())
    }

    /// How much longer a first request takes than the calls it needs, in milliseconds at the median.
    async fn cold(&self, address: SocketAddr, serial: &mut usize) -> anyhow::Result<f64> {
        let mut ours = Connection::open(address).await?;
        let mut bare = Connection::open(self.upstream_address).await?;
        let (mut whole, mut needed) = (Vec::new(), Vec::new());
        for _ in 0..COLD {
            *serial += 1;
            let request = load::request(&self.issuer.token(*serial, 0)?);
            let began = Instant::now();
            ours.ask(&request).await?;
            whole.push(began.elapsed().as_secs_f64() * 1000.0);
            let began = Instant::now();
            for call in own_calls(*serial) {
                bare.ask(&call).await?;
            }
            needed.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(report::median(&mut whole) - report::median(&mut needed))
    }

    /// 200,000 sessions in memory, then in a file too, and their end all at once.
    pub(crate) async fn many(&self, report: &mut Report) -> anyhow::Result<()> {
        let stored = self.stored("many", "store: memory, grace: 0s").await?;
        let before = stored.process.resident()?;
        let expires = self.begin_many(&stored, report).await?;
        sleep(Duration::from_secs(1)).await;
        let each = mebibytes(stored.process.resident()? - before) * 1024.0 / as_f64(MANY);
        report.at_most("a session in memory, KiB", each, 1.5);
        self.end_many(&stored, "in memory", expires, report).await?;
        drop(stored);

        let path = self.folder.join("ending.redb");
        remove(&path)?;
        let store = format!(
            "store: file, file: {{ path: '{}' }}, grace: 0s",
            path.display()
        );
        let stored = self.stored("ending", &store).await?;
        let expires = self.begin_many(&stored, report).await?;
        Size::of(&std::fs::metadata(&path)?).note("after their first requests", report);
        self.end_many(&stored, "in a file", expires, report).await?;
        drop(stored);
        remove(&path)
    }

    /// First requests of many users, whose tokens all expire at the moment that is returned.
    async fn begin_many(&self, stored: &Stored, report: &mut Report) -> anyhow::Result<u64> {
        // How fast they come here, so that the last one has begun before the first one ends, on a machine that slows down as well.
        let began = Instant::now();
        let some = self.quick_requests(MANY..MANY + SOME, self.issuer.in_time(LONG))?;
        load::closed(stored.address, CONNECTIONS, some, None).await?;
        let within = began.elapsed() * u32::try_from(MANY / SOME)?;
        let expires = self.issuer.in_time(within * 3 + QUIET);

        let began = Instant::now();
        // Made in parts: 200,000 requests as bytes would be the bench's own memory.
        for part in 0..MANY / USERS {
            let requests = self.quick_requests(part * USERS..(part + 1) * USERS, expires)?;
            load::closed(stored.address, CONNECTIONS, requests, None).await?;
        }
        report.note(&format!(
            "{MANY} sessions began in {:.0} s",
            began.elapsed().as_secs_f64()
        ));
        Ok(expires)
    }

    fn quick_requests(
        &self,
        users: std::ops::Range<usize>,
        expires: u64,
    ) -> anyhow::Result<Arc<Vec<Vec<u8>>>> {
        let request = |user| Ok(load::request(&self.issuer.quick_token(user, expires)?));
        Ok(Arc::new(users.map(request).collect::<anyhow::Result<_>>()?))
    }

    /// A user whose session lives on asks all the time, through the end of all others.
    async fn end_many(
        &self,
        stored: &Stored,
        place: &str,
        expires: u64,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let request = Arc::new(vec![load::request(&self.issuer.token(0, 0)?)]);
        let ends = self.issuer.until(expires);
        let paced = |time| load::paced(stored.address, 4, Arc::clone(&request), (RATE, time));
        let quiet = paced(Duration::from_secs(5)).await?;
        sleep(ends.saturating_sub(Duration::from_secs(8))).await;
        let during = paced(Duration::from_secs(25)).await?;
        for (what, latencies) in [("before", &quiet), ("while all end", &during)] {
            report.note(&format!(
                "latency {what}: p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs, longest {:.0} µs",
                report::percentile(latencies, 0.5),
                report::percentile(latencies, 0.99),
                report::percentile(latencies, 0.999),
                report::percentile(latencies, 0.9999),
            ));
        }
        let stopped = report::percentile(&during, 0.999) / 1000.0;
        let what = format!("a request while 200,000 sessions {place} end, p99.9 ms");
        report.at_most(&what, stopped, 5.0);
        Ok(())
    }

    /// 200,000 sessions in a file: its size, and the start with it.
    pub(crate) async fn file(&self, report: &mut Report) -> anyhow::Result<()> {
        let path = self.folder.join("many.redb");
        remove(&path)?;
        let filled = gantry::session::filling::fill(&path, &SealingKey::new(KEY), MANY).await?;
        // Written 500 at a time, and so with more pages to spare than requests leave.
        Size::of(&filled.open).note("as filled", report);
        let closed = Size::of(&std::fs::metadata(&path)?);
        let took = filled.closing.as_secs_f64();
        closed.note(&format!("closed within {took:.1} s"), report);
        let store = format!("store: file, file: {{ path: '{}' }}", path.display());
        let mut ready = Vec::new();
        for _ in 0..3 {
            let stored = self.stored("file", &store).await?;
            ready.push(stored.took.as_secs_f64());
            report.note(&format!(
                "memory after the start: {:.1} MiB",
                mebibytes(stored.process.resident()?)
            ));
        }
        let started = Size::of(&std::fs::metadata(&path)?);
        started.note("after three starts", report);
        report.at_most("a session in a closed file, KiB", closed.length, 1.5);
        report.at_most("a session on disk after a restart, KiB", started.taken, 1.5);
        report.at_most(
            "ready after start with 200,000 sessions in a file, s",
            report::median(&mut ready),
            3.0,
        );
        remove(&path)
    }

    /// Starts a Gantry of its own with this store.
    async fn stored(&self, name: &str, store: &str) -> anyhow::Result<Stored> {
        let (address, admin) = (free().await?, free().await?);
        let key = data_encoding::BASE64.encode(
            Secret::new(String::from_utf8_lossy(KEY).into_owned())
                .reveal()
                .as_bytes(),
        );
        let text = self.configuration(address, admin);
        let text =
            format!("{text}sessions: {{ {store}, encryption_key: '{key}', max_lifetime: 30d }}\n");
        let config = self.folder.join(format!("{name}.yaml"));
        std::fs::write(&config, text)?;
        let log = self.folder.join(format!("{name}.log"));
        let began = Instant::now();
        let config = config.to_string_lossy();
        let process = Process::start(&self.gantry.program, &["run", "--config", &config], &log)?;
        while !is_ready(admin).await {
            ensure!(
                began.elapsed() < Duration::from_secs(30),
                "not ready; see {}",
                log.display()
            );
            sleep(Duration::from_millis(5)).await;
        }
        Ok(Stored {
            process,
            address,
            took: began.elapsed(),
        })
    }
}

/// What Rocket.Chat is asked at a first request of a user that is there: who it is, a token, and what was asked for.
fn own_calls(user: usize) -> [Vec<u8>; 3] {
    let body = format!(r#"{{"userId":"bench.user-{user}","secret":"bench-secret"}}"#);
    let head = "host: a\r\nx-user-id: service\r\nx-auth-token: 0\r\n";
    [
        format!("GET /api/v1/users.info?username=bench.user-{user} HTTP/1.1\r\n{head}\r\n"),
        format!("POST /api/v1/users.createToken HTTP/1.1\r\n{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        format!("GET /api/v1/channels.history HTTP/1.1\r\n{head}\r\n"),
    ]
    .map(String::into_bytes)
}

fn remove(path: &PathBuf) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("an old file is in the way")
        }
        _ => Ok(()),
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
