//! Tabs are opened in the background, and are none the worse for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use serde_json::{Value, json};
use silkroute_browser::{LaunchOptions, Navigation, ScreenshotOptions, Tab};
use support::{Answer, Site, browser_with, display, in_a_window, soon, tab};

/// What a page says of itself once it was drawn ten times.
const DRAWN: &str = "new Promise(done => {
  let count = 0;
  const drawn = () => ++count < 10 ? requestAnimationFrame(drawn)
    : done([count, document.visibilityState, document.hasFocus()]);
  requestAnimationFrame(drawn);
})";

async fn picture(tab: &Tab, options: &ScreenshotOptions) {
    let picture = tab.screenshot(options, soon()).await.unwrap();
    assert!(
        picture.starts_with(b"\x89PNG") && picture.len() > 1_000,
        "{}",
        picture.len()
    );
}

async fn both_are_in_front(options: LaunchOptions) {
    let Some(browser) = browser_with(options).await else {
        return;
    };
    let site = Site::start(&[("/", Answer::html("<body style='background: #0a0'><h1>Here</h1>"))]).await;
    let tabs = [tab(&browser).await, tab(&browser).await];
    for tab in &tabs {
        tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    }
    // At one time.
    let (first, second) = tokio::join!(
        tabs[0].evaluate::<Value>(DRAWN, soon()),
        tabs[1].evaluate::<Value>(DRAWN, soon())
    );
    let fine = json!([10, "visible", true]);
    assert_eq!([first.unwrap(), second.unwrap()], [fine.clone(), fine.clone()]);
    let full = ScreenshotOptions {
        full_page: true,
        ..ScreenshotOptions::default()
    };
    let window = ScreenshotOptions::default();
    for tab in &tabs {
        picture(tab, &full).await;
        assert_eq!(tab.evaluate::<Value>(DRAWN, soon()).await.unwrap(), fine);
        picture(tab, &window).await;
    }
    // Fetches know nothing of one another.
    let (a, b) = (&tabs[0], &tabs[1]);
    tokio::join!(
        picture(a, &full),
        picture(b, &window),
        picture(a, &window),
        picture(b, &full)
    );
    browser.close().await.unwrap();
}

#[tokio::test]
async fn all_tabs_are_visible_focused_and_drawn_without_a_window() {
    both_are_in_front(LaunchOptions::default()).await;
}

#[tokio::test]
async fn all_tabs_are_visible_focused_and_drawn_in_a_window() {
    let Some(display) = display().await else { return };
    both_are_in_front(in_a_window(&display)).await;
}
