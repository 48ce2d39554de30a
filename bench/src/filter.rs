//! Decisions for a gateway against proxied requests of the same process, in turns: CPU time and decisions a second, for nginx's shape and
//! for Envoy's over gRPC.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::metadata::AsciiMetadataValue;

use crate::process::Process;
use crate::report::{Report, median};
use crate::{Bench, CONNECTIONS, ROUND, ROUNDS, free, load, per_request};

/// What the gateway shows.
const SECRET: &str = "a-secret-of-gateways-that-is-long-enough";

/// Most of a proxied request's CPU time that a decision may cost.
const BAR: f64 = 0.6;

/// The target that [`load::request`] asks for.
const TARGET: &str = "/api/v1/channels.history?roomId=GENERAL&count=50";

impl Bench {
    /// Measures both shapes.
    pub(crate) async fn filter(&self, report: &mut Report) -> anyhow::Result<()> {
        let grpc = free().await?;
        let config = self.folder.join("filter.yaml");
        let plain = std::fs::read_to_string(&self.gantry.config)?;
        let trusted = plain.replace("listen: { ", "listen: { trusted_proxies: [127.0.0.1], ");
        let filter =
            format!("filter: {{ enabled: true, secret: {SECRET}, grpc_address: \"{grpc}\" }}\n");
        std::fs::write(&config, trusted + &filter)?;
        let (gantry, _) = self.start_with(&config.to_string_lossy()).await?;
        let proxied = self.warm_requests();
        let asked: Vec<Vec<u8>> = self.warm.iter().map(|token| question(token)).collect();
        let asked = Arc::new(asked);
        let messages: Vec<CheckRequest> = self.warm.iter().map(|token| message(token)).collect();
        let messages = Arc::new(messages);
        for requests in [&proxied, &asked] {
            load::closed(self.gantry_address, CONNECTIONS, Arc::clone(requests), None).await?;
        }
        let (mut nginx, mut envoy) = (Figures::default(), Figures::default());
        for _ in 0..ROUNDS {
            let yardstick =
                per_request(&gantry, self.gantry_address, &proxied, Some(ROUND)).await?;
            let (cost, rate) = over_http(&gantry, self.gantry_address, &asked).await?;
            nginx.add(cost, yardstick, rate);
            let (cost, rate) = over_grpc(&gantry, grpc, &messages).await?;
            envoy.add(cost, yardstick, rate);
            report.note(&format!(
                "filter round: proxied {:.1} µs, nginx {:.1} µs, gRPC {:.1} µs of CPU each",
                yardstick * 1e6,
                nginx.last * 1e6,
                envoy.last * 1e6
            ));
        }
        for (shape, figures) in [("nginx", &mut nginx), ("gRPC", &mut envoy)] {
            report.say(&format!(
                "filter decisions a second, {shape}: {:.0}",
                median(&mut figures.rates)
            ));
            report.at_most(
                &format!("filter decision, {shape}, CPU against a proxied request"),
                median(&mut figures.ratios),
                BAR,
            );
        }
        Ok(())
    }
}

/// What the rounds of one shape gave.
#[derive(Default)]
struct Figures {
    ratios: Vec<f64>,
    rates: Vec<f64>,
    last: f64,
}

impl Figures {
    fn add(&mut self, cost: f64, yardstick: f64, rate: f64) {
        self.last = cost;
        self.rates.push(rate);
        self.ratios.push(cost / yardstick);
    }
}

fn per_second(answered: usize, since: Instant) -> anyhow::Result<f64> {
    Ok(f64::from(u32::try_from(answered)?) / since.elapsed().as_secs_f64())
}

/// The proxied request as nginx asks about it.
fn question(token: &str) -> Vec<u8> {
    format!(
        "GET /_gantry/filter/nginx HTTP/1.1\r\nhost: gantry\r\nx-gantry-secret: {SECRET}\r\n\
         x-original-method: GET\r\nx-original-uri: {TARGET}\r\nx-forwarded-for: 192.0.2.7\r\n\
         accept: application/json\r\naccept-encoding: gzip, deflate, br\r\naccept-language: en\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nreferer: https://chat.example.com/home\r\n\
         authorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// The same as Envoy does.
fn message(token: &str) -> CheckRequest {
    let headers = [
        (":method", "GET"),
        (":path", TARGET),
        (":authority", "chat.example.com"),
        (":scheme", "https"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("accept-language", "en"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) bench"),
        ("referer", "https://chat.example.com/home"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-request-id", "1b4e28ba-2fa1-41d2-883f-0016d3cca427"),
    ];
    let mut headers: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    headers.insert("authorization".to_owned(), format!("Bearer {token}"));
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: TARGET.to_owned(),
        host: "chat.example.com".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/2".to_owned(),
        headers,
        ..HttpRequest::default()
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Request {
                time: None,
                http: Some(http),
            }),
            ..AttributeContext::default()
        }),
    }
}

/// One round of decisions.
struct Round<'a> {
    gantry: &'a Process,
    spent_before: Duration,
    began: Instant,
}

impl<'a> Round<'a> {
    fn begin(gantry: &'a Process) -> anyhow::Result<Self> {
        Ok(Self {
            gantry,
            spent_before: gantry.cpu()?,
            began: Instant::now(),
        })
    }

    /// CPU seconds that a decision cost, and decisions a second.
    fn end(self, answered: usize) -> anyhow::Result<(f64, f64)> {
        let spent = self.gantry.cpu()?.saturating_sub(self.spent_before);
        ensure!(answered > 1000, "only {answered} decisions were made");
        let rate = per_second(answered, self.began)?;
        Ok((
            spent.as_secs_f64() / f64::from(u32::try_from(answered)?),
            rate,
        ))
    }
}

/// CPU seconds a decision costs over HTTP, and decisions a second.
async fn over_http(
    gantry: &Process,
    address: SocketAddr,
    questions: &Arc<Vec<Vec<u8>>>,
) -> anyhow::Result<(f64, f64)> {
    let round = Round::begin(gantry)?;
    let answered = load::closed(address, CONNECTIONS, Arc::clone(questions), Some(ROUND)).await?;
    round.end(answered)
}

/// CPU seconds a decision costs over gRPC, and decisions a second.
async fn over_grpc(
    gantry: &Process,
    address: SocketAddr,
    messages: &Arc<Vec<CheckRequest>>,
) -> anyhow::Result<(f64, f64)> {
    let round = Round::begin(gantry)?;
    let end = round.began + ROUND;
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    // Envoy has a connection for each of its workers, and as many of these as there are cores.
    let connections = std::thread::available_parallelism()?.get();
    for _ in 0..connections {
        let client = AuthorizationClient::connect(format!("http://{address}")).await?;
        for _ in 0..CONNECTIONS.div_ceil(connections) {
            let (mut client, messages, next) =
                (client.clone(), Arc::clone(messages), Arc::clone(&next));
            tasks.spawn(async move {
                let secret = AsciiMetadataValue::from_static(SECRET);
                let mut answered = 0;
                while Instant::now() < end {
                    let index = next.fetch_add(1, Ordering::Relaxed) % messages.len();
                    let mut request = tonic::Request::new(messages[index].clone());
                    request
                        .metadata_mut()
                        .insert("x-gantry-secret", secret.clone());
                    let answer = client.check(request).await?.into_inner();
                    let status = answer.status.context("a decision")?;
                    ensure!(status.code == 0, "denied: {status:?}");
                    answered += 1;
                }
                anyhow::Ok(answered)
            });
        }
    }
    let mut answered = 0;
    while let Some(task) = tasks.join_next().await {
        answered += task??;
    }
    round.end(answered)
}
