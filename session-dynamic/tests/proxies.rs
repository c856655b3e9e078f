//! Proxies: whose they are, and what is held against them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use silkroute_browser::Deadline;
use silkroute_browser::cdp::RawCommand;
use silkroute_core::{Fetch, FetchErrorKind, Proxy, ProxyPool, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, TestSite};
use support::{fetched, started};
use tokio::sync::watch;

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_the_sessions_the_requests_or_take_turns() {
    let site = TestSite::start().await.unwrap();
    let proxy: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let Some(session) = started(once().proxy(proxy.clone())).await else {
        return;
    };
    let response = fetched(&session, &Fetch::from(site.http_url("/echo/session"))).await;
    assert_eq!(response.parts.proxy.as_deref(), Some(proxy.label().as_str()));
    assert!(!site.proxy().log().is_empty());
    drop(session);
    site.proxy().clear();

    let Some(session) = started(once()).await else { return };
    let free = ProxyServer::start(ProxyOptions::default()).await.unwrap();
    let socks: Proxy = free.url_socks5().as_str().parse().unwrap();
    let open: Proxy = free.url_http().as_str().parse().unwrap();
    for proxy in [&proxy, &socks, &open] {
        // The second time the context is there already, with its cookies.
        for round in 0..2 {
            let request = Fetch::from(site.http_url(&format!("/cookies/set?round={round}")))
                .proxy(proxy.url().as_str())
                .unwrap();
            fetched(&session, &request).await;
        }
    }
    assert!(!site.proxy().log().is_empty() && !free.log().is_empty());
    // The first one asks for a user, and is in another browser.
    let command = RawCommand::new("Target.getBrowserContexts", serde_json::json!({})).unwrap();
    let contexts: serde_json::Value = session
        .browser()
        .unwrap()
        .session()
        .send_as(command, Deadline::after(Duration::from_secs(30)))
        .await
        .unwrap();
    assert_eq!(contexts["browserContextIds"].as_array().unwrap().len(), 2, "{contexts}");
    site.proxy().clear();
    fetched(&session, &Fetch::from(site.http_url("/echo/direct"))).await;
    assert!(
        site.proxy().log().is_empty(),
        "a request without a proxy goes through none"
    );
    drop(session);

    let pool = ProxyPool::new([proxy, socks]).unwrap();
    let Some(session) = started(once().proxy_pool(pool)).await else {
        return;
    };
    let mut through = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let response = fetched(&session, &Fetch::from(site.http_url("/echo/pool"))).await;
        through.insert(response.parts.proxy.clone());
    }
    assert_eq!(through.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_proxy_of_a_pool_is_left_out_and_one_to_a_silent_site_is_not() {
    let site = TestSite::start().await.unwrap();
    // A listener whose queue is never taken from accepts connections and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent: Proxy = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let fine: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    // Through the one that is fine the request has to come within that time.
    for (proxy, kind, seconds) in [(silent, FetchErrorKind::Proxy, 2), (fine, FetchErrorKind::Timeout, 12)] {
        let pool = ProxyPool::new([proxy.clone()]).unwrap().max_failures(NonZeroU32::MIN);
        let builder = once().ignore_https_errors(true).proxy_pool(pool.clone());
        let Some(session) = started(builder).await else { return };
        let request = Fetch::from(site.https_url("/stall"))
            .with(PageOptions {
                navigation_timeout: Some(Duration::from_secs(seconds)),
                ..PageOptions::default()
            })
            .unwrap();
        let error = session.fetch(&request).await.unwrap_err();
        let failed = error.as_fetch().unwrap();
        assert_eq!(failed.kind(), kind, "{error}");
        assert!(error.to_string().contains(&proxy.label()), "{error}");
        assert_eq!(
            pool.cooling_for(&proxy).is_some(),
            kind == FetchErrorKind::Proxy,
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_no_https_proxy_has_failed_and_learned_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy: Proxy = format!("https://user:hush@{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let Some(session) = started(once().proxy(proxy)).await else {
        return;
    };
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = vec![0; 2_048];
            let count = tokio::io::AsyncReadExt::read(&mut stream, &mut first)
                .await
                .unwrap_or_default();
            first.truncate(count);
            // One that is given up at once says nothing.
            if count > 0 {
                heard.lock().unwrap().push(first);
            }
        }
    });
    let error = session
        .fetch(&Fetch::get("http://shop.example/").unwrap())
        .await
        .unwrap_err();
    task.abort();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Proxy, "{error}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    let said = said.lock().unwrap();
    assert!(
        !said.is_empty() && said.iter().all(|first| first.first() == Some(&0x16)),
        "a greeting of TLS"
    );
    assert!(
        said.iter()
            .all(|first| !String::from_utf8_lossy(first).contains("hush"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_a_user_and_has_none_says_so() {
    let site = TestSite::start().await.unwrap();
    let mut url = site.proxy().url_http();
    url.set_username("").unwrap();
    url.set_password(None).unwrap();
    let proxy: Proxy = url.as_str().parse().unwrap();
    assert!(proxy.username().is_none());
    let Some(session) = started(once().ignore_https_errors(true).proxy(proxy)).await else {
        return;
    };
    let response = fetched(&session, &Fetch::from(site.http_url("/echo/asked"))).await;
    assert_eq!(response.parts.status.as_u16(), 407);
    let page = response.0.text().into_owned();
    assert!(page.contains("who are you?"), "{page}");
    let error = session
        .fetch(&Fetch::from(site.https_url("/echo/asked")))
        .await
        .unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Proxy, "{error}");
}

/// Counts the packets that reach a port where a STUN server would be.
struct Stun {
    port: u16,
    packets: watch::Sender<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Stun {
    async fn start() -> Self {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let packets = watch::Sender::new(0);
        let counted = packets.clone();
        let task = tokio::spawn(async move {
            while socket.recv_from(&mut [0; 2_048]).await.is_ok() {
                counted.send_modify(|packets| *packets += 1);
            }
        });
        Self { port, packets, task }
    }

    /// A page that asks it as soon as it, or a frame of another site in it, is there, and says so when that was a while ago.
    fn page(&self, site: &TestSite, options: PageOptions) -> Fetch {
        let script = format!(
            "addEventListener('load', async () => {{ \
             const connection = new RTCPeerConnection({{iceServers: [{{urls: 'stun:127.0.0.1:{}'}}]}}); \
             document.body.dataset.candidates = 0; \
             connection.onicecandidate = ({{candidate}}) => {{ \
             if (candidate?.candidate) document.body.dataset.candidates++ }}; \
             connection.createDataChannel('x'); \
             await connection.setLocalDescription(await connection.createOffer()); \
             setTimeout(() => document.body.dataset.asked = 1, 1500); }})",
            self.port
        );
        let options = PageOptions {
            init_scripts: Some(vec![script]),
            wait_selector: options.wait_selector.or(Some("[data-asked]".into())),
            ..options
        };
        Fetch::from(site.http_url("/frames/cross-site")).with(options).unwrap()
    }
}

/// Whether a page asks a server of its own, however long that takes.
async fn asks(session: &DynamicSession, site: &TestSite) -> bool {
    let stun = Stun::start().await;
    let stays = PageOptions {
        wait_selector: Some("#never".into()),
        ..PageOptions::default()
    };
    let (page, mut packets) = (stun.page(site, stays), stun.packets.subscribe());
    tokio::select! {
        _ = session.fetch(&page) => false,
        sent = packets.wait_for(|packets| *packets > 1) => sent.is_ok(),
    }
}

impl Drop for Stun {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webrtc_sends_nothing_past_a_proxy() {
    let site = TestSite::start().await.unwrap();
    // Pages that may ask have another one, which they ask until they are gone.
    let stun = Stun::start().await;
    let proxy: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let Some(direct) = started(once()).await else { return };
    assert!(
        asks(&direct, &site).await,
        "without a proxy it does, or this test could not tell"
    );
    let sent = || *stun.packets.borrow();
    // The page asks, and so does a frame of another site.
    let page = || stun.page(&site, PageOptions::default());
    // The same browser, for requests with a proxy of their own; one with other rules for the network besides.
    let blocking = PageOptions {
        blocked_domains: Some(vec!["sockets.test".into()]),
        ..PageOptions::default()
    };
    for request in [page(), stun.page(&site, blocking), page()] {
        fetched(&direct, &request.proxy(proxy.url().as_str()).unwrap()).await;
        assert_eq!(sent(), 0, "with a proxy of the request's own");
    }
    assert!(asks(&direct, &site).await, "the other requests still do");
    // This one takes a browser of its own, which has no proxy at its launch.
    let asking = ProxyServer::start(ProxyOptions::default().credentials("ada", "hush"))
        .await
        .unwrap();
    let with_user = page().proxy(asking.url_http().as_str()).unwrap();
    let alone = fetched(&direct, &with_user).await.0.text().into_owned();
    assert_eq!(sent(), 0, "with a proxy of the request's own that has a user");
    assert!(alone.contains("data-candidates=\"0\""), "{alone}");
    drop(direct);

    let pool = ProxyPool::new([proxy.clone()]).unwrap();
    for (builder, whose) in [(once().proxy(proxy), "session"), (once().proxy_pool(pool), "pool")] {
        let Some(session) = started(builder).await else { return };
        fetched(&session, &page()).await;
        assert_eq!(sent(), 0, "with a proxy of the {whose}");
    }
}
