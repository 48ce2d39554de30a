//! The problem documents as clients read them.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::*;

/// Status, fields and body of an answer as text.
async fn text(problem: &Problem) -> String {
    let (head, body) = problem.answer("0123456789abcdef-1").into_parts();
    let mut text = format!("{}\n", head.status);
    for (name, value) in &head.headers {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    let body = body.collect_up_to(4096).await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
    writeln!(text, "{document:#}").unwrap();
    text
}

#[tokio::test]
async fn every_problem_reads_so() {
    let mut all = String::new();
    for problem in Problem::ALL {
        writeln!(all, "{}", text(problem).await).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn a_detail_stands_in_the_document() {
    let problem = Problem::NOT_PERMITTED.with_detail("Ask the host application.");
    insta::assert_snapshot!(text(&problem).await);
}

#[test]
fn one_slug_has_one_title() {
    let mut seen = HashSet::new();
    for problem in Problem::ALL {
        assert!(
            seen.insert((problem.slug, problem.status)),
            "{problem:?} twice"
        );
        let same = Problem::ALL
            .iter()
            .filter(|other| other.slug == problem.slug);
        assert!(
            same.clone().all(|other| other.title == problem.title),
            "{problem:?}"
        );
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        assert!(problem.slug.bytes().all(plain), "{problem:?}");
    }
}
