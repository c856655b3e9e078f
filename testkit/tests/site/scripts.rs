//! Pages that need a browser: each is looked at with one, and by what it asks for.

use std::time::Duration;

use serde_json::json;
use silkroute_testkit::site::{TestSite, known};

use crate::browser::{self, LONG, rendered};
use crate::client::{client, json};

#[tokio::test]
async fn lists_are_made_by_their_scripts() {
    let site = TestSite::start().await.unwrap();
    let bare = client(&site).get(site.http_url("/js/list")).send().await.unwrap();
    assert!(!bare.text().await.unwrap().contains("class=\"item\""));
    let Some(list) = rendered(&site.http_url("/js/list"), 5000).await else {
        return;
    };
    assert_eq!(list.matches("class=\"item\"").count(), known::SCRIPTED_ITEMS);
    assert!(list.contains(&known::product_name(1)) && list.contains("30 items"));
    for path in ["/js/list.css", "/js/list.js", "/js/list.json"] {
        assert_eq!(site.requests_to(path).len(), 1, "{path}");
    }
}

#[tokio::test]
async fn late_content_comes_and_far_images_do_not() {
    let site = TestSite::start().await.unwrap();
    let Some(_window) = browser::open(&site.http_url("/js/lazy?ms=700")) else {
        return;
    };
    site.wait_until(|site| !site.requests_to("/image.png").is_empty(), LONG)
        .await
        .unwrap();
    let images = site.requests_to("/image.png");
    assert_eq!(images.iter().filter(|image| image.param("late").is_some()).count(), 1);
    assert_eq!(images.len(), 1, "the far image is not loaded before it is near");
    let waited = images[0].at.duration_since(site.requests_to("/js/lazy")[0].at);
    assert!(waited >= Duration::from_millis(700), "{waited:?}");
}

#[tokio::test]
async fn the_scroll_goes_on_in_pages_and_ends() {
    let site = TestSite::start().await.unwrap();
    let Some(scroll) = rendered(&site.http_url("/js/scroll?pages=1"), 5000).await else {
        return;
    };
    assert_eq!(scroll.matches("class=\"item\"").count(), known::SCROLL_ITEMS);
    assert!(scroll.contains("that was all"));
    let second = json(&client(&site), site.http_url("/js/scroll.json?page=2")).await;
    assert_eq!(second[0]["id"], known::SCROLL_ITEMS + 1);
    assert_eq!(second.as_array().unwrap().len(), known::SCROLL_ITEMS);
}

#[tokio::test]
async fn requests_of_scripts_build_on_each_other() {
    let site = TestSite::start().await.unwrap();
    let refused = client(&site).get(site.http_url("/js/api/search")).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let Some(page) = rendered(&site.http_url("/js/xhr"), 5000).await else {
        return;
    };
    assert!(page.contains(r#"{"asked":{"query":"silk"}"#), "{page}");
    let search = site.requests_to("/js/api/search");
    assert_eq!(search[1].header("x-token"), Some(known::API_TOKEN));
    assert_eq!(search[1].text(), json!({ "query": "silk" }).to_string());
}

#[tokio::test]
async fn a_page_has_as_many_resources_as_it_says() {
    let site = TestSite::start().await.unwrap();
    let Some(page) = rendered(&site.http_url("/js/subrequests"), 10_000).await else {
        return;
    };
    assert!(page.contains("id=\"end\""));
    let resources = |end: &str| {
        let all = site.requests();
        let ours = all
            .iter()
            .filter(|request| request.path.starts_with("/js/resource/") && request.path.ends_with(end));
        ours.count()
    };
    assert_eq!((resources(""), resources(".png")), (known::SUBREQUESTS, 40));
}

#[tokio::test]
async fn pages_lead_elsewhere_by_themselves() {
    let site = TestSite::start().await.unwrap();
    for how in ["script", "late-script", "meta", "header"] {
        let url = site.http_url(&format!("/js/redirect/{how}"));
        let Some(_window) = browser::open(&url) else { return };
        site.wait_until(|site| !site.requests_to("/js/list.json").is_empty(), LONG)
            .await
            .unwrap_or_else(|error| panic!("{how}: {error}"));
        site.clear();
    }
    let Some(_window) = browser::open(&site.http_url("/js/redirect/form")) else {
        return;
    };
    site.wait_until(|site| !site.requests_to("/echo").is_empty(), LONG)
        .await
        .unwrap();
    let posted = &site.requests_to("/echo")[0];
    assert_eq!(
        (posted.method.as_str(), posted.text().as_str()),
        ("POST", "sent=by+script")
    );
}

#[tokio::test]
async fn hanging_pages_lack_one_thing_only() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for what in ["image", "script", "style", "frame", "fetch", "loop"] {
        let url = site.http_url(&format!("/js/hanging/{what}"));
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("id=\"content\""), "{what}");
        assert_eq!(text.contains("/stall"), what != "loop", "{what}");
    }
    // The list that a browser can see is not kept from it by what hangs.
    let Some(_window) = browser::open(&site.http_url("/js/hanging/image")) else {
        return;
    };
    site.wait_until(|site| !site.requests_to("/stall").is_empty(), LONG)
        .await
        .unwrap();
}

