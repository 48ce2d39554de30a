//! `/_gantry/gantry.js`: importable from anywhere, told apart by its content; its documentation names nothing that is not there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::gateway::Gateway;

const MODULE: &str = "/_gantry/gantry.js";

#[tokio::test]
async fn any_page_may_import_the_module() {
    let gateway = Gateway::start().await;
    let asked = gateway.client.get(gateway.url(MODULE));
    let answer = asked.header("origin", "https://any.example").send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-cache");
    assert!(answer.text().await.unwrap().contains("export class Gantry"));
}

#[tokio::test]
async fn a_browser_that_has_the_module_is_told_so() {
    let gateway = Gateway::start().await;
    let ask = |tags: String| {
        let asked = gateway.client.get(gateway.url(MODULE));
        asked.header("if-none-match", tags).send()
    };
    let first = ask("\"other\"".to_owned()).await.unwrap();
    assert_eq!(first.status(), 200);
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    for tags in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = ask(tags).await.unwrap();
        assert_eq!(again.status(), 304);
        assert_eq!(again.headers()["etag"], etag);
        assert_eq!(again.headers()["access-control-allow-origin"], "*");
        assert_eq!(again.text().await.unwrap(), "");
    }
    let head = gateway
        .client
        .head(gateway.url(MODULE))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["etag"]),
        (200, &first.headers()["etag"])
    );
    let posted = gateway
        .client
        .post(gateway.url(MODULE))
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 405);
    assert_eq!(posted.headers()["allow"], "GET, HEAD");
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands behind this text, up to what is no letter.
fn names_behind(text: &str, before: &str) -> BTreeSet<String> {
    let behind = text.split(before).skip(1);
    behind
        .map(|rest| rest.chars().take_while(char::is_ascii_alphabetic).collect())
        .collect()
}

#[test]
fn the_documentation_names_what_the_module_has() {
    let (docs, module) = (
        file("docs/embedding.md"),
        file("src/endpoints/assets/gantry.js"),
    );
    let (_, example) = docs.split_once("<!-- example -->").unwrap();
    let (example, _) = example.split_once("<!-- end of example -->").unwrap();
    assert!(example.lines().filter(|line| !line.is_empty()).count() <= 24);
    let mut called = names_behind(example, "gantry.");
    // The module's own address, and what every EventTarget has.
    called.remove("js");
    assert!(called.remove("addEventListener"));
    assert_eq!(
        called,
        BTreeSet::from(["logout".to_owned(), "open".to_owned()])
    );
    let rows: Vec<&str> = docs
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let documented = rows
        .iter()
        .filter_map(|row| row.strip_prefix("| `")?.split_once('('));
    let documented: BTreeSet<_> = documented.map(|(name, _)| name.to_owned()).collect();
    for name in documented
        .iter()
        .chain(&called)
        .filter(|name| *name != "new Gantry")
    {
        let there = [format!("\n  async {name}("), format!("\n  {name}(")];
        assert!(there.iter().any(|start| module.contains(start)), "{name}");
    }
    for start in ["\n  async ", "\n  "] {
        for name in names_behind(&module, start)
            .iter()
            .filter(|name| !name.is_empty())
        {
            let public = module.contains(&format!("{start}{name}("));
            if public && name != "constructor" && name != "if" {
                assert!(documented.contains(name), "{name} is not documented");
            }
        }
    }
    for event in ["ready", "expired", "ended", "error"] {
        assert!(docs.contains(&format!("\n| `{event}` |")), "{event}");
        assert!(module.contains(&format!("#tell('{event}'")), "{event}");
    }
}

#[test]
fn the_documented_settings_are_valid() {
    let docs = file("docs/embedding.md");
    let yaml = docs.split("```yaml\n").nth(1).unwrap();
    let yaml = yaml.split("```").next().unwrap();
    let rest = "
rocketchat:
  service_account: { user_id: x, auth_token: y }
issuers:
  - { issuer: https://app.example.com, audiences: [chat], algorithms: [RS256], jwks_url: 'https://app.example.com/jwks' }
";
    let read = gantry::config::Config::parse(
        &format!("{yaml}{rest}"),
        &gantry::config::Environment::default(),
    );
    let config = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}
