//! What is not to be loaded is not asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::{Fetch, RequestExt as _, Retry};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions, ResourceType, Resources, Toggle};
use silkroute_testkit::site::TestSite;
use support::{SOON, fetched, started};

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

fn with(site: &TestSite, path: &str, options: PageOptions) -> Fetch {
    Fetch::from(site.http_url(path)).with(options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_to_be_loaded_is_not_asked_for() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let count = |suffix: &str| {
        let all = site.requests();
        all.iter().filter(|request| request.target().ends_with(suffix)).count()
    };
    let dispensable = PageOptions {
        disable_resources: Some(true.into()),
        ..PageOptions::default()
    };
    fetched(&session, &with(&site, "/js/subrequests", dispensable)).await;
    assert_eq!((count(".png"), count(".css")), (0, 0));
    assert!(count(".js") > 0);
    site.clear();

    let images = PageOptions {
        disable_resources: Some(Toggle::On(Resources::new([ResourceType::Image]))),
        ..PageOptions::default()
    };
    fetched(&session, &with(&site, "/js/subrequests", images)).await;
    assert!(count(".png") == 0 && count(".css") > 0);
    site.clear();

    // Off again for the next request of the same tab.
    fetched(&session, &Fetch::from(site.http_url("/js/subrequests?n=60"))).await;
    assert_eq!(count(".png"), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_are_blocked_on_top_of_the_sessions() {
    let Some(session) = started(once().blocked_domains(["never.test"])).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let options = PageOptions {
        blocked_domains: Some(vec!["localhost".into()]),
        ..PageOptions::default()
    };
    let response = fetched(&session, &with(&site, "/frames/cross-site", options)).await;
    assert_eq!(response.0.status(), 200);
    assert!(site.requests_to("/frames/inner").is_empty());
    fetched(&session, &Fetch::from(site.http_url("/frames/cross-site"))).await;
    assert_eq!(site.requests_to("/frames/inner").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_sockets_are_blocked_by_domain_and_by_type() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let port = site.http_url("/").port().unwrap();
    // The site speaks no web sockets, so one that is let go ends as well. One is the page's, one a worker's.
    let script = format!(
        "addEventListener('load', () => {{ \
         const source = `const from = new WebSocket('ws://localhost:{port}/echo/worker'); from.onclose = () => postMessage(1)`; \
         const worker = new Worker(URL.createObjectURL(new Blob([source]))); \
         worker.onmessage = () => document.body.dataset.worker = 1; \
         const socket = new WebSocket('ws://localhost:{port}/echo/page'); \
         socket.onclose = () => document.body.dataset.page = navigator.onLine; }})"
    );
    let domain = |domain: &str| PageOptions {
        blocked_domains: Some(vec![domain.to_owned()]),
        ..PageOptions::default()
    };
    let sockets = PageOptions {
        disable_resources: Some(Toggle::On(Resources::new([ResourceType::WebSocket]))),
        ..PageOptions::default()
    };
    for (options, asked) in [
        (domain("localhost"), 0),
        (domain("host"), 1),
        (sockets, 0),
        (PageOptions::default(), 1),
    ] {
        let name = format!("{:?} {:?}", options.blocked_domains, options.disable_resources);
        let options = PageOptions {
            init_scripts: Some(vec![script.clone()]),
            wait_selector: Some("[data-page=true][data-worker]".into()),
            ..options
        };
        site.clear();
        fetched(&session, &with(&site, "/page/10k", options)).await;
        for path in ["/echo/page", "/echo/worker"] {
            assert_eq!(site.requests_to(path).len(), asked, "{path}: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ad_filter_knows_is_not_asked_for() {
    let Some(session) = started(once()).await else { return };
    let site = TestSite::start().await.unwrap();
    let script = "addEventListener('load', () => { for (const path of ['/js/x-ad-manager/a.js', '/js/resource/1.js']) \
        document.head.append(Object.assign(document.createElement('script'), { src: path })); })";
    let options = |block_ads| PageOptions {
        block_ads: Some(block_ads),
        init_scripts: Some(vec![script.into()]),
        network_idle: Some(true),
        ..PageOptions::default()
    };
    for (block_ads, asked) in [(true, 0), (false, 1)] {
        site.clear();
        let request = with(&site, "/page/10k", options(block_ads)).timeout(SOON * 2);
        fetched(&session, &request).await;
        assert_eq!(site.requests_to("/js/x-ad-manager/a.js").len(), asked);
        assert_eq!(site.requests_to("/js/resource/1.js").len(), 1);
    }
}
