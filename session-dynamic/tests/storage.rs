//! Local storage: what is kept of it, where it goes, and what stays behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_core::cookies::{OriginState, StorageItem, StorageState};
use silkroute_core::{CookieJar, Fetch, RequestExt as _, Retry, Session};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions};
use silkroute_testkit::site::TestSite;
use support::{fetched, started};
use url::Url;

fn keeping() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none()).keep_local_storage(true)
}

/// Who is logged in, in the page's opinion, and the how manieth visit it is.
async fn account(session: &dyn Session, url: Url) -> (String, u32) {
    shown(session, &Fetch::from(url)).await
}

async fn shown(session: &dyn Session, request: &Fetch) -> (String, u32) {
    let html = fetched(session, request).await.0.text().into_owned();
    let part = |id: &str| {
        let (_, rest) = html.split_once(&format!("<p id=\"{id}\">")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    (part("user"), part("visits").parse().unwrap())
}

fn nobody() -> (String, u32) {
    ("nobody".to_owned(), 1)
}

fn items(state: &StorageState, url: &Url) -> Vec<(String, String)> {
    let origin = url.origin().ascii_serialization();
    let mut items: Vec<_> = state
        .origins
        .iter()
        .filter(|state| state.origin == origin)
        .flat_map(|state| state.local_storage.iter())
        .map(|item| (item.name.clone(), item.value.clone()))
        .collect();
    items.sort();
    items
}

fn pairs(items: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = items
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_local_storage_is_saved_and_loaded_into_another_browser() {
    let site = TestSite::start().await.unwrap();
    let at = |path: &str| site.http_url(path);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("login.json");

    let Some(mut today) = started(keeping()).await else {
        return;
    };
    let first = account(&today, at("/js/login?user=ada")).await;
    assert_eq!(first, ("ada".to_owned(), 1), "the page itself shows who logged in");
    assert_eq!(account(&today, at("/js/account")).await, ("ada".to_owned(), 2));
    let state = today.storage_state().await.unwrap();
    let kept = pairs(&[("token", "token-of-ada"), ("visits", "2")]);
    assert_eq!(items(&state, &at("/")), kept);
    state.write(&file).unwrap();
    today.close().await.unwrap();

    let mut tomorrow = started(keeping()).await.unwrap();
    assert_eq!(account(&tomorrow, at("/js/account")).await, nobody());
    let state = StorageState::read(&file).unwrap();
    tomorrow.load_storage_state(&state).await.unwrap();
    let asked = site.requests().len();
    assert_eq!(account(&tomorrow, at("/js/account")).await, ("ada".to_owned(), 3));
    let paths: Vec<_> = site.requests()[asked..].iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(paths, ["/js/account"], "nothing was asked of the site to put it there");

    // What the page takes out stays out, also in the state.
    assert_eq!(account(&tomorrow, at("/js/account?out")).await.0, "nobody");
    assert_eq!(account(&tomorrow, at("/js/account")).await.0, "nobody");
    let left = items(&tomorrow.storage_state().await.unwrap(), &at("/"));
    assert!(left.iter().all(|(name, _)| name == "visits"), "{left:?}");

    // And what is taken out of the jar leaves the browser.
    tomorrow.cookie_jar().clear();
    assert_eq!(account(&tomorrow, at("/js/account")).await, nobody());
    tomorrow.close().await.unwrap();
    // A session that was loaded before it starts has it from its first page on.
    tomorrow.load_storage_state(&state).await.unwrap();
    tomorrow.start().await.unwrap();
    assert_eq!(account(&tomorrow, at("/js/account")).await.0, "ada");
    tomorrow.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_tabs_leave_nothing_and_a_loaded_state_is_handed_on() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(DynamicSession::builder().retry(Retry::none())).await else {
        return;
    };
    let mut state = StorageState::default();
    let item = StorageItem {
        name: "token".to_owned(),
        value: "token-of-bob".to_owned(),
    };
    let origin = site.http_url("/").origin().ascii_serialization();
    state.origins.push(OriginState::new(origin, vec![item]));
    session.load_storage_state(&state).await.unwrap();
    for _ in 0..3 {
        assert_eq!(account(&session, site.http_url("/js/account")).await, nobody());
    }
    assert_eq!(session.storage_state().await.unwrap().origins, state.origins);
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_on_the_way_are_saved_and_tabs_share_what_is_kept() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(keeping().max_pages(4)).await else {
        return;
    };
    // Logged in at one origin, and sent on to another, as by a sign-on of several sites.
    let mut there = site.http_url("/js/account");
    there.set_host(Some("localhost")).unwrap();
    let mut login = site.http_url("/js/login?user=ada");
    login.query_pairs_mut().append_pair("to", there.as_str());
    assert_eq!(account(&session, login).await, nobody());
    let state = session.storage_state().await.unwrap();
    assert_eq!(items(&state, &site.http_url("/")), pairs(&[("token", "token-of-ada")]));
    assert_eq!(items(&state, &there), pairs(&[("visits", "1")]));
    let url = || site.http_url("/js/account");
    let seen = tokio::join!(
        account(&session, url()),
        account(&session, url()),
        account(&session, url()),
        account(&session, url())
    );
    for (user, _) in [seen.0, seen.1, seen.2, seen.3] {
        assert_eq!(user, "ada");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_of_proxies_have_it_and_requests_apart_from_the_jar_do_not() {
    let site = TestSite::start().await.unwrap();
    let jar = CookieJar::new();
    let Some(session) = started(keeping().cookie_jar(jar.clone())).await else {
        return;
    };
    let request = || Fetch::from(site.http_url("/js/account"));
    account(&session, site.http_url("/js/login?user=ada")).await;
    let through = request().proxy(site.proxy().url_http().as_str()).unwrap();
    assert_eq!(shown(&session, &through).await, ("ada".to_owned(), 2));
    assert_eq!(shown(&session, &through).await, ("ada".to_owned(), 3));
    assert_eq!(
        shown(&session, &request()).await,
        ("ada".to_owned(), 4),
        "it came back, too"
    );
    let with_own_cookie = request().cookie("own", "1");
    assert_eq!(shown(&session, &with_own_cookie).await, ("ada".to_owned(), 5));
    let apart = PageOptions {
        cookie_store: Some(false),
        ..PageOptions::default()
    };
    assert_eq!(shown(&session, &request().with(apart).unwrap()).await, nobody());
    assert_eq!(shown(&session, &request()).await, ("ada".to_owned(), 6));
    // An origin that no page can be at keeps nobody from the others.
    let other = StorageItem {
        name: "token".to_owned(),
        value: "token-of-eve".to_owned(),
    };
    jar.change_local_storage("https://no such.test/path", vec![other.clone()], &[]);
    let origin = site.http_url("/").origin().ascii_serialization();
    jar.change_local_storage(&origin, vec![other], &[]);
    assert_eq!(shown(&session, &request()).await, ("eve".to_owned(), 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_browser_has_no_room_for_stays_in_the_jar_and_takes_nothing_with_it() {
    let site = TestSite::start().await.unwrap();
    let jar = CookieJar::new();
    let Some(session) = started(keeping().cookie_jar(jar.clone())).await else {
        return;
    };
    let origin = site.http_url("/").origin().ascii_serialization();
    let item = |name: &str, value: String| StorageItem {
        name: name.to_owned(),
        value,
    };
    // Its name comes before that of the token.
    let large = item("large", "x".repeat((10 << 20) + 1));
    jar.change_local_storage(&origin, vec![large.clone()], &[]);
    jar.change_local_storage(&origin, vec![item("token", "token-of-ada".to_owned())], &[]);
    for visit in 1..=2 {
        let seen = account(&session, site.http_url("/js/account")).await;
        assert_eq!(seen, ("ada".to_owned(), visit));
        let kept = jar
            .origins()
            .iter()
            .map(|state| state.local_storage.clone())
            .next()
            .unwrap();
        let names: Vec<_> = kept.iter().map(|item| &*item.name).collect();
        assert_eq!(kept.len(), 3, "{names:?}");
        assert!(kept.contains(&large) && kept.contains(&item("visits", visit.to_string())));
    }
    // It gets in once it has become small enough.
    jar.change_local_storage(&origin, vec![item("large", "small".to_owned())], &[]);
    jar.change_local_storage(&origin, vec![], &["token".to_owned()]);
    let shows = Fetch::from(site.http_url("/js/account")).with(PageOptions {
        init_scripts: Some(vec![
            "localStorage.setItem('token', localStorage.getItem('large') ?? 'none')".into(),
        ]),
        ..PageOptions::default()
    });
    assert_eq!(shown(&session, &shows.unwrap()).await, ("small".to_owned(), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_worker_of_the_site_sees_nothing_of_what_goes_into_the_browser() {
    let site = TestSite::start().await.unwrap();
    let jar = CookieJar::new();
    let builder = keeping().cookie_jar(jar.clone()).clear_storage(false);
    let builder = builder.page_action("register", |page| {
        Box::pin(async move {
            let register = "navigator.serviceWorker.register('/js/service-worker.js', {scope: '/'})\
                .then(() => navigator.serviceWorker.ready).then(() => true)";
            page.evaluate_in_page::<bool>(register).await.map(drop)
        })
    });
    let Some(session) = started(builder).await else {
        return;
    };
    let registers = Fetch::from(site.http_url("/js/account")).with(PageOptions {
        page_action: Some("register".into()),
        ..PageOptions::default()
    });
    assert_eq!(shown(&session, &registers.unwrap()).await, nobody());
    // The browser looks for a newer worker when it likes.
    let since = |asked: usize| {
        let mut seen = site.requests().split_off(asked);
        seen.retain(|seen| seen.path != "/js/service-worker.js");
        seen
    };
    let asked = site.requests().len();
    assert_eq!(
        account(&session, site.http_url("/js/account")).await,
        ("nobody".to_owned(), 2)
    );
    let seen = since(asked);
    let by_worker = seen.iter().all(|seen| seen.header("sec-fetch-dest") == Some("empty"));
    assert!(by_worker && !seen.is_empty(), "{seen:?}");

    let origin = site.http_url("/").origin().ascii_serialization();
    let token = StorageItem {
        name: "token".to_owned(),
        value: "token-of-ada".to_owned(),
    };
    jar.change_local_storage(&origin, vec![token], &[]);
    let asked = site.requests().len();
    assert_eq!(
        account(&session, site.http_url("/js/account")).await,
        ("ada".to_owned(), 3)
    );
    let paths: Vec<_> = since(asked).iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(paths, ["/js/account"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_busy_at_its_end_keeps_no_other_fetch_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let site = TestSite::builder().files(folder.path()).start().await.unwrap();
    let Some(session) = started(keeping().max_pages(2)).await else {
        return;
    };
    // What is read of it last is on paper: what it is asked for then is its local storage. It is busy until there is a file.
    let busy = "addEventListener('afterprint', () => setTimeout(() => {
        navigator.sendBeacon('/echo/busy');
        for (const asked = new XMLHttpRequest(); asked.status !== 200;) {
            const next = Date.now() + 50;
            while (Date.now() < next);
            asked.open('GET', '/files/enough', false);
            asked.send();
        }
    }))";
    let busy = Fetch::from(site.http_url("/js/account")).with(PageOptions {
        init_scripts: Some(vec![busy.into()]),
        pdf: Some(true.into()),
        ..PageOptions::default()
    });
    let busy = busy.unwrap();
    let mut there = site.http_url("/js/account");
    there.set_host(Some("localhost")).unwrap();
    let other = async {
        let asked = |site: &TestSite| !site.requests_to("/echo/busy").is_empty();
        site.wait_until(asked, support::SOON).await.unwrap();
        account(&session, there.clone()).await
    };
    let mut first = std::pin::pin!(shown(&session, &busy));
    tokio::select! {
        biased;
        seen = &mut first => panic!("the other fetch waited for it: {seen:?}"),
        seen = other => assert_eq!(seen, nobody()),
    }
    std::fs::write(folder.path().join("enough"), "").unwrap();
    assert_eq!(first.await, nobody());
    let state = session.storage_state().await.unwrap();
    assert_eq!(items(&state, &site.http_url("/")), pairs(&[("visits", "1")]));
    assert_eq!(items(&state, &there), pairs(&[("visits", "1")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_jar_with_many_origins_a_fetch_waits_for_its_own_and_few_others() {
    let site = TestSite::start().await.unwrap();
    let jar = CookieJar::new();
    // It has not time enough for all of them.
    let Some(session) = started(keeping().cookie_jar(jar.clone())).await else {
        return;
    };
    let here = site.http_url("/js/account");
    let mut there = here.clone();
    there.set_host(Some("localhost")).unwrap();
    let put = |origin: &str, user: &str| {
        let token = StorageItem {
            name: "token".to_owned(),
            value: format!("token-of-{user}"),
        };
        jar.change_local_storage(origin, vec![token], &[]);
    };
    // All that a jar keeps; these two changed first.
    put(&here.origin().ascii_serialization(), "ada");
    put(&there.origin().ascii_serialization(), "bob");
    for number in 0..998 {
        put(&format!("https://{number}.test"), "eve");
    }
    assert_eq!(account(&session, here.clone()).await, ("ada".to_owned(), 1));
    assert_eq!(account(&session, there.clone()).await, ("bob".to_owned(), 1));
    // And what is taken out is gone from where the next page is.
    jar.clear();
    assert_eq!(account(&session, here).await, nobody());
    assert_eq!(account(&session, there).await, nobody());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_did_before_a_fetch_failed_is_not_lost() {
    let site = TestSite::start().await.unwrap();
    let Some(mut session) = started(keeping()).await else {
        return;
    };
    let login = Fetch::from(site.http_url("/js/login?user=ada")).with(PageOptions {
        init_scripts: Some(vec!["document.cookie = 'session=8; path=/'".into()]),
        wait_selector: Some("#never".into()),
        ..PageOptions::default()
    });
    // Enough to get as far as the wait.
    let login = login.unwrap().timeout(std::time::Duration::from_secs(12));
    let error = session.fetch(&login).await.unwrap_err();
    assert!(error.to_string().contains("wait_selector"), "{error}");
    let state = session.storage_state().await.unwrap();
    let origin = site.http_url("/");
    assert!(items(&state, &origin).contains(&("token".to_owned(), "token-of-ada".to_owned())));
    assert_eq!(session.cookie_jar().get(&origin, "session").unwrap().value, "8");
    session.close().await.unwrap();
}
