//! The documentation says what filter mode does: its table of differences is the one in the code.

use std::path::Path;

use gantry::filter::Need;
use gantry::telemetry::metrics::Dialect;

use crate::filter::asking::{Gateways, Sent, gateway};

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_table_of_differences_is_the_one_in_the_code() {
    let page = page("docs/filter.md");
    let written: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `needs-proxy-"))
        .collect();
    let right: Vec<String> = Need::ALL
        .iter()
        .map(|need| {
            let (kind, requests, proxy_mode) = (need.kind(), need.requests(), need.proxy_mode());
            format!("| `{kind}` | {requests} | {proxy_mode} |")
        })
        .collect();
    assert_eq!(written, right);
    for need in Need::ALL {
        assert!(need.detail().contains("proxy mode"), "{need:?}");
    }
}

#[test]
fn the_readme_names_every_dialect() {
    let page = page("README.md");
    for dialect in Dialect::ALL {
        assert!(
            page.contains(&format!("`{}`", dialect.name())),
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn questions_are_counted_and_logged_by_dialect() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        let sent = Sent::new("POST", "/api/v1/rooms.get?secret=of-hers").bearer(&token);
        gateways.ask(dialect, &sent).await;
        gateways.ask(dialect, &Sent::get("/api/v1/me")).await;
        gateways.ask(dialect, &Sent::get("/api/v1/rooms.get")).await;

        let name = dialect.name();
        for (decision, count) in [("allow", 1.0), ("deny", 2.0)] {
            let series = format!(
                r#"gantry_filter_decisions_total{{dialect="{name}",decision="{decision}"}} "#
            );
            assert_eq!(gateway.metric(&series).await, count, "{series}");
        }
        let dialect = format!(r#""dialect":"{name}""#);
        let allowed = [
            dialect.as_str(),
            r#""http.request.method":"POST""#,
            r#""url.path":"/api/v1/rooms.get""#,
            r#""rocketchat.user_id""#,
        ];
        gateway.log.until_line(&allowed).await;
        let needs = [
            dialect.as_str(),
            r#""error.kind":"needs-proxy-answer""#,
            r#""url.path":"/api/v1/me""#,
        ];
        gateway.log.until_line(&needs).await;
    }
    assert_eq!(
        gateway
            .metric(r#"gantry_requests_total{route="filter",status_class="2xx"} "#)
            .await,
        4.0
    );
    assert!(!gateway.log.text().contains("of-hers"));
}
