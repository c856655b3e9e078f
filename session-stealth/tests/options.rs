//! Options do what they say, for a session and for a request, or are refused with a reason.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_browser::Viewport;
use silkroute_core::identity::Os;
use silkroute_core::{Fetch, Proxy, RequestExt as _, Session};
use silkroute_session_stealth::{
    CdpUrl, Fingerprint, Headers, Headless, StealthOptions, StealthSession, StealthSessionBuilder,
};
use silkroute_testkit::site::TestSite;
use support::{fetched, started};

const VIEWPORT: Viewport = Viewport {
    width: 800,
    height: 600,
    device_scale_factor: 0.0,
};

/// What a script says of the page, put where the response shows it.
fn asking(script: &str) -> StealthSessionBuilder {
    let script = format!(
        "{{ const body = document.body; ({script}).then(said => {{ \
         body.insertAdjacentHTML('beforeend', '<p id=said>' + JSON.stringify(said) + '</p>') }}) }}"
    );
    StealthSession::builder()
        .page_action("ask", move |page| {
            let script = script.clone();
            Box::pin(async move {
                page.evaluate::<Option<bool>>(&format!("(() => {script})()"))
                    .await
                    .map(drop)
            })
        })
        .wait_selector("#said")
}

fn ask(site: &TestSite, options: StealthOptions) -> Fetch {
    let options = StealthOptions {
        page_action: Some("ask".into()),
        ..options
    };
    Fetch::get(site.http_url("/page/10k").as_str())
        .unwrap()
        .with(options)
        .unwrap()
}

async fn said(session: &StealthSession, request: &Fetch) -> serde_json::Value {
    let page = fetched(session, request).await;
    let text = page.0.text().into_owned();
    let said = text
        .split("id=\"said\">")
        .nth(1)
        .and_then(|rest| rest.split("</p>").next());
    serde_json::from_str(&said.unwrap().replace("&quot;", "\"")).unwrap()
}

/// How many addresses WebRTC would tell.
const CANDIDATES: &str = "(async () => {
  const connection = new RTCPeerConnection();
  let count = 0;
  const gathered = new Promise(done => connection.onicecandidate = ({candidate}) => {
    if (!candidate) done(); else if (candidate.candidate) count += 1;
  });
  connection.createDataChannel('x');
  await connection.setLocalDescription(await connection.createOffer());
  await Promise.race([gathered, new Promise(done => setTimeout(done, 5000))]);
  connection.close();
  return count;
})()";

#[tokio::test]
async fn webrtc_tells_no_address_where_it_is_blocked() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(asking(CANDIDATES)).await else {
        return;
    };
    let open = said(&session, &ask(&site, StealthOptions::default())).await;
    let blocked = StealthOptions {
        block_webrtc: Some(true),
        ..StealthOptions::default()
    };
    // The same session, and a browser of its own for this request.
    let before = session.browser().unwrap().pid();
    assert_eq!(said(&session, &ask(&site, blocked.clone())).await, 0);
    assert_eq!(session.browser().unwrap().pid(), before);
    assert!(open.as_u64() > Some(0), "{open}");

    let Some(session) = started(asking(CANDIDATES).block_webrtc(true)).await else {
        return;
    };
    assert_eq!(said(&session, &ask(&site, StealthOptions::default())).await, 0);
}

/// The kinds of WebGL that there are, in the page, off its screen, and in a worker.
const WEBGL: &str = r#"(async () => {
  const found = canvas => ['webgl', 'webgl2'].filter(kind => canvas().getContext(kind));
  const source = `postMessage((${found})(() => new OffscreenCanvas(8, 8)))`;
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  const inWorker = await new Promise((done, fail) => { worker.onmessage = e => done(e.data); worker.onerror = fail; });
  return [found(() => document.createElement('canvas')), found(() => new OffscreenCanvas(8, 8)), inWorker];
})()"#;

#[tokio::test]
async fn webgl_is_there_unless_it_is_not_allowed() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(asking(WEBGL)).await else {
        return;
    };
    let with = said(&session, &ask(&site, StealthOptions::default())).await;
    for place in 0..3 {
        let kinds = with[place].as_array().unwrap();
        assert!(
            !kinds.is_empty(),
            "there is WebGL, by software where there is no other: {with}"
        );
    }
    let none = serde_json::json!([[], [], []]);
    let without = StealthOptions {
        allow_webgl: Some(false),
        ..StealthOptions::default()
    };
    assert_eq!(said(&session, &ask(&site, without)).await, none);

    let Some(session) = started(asking(WEBGL).allow_webgl(false)).await else {
        return;
    };
    let pictured = StealthOptions {
        screenshot: Some(true.into()),
        ..StealthOptions::default()
    };
    let request = ask(&site, pictured);
    assert_eq!(said(&session, &request).await, none);
    assert!(fetched(&session, &request).await.screenshot.is_some());
}

