//! The host application over TCP, with a Gantry that cannot be reached: what it must do whatever the chat does.

use std::sync::Arc;

use gantry::clock::Clock;
use lookalike::Lookalike;
use reqwest::header::{CONTENT_SECURITY_POLICY, HOST, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;

/// Nobody listens on the discard port of a test machine.
const NO_GANTRY: &str = "http://127.0.0.1:9";

struct Site {
    url: String,
    client: Client,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rocketchat = Lookalike::start(lookalike::Options::default()).await;
        let host = Arc::new(Host {
            url: url.clone(),
            signer: Signer::new(url.clone()).unwrap(),
            sessions: HostSessions::default(),
            chat: Chat::new(NO_GANTRY.to_owned(), NO_GANTRY.to_owned()).unwrap(),
            rocketchat: Some(rocketchat.unwrap()),
            clock: Clock::system(),
        });
        tokio::spawn(async move { axum::serve(listener, host.router()).await });
        Self {
            url,
            client: client(),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn post_login(&self, password: &str, origin: &str) -> Response {
        self.client
            .post(self.at("/login"))
            .header(ORIGIN, origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("username=alice&password={password}"))
            .send()
            .await
            .unwrap()
    }

    /// Logs Alice in; what the browser would send from then on.
    async fn log_in(&self) -> String {
        let answer = self.post_login("demo", &self.url).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookies = set_cookies(&answer);
        let pairs: Vec<&str> = cookies
            .iter()
            .filter_map(|line| line.split(';').next())
            .collect();
        pairs.join("; ")
    }

    async fn state(&self, cookies: &str) -> Response {
        let request = self.client.get(self.at("/app/state"));
        request.header("cookie", cookies).send().await.unwrap()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a browser's stand-in, which follows no redirect"
)]
fn client() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

fn set_cookies(answer: &Response) -> Vec<String> {
    let lines = answer.headers().get_all(SET_COOKIE).iter();
    lines
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn scripts_read_no_cookie_and_gantry_is_sent_the_jwt_alone() {
    let site = Site::start().await;

    let answer = site.post_login("demo", &site.url).await;

    let cookies = set_cookies(&answer);
    assert!(
        cookies
            .iter()
            .all(|line| line.contains("HttpOnly; SameSite=Lax")),
        "{cookies:?}"
    );
    assert!(cookies[0].starts_with("host_session="));
    assert!(cookies[0].contains("Path=/app;"), "{cookies:?}");
    assert!(cookies[1].starts_with("host_jwt="));
    assert!(cookies[1].contains("Path=/;"), "{cookies:?}");
}

#[tokio::test]
async fn a_wrong_password_logs_nobody_in() {
    let site = Site::start().await;

    let answer = site.post_login("guess", &site.url).await;

    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(set_cookies(&answer).is_empty());
    assert!(answer.text().await.unwrap().contains("not the password"));
}

#[tokio::test]
async fn posts_from_foreign_pages_are_refused() {
    let site = Site::start().await;
    let cookies = site.log_in().await;

    let login = site.post_login("demo", "http://evil.test").await;
    let logout = site.client.post(site.at("/app/logout"));
    let logout = logout.header("cookie", &cookies).header(ORIGIN, "null");
    let logout = logout.send().await.unwrap();

    assert_eq!(login.status(), StatusCode::FORBIDDEN);
    assert_eq!(logout.status(), StatusCode::FORBIDDEN);
    assert_eq!(site.state(&cookies).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn another_name_for_this_machine_leads_to_the_one_whose_cookies_gantry_shares() {
    let site = Site::start().await;
    let port = site.url.rsplit(':').next().unwrap();

    let answer = site
        .client
        .get(site.at("/login?x=1"))
        .header(HOST, format!("localhost:{port}"))
        .send()
        .await
        .unwrap();

    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.headers()[LOCATION], site.at("/login?x=1"));
}

#[tokio::test]
async fn pages_may_load_our_own_files_and_frame_gantry_and_nothing_else() {
    let site = Site::start().await;

    let answer = site.client.get(site.at("/login")).send().await.unwrap();

    let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(
        policy.contains(&format!("frame-src {NO_GANTRY};")),
        "{policy}"
    );
}

#[tokio::test]
async fn without_a_login_the_page_leads_to_one_and_the_state_is_refused() {
    let site = Site::start().await;

    let page = site.client.get(site.at("/app")).send().await.unwrap();
    let state = site.state("host_session=guess").await;

    assert_eq!(page.headers()[LOCATION], "/login");
    assert_eq!(state.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_gantry_the_state_says_so_and_logging_out_still_ends_the_login() {
    let site = Site::start().await;
    let cookies = site.log_in().await;

    let state: Value = site.state(&cookies).await.json().await.unwrap();
    let logout = site.client.post(site.at("/app/logout"));
    let logout = logout.header("cookie", &cookies).send().await.unwrap();
    let ended = set_cookies(&logout);
    let told: Value = logout.json().await.unwrap();

    assert_eq!(
        state["rooms"]["trouble"]["title"],
        "Gantry cannot be reached"
    );
    assert_eq!(
        told["gantry"]["trouble"]["title"],
        "Gantry cannot be reached"
    );
    assert!(
        ended.iter().all(|line| line.ends_with("Max-Age=0")),
        "{ended:?}"
    );
    assert_eq!(
        site.state(&cookies).await.status(),
        StatusCode::UNAUTHORIZED
    );
}
