//! What a browser with a fresh profile does otherwise than one that somebody sits at: nothing of its own, and no questions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_browser::{DocumentKind, LaunchOptions, Navigation, TabOptions, WaitUntil};
use support::{Answer, Site, browser, browser_with, open, soon, tab};

const HTML: (&str, &str) = ("content-type", "text/html");
const ASKS: (&str, &str) = ("www-authenticate", "Basic realm=\"members\"");

/// A page for members, and one with a picture, a frame and a request that are.
async fn members() -> Site {
    let page = "<p>open</p><img src=/members><iframe src=/members></iframe><p id=said></p>\
                <script>fetch('/members').then(answer => said.textContent = answer.status)</script>";
    Site::start(&[
        ("/members", Answer::of(401, &[HTML, ASKS], "<p>members only</p>")),
        ("/open", Answer::html(page)),
    ])
    .await
}

#[tokio::test]
async fn a_question_for_a_password_that_may_not_be_asked_holds_up_no_page() {
    let options = LaunchOptions {
        auth_proxies: Some(Vec::new()),
        ..LaunchOptions::default()
    };
    let Some(browser) = browser_with(options).await else {
        return;
    };
    let site = members().await;
    let tab = tab(&browser).await;
    let document = tab
        .navigate(&Navigation::to(site.url("/members")), soon())
        .await
        .unwrap();
    assert_eq!((document.status, document.kind), (401, DocumentKind::Html));
    assert!(tab.content(soon()).await.unwrap().contains("members only"));
    let idle = Navigation {
        wait_until: WaitUntil::NetworkIdle,
        ..Navigation::to(site.url("/open"))
    };
    assert_eq!(tab.navigate(&idle, soon()).await.unwrap().status, 200);
    assert!(tab.content(soon()).await.unwrap().contains("<p id=\"said\">401</p>"));
}

#[tokio::test]
async fn a_question_for_a_password_can_be_refused() {
    let Some(browser) = browser().await else { return };
    let site = members().await;
    let refusing = TabOptions {
        refuse_auth: true,
        ..TabOptions::default()
    };
    let refusing = open(&browser.default_context(), refusing).await;
    let members = Navigation::to(site.url("/members"));
    let document = refusing.navigate(&members, soon()).await.unwrap();
    assert_eq!((document.status, document.kind), (401, DocumentKind::Html));
    assert!(refusing.content(soon()).await.unwrap().contains("members only"));
    // Nobody said anything: there is no page, and what is known of it is a response all the same.
    let document = tab(&browser).await.navigate(&members, soon()).await.unwrap();
    assert_eq!((document.status, document.kind), (401, DocumentKind::Empty));
    assert!(document.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn pdf_files_are_shown_or_downloaded() {
    const PDF: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n\
                       trailer<</Root 1 0 R>>\n%%EOF\n";
    let site = Site::start(&[("/paper", Answer::of(200, &[("content-type", "application/pdf")], PDF))]).await;
    for pdf_viewer in [false, true] {
        let options = LaunchOptions {
            pdf_viewer,
            ..LaunchOptions::default()
        };
        let Some(browser) = browser_with(options).await else {
            return;
        };
        let tab = tab(&browser).await;
        let paper = Navigation {
            download_limit: Some(1 << 20),
            ..Navigation::to(site.url("/paper"))
        };
        let document = tab.navigate(&paper, soon()).await.unwrap();
        let shown: bool = tab.evaluate("navigator.pdfViewerEnabled", soon()).await.unwrap();
        assert_eq!(shown, pdf_viewer);
        if !pdf_viewer {
            assert!(matches!(document.kind, DocumentKind::Download { .. }), "{document:?}");
            assert_eq!(document.status, 200);
            assert_eq!(tab.body(&document, 1 << 20, soon()).await.unwrap(), PDF.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_browser_asks_for_nothing_of_its_own() {
    // The proxy is a site that has no page but this one.
    let page = "<p>the page</p>";
    let proxy = Site::start(&[("http://shop.test/", Answer::html(page))]).await;
    let options = LaunchOptions {
        proxy: Some(proxy.url("").as_str().parse().unwrap()),
        ..LaunchOptions::default()
    };
    let Some(browser) = browser_with(options).await else {
        return;
    };
    let tab = tab(&browser).await;
    let idle = Navigation {
        wait_until: WaitUntil::NetworkIdle,
        ..Navigation::to("http://shop.test/".parse().unwrap())
    };
    tab.navigate(&idle, soon()).await.unwrap();
    // What it would do in passing it does as it starts, or as it ends.
    browser.close().await.unwrap();
    let all = proxy.all_asked();
    assert!(!all.is_empty());
    let others: Vec<_> = all
        .iter()
        .filter(|asked| !asked.path.starts_with("http://shop.test/"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}