#[tokio::test]
async fn a_request_has_its_own_locale_and_time_zone() {
    const WHERE: &str = "(async () => [navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone])()";
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(asking(WHERE).locale("fr-FR")).await else {
        return;
    };
    let own = said(&session, &ask(&site, StealthOptions::default())).await;
    assert_eq!(own[0], "fr-FR");
    let elsewhere = StealthOptions {
        locale: Some("ja-JP".into()),
        timezone_id: Some("Asia/Tokyo".into()),
        ..StealthOptions::default()
    };
    assert_eq!(
        said(&session, &ask(&site, elsewhere)).await,
        serde_json::json!(["ja-JP", "Asia/Tokyo"])
    );
    let headers: Vec<_> = site
        .requests_to("/page/10k")
        .iter()
        .map(|request| request.header("accept-language").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        headers,
        [
            "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
            "ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7"
        ]
    );
}

#[tokio::test]
async fn a_time_zone_that_the_browser_does_not_know_is_refused() {
    if support::no_browser().is_some() {
        return;
    }
    // The second one is in the database, and not by that name.
    for zone in ["Europe/Atlantis", "europe/berlin"] {
        let builder = StealthSession::builder().start_timeout(support::LONG);
        let mut session = builder.timezone_id(zone).build().unwrap();
        let error = session.start().await.unwrap_err().to_string();
        assert!(error.contains(zone) && error.contains("Europe/Berlin"), "{error}");
    }
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder().timezone_id("US/Eastern")).await else {
        return;
    };
    for zone in ["Europe/Atlantis", "nowhere at all"] {
        let there = StealthOptions {
            timezone_id: Some(zone.to_owned()),
            ..StealthOptions::default()
        };
        let request = Fetch::get(site.http_url("/shop").as_str()).unwrap();
        let error = session.fetch(&request.with(there).unwrap()).await.unwrap_err();
        assert!(error.to_string().contains(zone), "{error}");
    }
    assert!(site.requests_to("/shop").is_empty(), "what is refused is not sent");
}

#[tokio::test]
async fn a_referer_comes_from_a_search_where_asked_for() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder()).await else {
        return;
    };
    let shop = || Fetch::get(site.http_url("/shop").as_str()).unwrap();
    fetched(&session, &shop()).await;
    let searched = StealthOptions {
        google_search: Some(true),
        ..StealthOptions::default()
    };
    fetched(&session, &shop().with(searched).unwrap()).await;
    let Some(session) = started(StealthSession::builder().google_search(true)).await else {
        return;
    };
    fetched(&session, &shop()).await;
    fetched(&session, &shop().header("referer", "https://mine.test/").unwrap()).await;
    let seen = site.requests_to("/shop");
    let referers: Vec<_> = seen.iter().map(|request| request.header("referer")).collect();
    let google = Some("https://www.google.com/");
    assert_eq!(referers, [None, google, google, Some("https://mine.test/")]);
}