#[tokio::test]
async fn downloads_popups_and_dialogs_are_what_they_say() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let file = client.get(site.http_url("/download")).send().await.unwrap();
    assert_eq!(
        file.headers()["content-disposition"],
        "attachment; filename=\"silk.bin\""
    );
    assert_eq!(file.bytes().await.unwrap().len(), 2048);
    for (path, marker) in [
        ("/js/popup", "open('/js/list')"),
        ("/js/download", "location = '/download'"),
        ("/js/dialog/confirm", "confirm('Sure?')"),
        ("/js/click", "pressure="),
        ("/js/console", "console.error"),
    ] {
        let text = client
            .get(site.http_url(path))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(text.contains(marker), "{path}");
    }
    let unknown = client.get(site.http_url("/js/dialog/other")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn frames_are_of_this_site_and_of_another() {
    let site = TestSite::start().await.unwrap();
    let Some(_window) = browser::open(&site.http_url("/frames/many")) else {
        return;
    };
    site.wait_until(|site| site.requests_to("/frames/inner").len() == 2, LONG)
        .await
        .unwrap();
    let mut hosts: Vec<_> = site
        .requests_to("/frames/inner")
        .iter()
        .map(|request| request.host_name().to_owned())
        .collect();
    hosts.sort();
    assert_eq!(hosts, ["127.0.0.1", "localhost"]);
    site.wait_until(|site| !site.requests_to("/status/204").is_empty(), LONG)
        .await
        .unwrap();

    let lazy = client(&site).get(site.http_url("/frames/lazy")).send().await.unwrap();
    assert!(lazy.text().await.unwrap().contains("loading=\"lazy\""));
}

#[tokio::test]
async fn all_four_workers_answer() {
    let site = TestSite::start().await.unwrap();
    let Some(_window) = browser::open(&site.http_url("/workers")) else {
        return;
    };
    site.wait_until(|site| !site.requests_to("/echo/workers").is_empty(), LONG)
        .await
        .unwrap();
    let answers: serde_json::Value = serde_json::from_str(&site.requests_to("/echo/workers")[0].text()).unwrap();
    for kind in ["dedicated", "blob", "shared", "service"] {
        assert!(answers[kind].as_str().unwrap().contains("Chrome"), "{kind}: {answers}");
    }
}

#[tokio::test]
async fn a_browser_reports_on_itself_from_every_place() {
    let site = TestSite::start().await.unwrap();
    let Some(_window) = browser::open(&site.http_url("/consistency?run=self")) else {
        return;
    };
    let complete = |site: &TestSite| site.consistency("self").len() == known::CONSISTENCY_PLACES.len();
    let waited = site.wait_until(complete, LONG).await;
    let reports = site.consistency("self");
    assert!(waited.is_ok(), "only {:?} reported", reports.keys());
    for place in known::CONSISTENCY_PLACES {
        let table = &reports[place];
        let failed: Vec<_> = table
            .iter()
            .filter(|(_, value)| value.as_str().is_some_and(|text| text.starts_with("failed")))
            .collect();
        assert!(failed.is_empty(), "{place}: {failed:?}");
        // A headless browser that nobody disguised says so everywhere.
        assert!(
            table["navigator.userAgent"]
                .as_str()
                .unwrap()
                .contains("HeadlessChrome"),
            "{place}"
        );
        assert_eq!(table["navigator.userAgent"], table["headers.user-agent"], "{place}");
        assert_eq!(table["debugger.prepared"], false, "{place}");
    }
    assert!(site.consistency("another run").is_empty());
}

#[tokio::test]
async fn the_answer_to_a_head_has_no_body_over_http_2_either() {
    let site = TestSite::start().await.unwrap();
    for client in [client(&site), crate::client::http1_client(&site)] {
        let answer = client.head(site.https_url("/page/10k")).send().await.unwrap();
        assert_eq!(answer.headers()["content-length"], known::PAGE_10K_LENGTH.to_string());
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
        assert_eq!(client.get(site.https_url("/empty")).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_burst_of_connections_is_not_kept_waiting() {
    let site = TestSite::start().await.unwrap();
    let address = ("127.0.0.1", site.http_url("/").port().unwrap());
    // Nobody accepts while this task does not yield: all of them have to fit into the queue.
    let burst: Vec<_> = (0..256)
        .map(|_| {
            let connection = std::net::TcpStream::connect_timeout(
                &std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, address.1)),
                // Nobody makes room: one that finds none never gets in.
                Duration::from_secs(20),
            );
            connection.expect("a place in the queue")
        })
        .collect();
    site.wait_until(|site| site.open_connections() == burst.len(), LONG)
        .await
        .unwrap();
}

#[tokio::test]
async fn files_of_a_folder_are_served_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/one.js"), "export default 1").unwrap();
    let site = TestSite::builder()
        .files(folder.path().join("inner"))
        .start()
        .await
        .unwrap();
    std::fs::write(folder.path().join("secret.js"), "no").unwrap();
    let client = client(&site);
    let file = client.get(site.http_url("/files/one.js")).send().await.unwrap();
    assert!(file.headers()["content-type"].to_str().unwrap().contains("javascript"));
    assert_eq!(file.text().await.unwrap(), "export default 1");
    for path in [
        "/files/../secret.js",
        "/files/%2e%2e/secret.js",
        "/files//etc/hostname",
        "/files/none.js",
        "/files/",
    ] {
        assert_eq!(crate::client::status(&client, site.http_url(path)).await, 404, "{path}");
    }
    let without = TestSite::start().await.unwrap();
    assert_eq!(
        crate::client::status(&client, without.http_url("/files/one.js")).await,
        404
    );
}
