//! Where the script goes in every kind of page, however it comes in pieces.

use http_body_util::BodyExt as _;
use proptest::prelude::*;

use super::*;

/// The page as it leaves, `|` for the script.
async fn inserted(page: &str) -> String {
    let answer = Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .body(Body::full(page.to_owned()))
        .unwrap();
    let answer = insert(&Method::GET, answer);
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec())
        .unwrap()
        .replace(LINK, "|")
}

#[tokio::test]
async fn it_goes_right_behind_the_head_tag() {
    for (page, expected) in [
        ("<html><head><title>x", "<html><head>|<title>x"),
        (
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<script>",
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>|\n<script>",
        ),
        (
            "<HTML><HEAD data-x=\"a>b\" y='<head>'>z",
            "<HTML><HEAD data-x=\"a>b\" y='<head>'>|z",
        ),
        ("<head/>x", "<head/>|x"),
        ("\u{feff}<html><head>", "\u{feff}<html><head>|"),
        (
            "<!-- <head> --><html><head>x",
            "<!-- <head> --><html><head>|x",
        ),
    ] {
        assert_eq!(inserted(page).await, expected);
    }
}

#[tokio::test]
async fn without_a_head_it_goes_behind_the_doctype() {
    for (page, expected) in [
        ("<!doctype html><body>x", "<!doctype html>|<body>x"),
        (
            "<!doctype html><html><body>x",
            "<!doctype html>|<html><body>x",
        ),
        ("<p>x</p><head>", "|<p>x</p><head>"),
        ("text <head>", "|text <head>"),
        ("<header>x", "|<header>x"),
        ("\u{feff}<p>", "\u{feff}|<p>"),
        ("<!doctype html><html <head", "<!doctype html>|<html <head"),
        ("<!-- never ends <head>", "|<!-- never ends <head>"),
        ("", "|"),
    ] {
        assert_eq!(inserted(page).await, expected, "{page}");
    }
}

#[tokio::test]
async fn no_more_than_the_window_is_held() {
    let blank = " ".repeat(WINDOW);
    let late = format!("<!doctype html>{blank}<head>x");
    assert_eq!(
        inserted(&late).await,
        format!("<!doctype html>|{blank}<head>x")
    );
    let page = late.as_bytes().get(..WINDOW).unwrap();
    assert_eq!(place(page, Seen::Part), None);
    assert_eq!(place(page, Seen::Whole), Some("<!doctype html>".len()));
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Response<Body> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Body::full("<head>")).unwrap()
}

const HTML: (&str, &str) = ("content-type", "text/html");

#[tokio::test]
async fn what_is_no_whole_plain_page_passes_as_it_is() {
    for (status, fields) in [
        (200, vec![("content-type", "application/json")]),
        (200, vec![]),
        (200, vec![HTML, ("content-encoding", "gzip")]),
        (206, vec![HTML]),
        (304, vec![HTML]),
        (404, vec![HTML]),
    ] {
        let fields: Vec<_> = fields.into_iter().chain([("etag", "\"x\"")]).collect();
        let before = answer(status, &fields);
        let expected = before.headers().clone();
        let after = insert(&Method::GET, before);
        assert_eq!(*after.headers(), expected, "{status} {fields:?}");
        let bytes = after.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, "<head>");
    }
}

#[tokio::test]
async fn what_described_the_old_bytes_goes_and_no_shared_cache_keeps_it() {
    let fields = [
        HTML,
        ("content-length", "6"),
        ("etag", "\"x\""),
        ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("accept-ranges", "bytes"),
        ("cache-control", "public, max-age=0"),
        ("x-other", "kept"),
    ];
    for method in [Method::GET, Method::HEAD] {
        let after = insert(&method, answer(200, &fields));
        let mut names: Vec<_> = after.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cache-control", "content-type", "x-other"]);
        assert_eq!(after.headers()[header::CACHE_CONTROL], "private, max-age=0");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    /// Taking the script out again gives the page, whatever it is.
    #[test]
    fn nothing_else_of_a_page_changes(
        page in "(<|>|!|--|/|\"|'| |head|html|doctype|body|script|x|é|<head>|<!--|-->){0,24}"
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inserted = runtime.block_on(inserted(&page));
        prop_assert_eq!(inserted.replacen('|', "", 1), page);
    }

    /// However the page comes in pieces, the place is where it would be were it whole.
    #[test]
    fn a_part_of_a_page_never_tells_of_another_place(
        page in "(<|>|!|--|/|\"|'| |head|html|<!doctype html>|<html>|x|<head>|<!--|-->){0,16}",
        cut in 0_usize..200,
    ) {
        let whole = place(page.as_bytes(), Seen::Whole);
        let part = page.as_bytes().get(..cut).unwrap_or(page.as_bytes());
        if let Some(early) = place(part, Seen::Part) {
            prop_assert_eq!(Some(early), whole);
        }
    }
}