#[tokio::test]
async fn a_profile_that_is_kept_has_room_for_one_browser() {
    let site = TestSite::start().await.unwrap();
    let profile = tempfile::tempdir().unwrap();
    let Some(session) = started(StealthSession::builder().user_data_dir(profile.path())).await else {
        return;
    };
    let shop = Fetch::get(site.http_url("/shop").as_str()).unwrap();
    let blocked = StealthOptions {
        block_webrtc: Some(true),
        ..StealthOptions::default()
    };
    let error = session.fetch(&shop.clone().with(blocked).unwrap()).await.unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("user_data_dir") && told.contains("block_webrtc"),
        "{told}"
    );
    assert!(site.requests_to("/shop").is_empty(), "what is refused is not sent");
    fetched(&session, &shop).await;
    drop(session);

    // A session with a proxy is launched that way anyhow.
    let profile = tempfile::tempdir().unwrap();
    let proxy: Proxy = site.proxy().url_http().as_str().parse().unwrap();
    let builder = StealthSession::builder().user_data_dir(profile.path()).proxy(proxy);
    let Some(session) = started(builder).await else { return };
    for block_webrtc in [true, false] {
        let asked = StealthOptions {
            block_webrtc: Some(block_webrtc),
            ..StealthOptions::default()
        };
        fetched(&session, &shop.clone().with(asked).unwrap()).await;
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_reason() {
    let elsewhere = CdpUrl::new("http://127.0.0.1:9222").unwrap();
    // What another machine runs on shows when its browser is asked.
    let windows = Fingerprint {
        os: Some(Os::Windows),
        ..Fingerprint::default()
    };
    let remote = StealthSession::builder()
        .cdp_url(elsewhere.clone())
        .fingerprint(windows);
    remote.build().unwrap();
    for (builder, why) in [
        (StealthSession::builder().user_agent("mine"), "client hints"),
        (StealthSession::builder().viewport(VIEWPORT), "size of its window"),
        (StealthSession::builder().headless(Headless::Shell), "smaller browser"),
        (StealthSession::builder().challenge_attempts(0), "solve_challenge"),
        (
            StealthSession::builder().challenge_timeout(std::time::Duration::ZERO),
            "no time",
        ),
        (StealthSession::builder().timezone_id("nowhere at all"), "Europe/Berlin"),
        (StealthSession::builder().window_size(2560, 1300), "1920 x 1040"),
        (
            StealthSession::builder()
                .cdp_url(elsewhere.clone())
                .fingerprint(Fingerprint {
                    taskbar: Some(48),
                    ..Fingerprint::default()
                }),
            "taskbar",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let config = r#"{"hide_canvas": true}"#;
    let error = StealthSession::from_config(serde_json::from_str(config).unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("hide_canvas") && error.contains("noise"), "{error}");

    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder()).await else {
        return;
    };
    for (options, why) in [
        (
            StealthOptions {
                hide_canvas: Some(true),
                ..StealthOptions::default()
            },
            "noise",
        ),
        (
            StealthOptions {
                user_agent: Some("mine".into()),
                ..StealthOptions::default()
            },
            "client hints",
        ),
        (
            StealthOptions {
                extra_headers: Some(Headers::new([("User-Agent", "mine")]).unwrap()),
                ..StealthOptions::default()
            },
            "client hints",
        ),
        (
            StealthOptions {
                viewport: Some(VIEWPORT),
                ..StealthOptions::default()
            },
            "size of its window",
        ),
    ] {
        let request = Fetch::get(site.http_url("/shop").as_str())
            .unwrap()
            .with(options)
            .unwrap();
        let error = session.fetch(&request).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(site.requests_to("/shop").is_empty(), "what is refused is not sent");
}

/// Browsers that were launched with one of these time zones and still run.
#[cfg(target_os = "linux")]
fn browsers_in(zones: &[&str]) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap();
    let is_ours = |folder: &std::path::Path| {
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
        let has = |text: &[u8], part: &str| String::from_utf8_lossy(text).split('\0').any(|word| word == part);
        let environment = read("environ");
        has(&read("cmdline"), "--remote-debugging-pipe")
            && zones.iter().any(|zone| has(&environment, &format!("TZ={zone}")))
    };
    processes
        .filter_map(|entry| entry.ok())
        .filter(|entry| is_ours(&entry.path()))
        .count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn browsers_of_requests_are_capped_and_end_with_the_session() {
    const ZONES: [&str; 3] = ["Africa/Cairo", "America/Lima", "Asia/Kathmandu"];
    let site = TestSite::start().await.unwrap();
    let Some(mut session) = started(StealthSession::builder()).await else {
        return;
    };
    for zone in ZONES {
        let there = StealthOptions {
            timezone_id: Some(zone.to_owned()),
            ..StealthOptions::default()
        };
        let request = Fetch::get(site.http_url("/shop").as_str())
            .unwrap()
            .with(there)
            .unwrap();
        fetched(&session, &request).await;
    }
    let settled = |most: usize| async move {
        let begun = std::time::Instant::now();
        // A process that was killed takes a moment to go, and one that is being started looks like its parent for a moment.
        loop {
            let now = browsers_in(&ZONES);
            if now <= most || begun.elapsed() > support::LONG {
                return now;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    assert_eq!(settled(2).await, 2, "the one that was used least lately has made room");
    session.close().await.unwrap();
    assert_eq!(settled(0).await, 0);
}
