//! Pages for people and crawlers: shop, login, cookies, redirects, robots.

use reqwest::redirect::Policy;
use serde_json::json;
use silkroute_testkit::site::{TestSite, known};

use crate::client::{builder, client, json, status};

async fn text(client: &reqwest::Client, url: url::Url) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_shop_links_all_its_products() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let mut products = 0;
    for page in 1..=known::LISTING_PAGES {
        let listing = text(&client, site.https_url(&format!("/shop?page={page}"))).await;
        assert!((9_000..12_000).contains(&listing.len()), "{} bytes", listing.len());
        products += listing.matches("class=\"product\"").count();
        assert_eq!(listing.contains("class=\"next\""), page < known::LISTING_PAGES);
    }
    assert_eq!(products, known::PRODUCTS);
    assert_eq!(status(&client, site.https_url("/shop?page=11")).await, 404);
    let product = text(&client, site.https_url("/shop/product/200")).await;
    assert!(product.contains(&known::product_name(200)) && product.contains("SKU-00200"));
    assert_eq!(product.matches("class=\"related\"").count(), 3);
    assert_eq!(status(&client, site.https_url("/shop/product/201")).await, 404);
    assert!(text(&client, site.http_url("/")).await.contains("/shop/product/1"));
}

#[tokio::test]
async fn every_page_of_a_catalogue_can_be_reached_from_its_first() {
    const PAGES: usize = 57;
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let (mut seen, mut next) = (vec![false; PAGES], vec![0]);
    while let Some(number) = next.pop() {
        if std::mem::replace(&mut seen[number], true) {
            continue;
        }
        let page = text(&client, site.http_url(&format!("/catalogue/{PAGES}/{number}"))).await;
        assert!((9_000..11_000).contains(&page.len()), "{} bytes", page.len());
        assert!(page.contains(&format!("SKU-{number:07}")) && page.contains(&known::product_name(number)));
        let links = page.split("class=\"below\" href=\"/catalogue/57/").skip(1);
        next.extend(links.map(|link| link.split('"').next().unwrap().parse::<usize>().unwrap()));
    }
    assert!(seen.iter().all(|seen| *seen));
    assert_eq!(status(&client, site.http_url("/catalogue/57/57")).await, 404);
}

#[tokio::test]
async fn a_login_lasts_until_the_logout() {
    let site = TestSite::start().await.unwrap();
    let client = builder(&site)
        .cookie_store(true)
        .redirect(Policy::limited(5))
        .build()
        .unwrap();
    let log_in = |password: &'static str| {
        let form = format!("user={}&password={password}", known::DEMO_USER);
        client
            .post(site.http_url("/login"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
    };
    assert_eq!(status(&client, site.http_url("/account")).await, 403);
    assert_eq!(log_in("wrong").await.unwrap().status(), 401);
    let account = log_in(known::DEMO_PASSWORD).await.unwrap();
    assert_eq!((account.status().as_u16(), account.url().path()), (200, "/account"));
    assert_eq!(status(&client, site.http_url("/account")).await, 200);
    assert!(client.get(site.http_url("/logout")).send().await.unwrap().url().path() == "/login");
    assert_eq!(status(&client, site.http_url("/account")).await, 403);
}

#[tokio::test]
async fn credentials_are_asked_for() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let refused = client.get(site.http_url("/basic-auth")).send().await.unwrap();
    assert!(refused.headers().contains_key("www-authenticate") && refused.status() == 401);
    let basic = client
        .get(site.http_url("/basic-auth"))
        .basic_auth("user", Some("pass"));
    assert_eq!(basic.send().await.unwrap().status(), 200);
    let bearer = client.get(site.http_url("/bearer"));
    assert_eq!(
        bearer.bearer_auth(known::BEARER_TOKEN).send().await.unwrap().status(),
        200
    );
    assert_eq!(status(&client, site.http_url("/bearer")).await, 401);
}

#[tokio::test]
async fn cookies_are_set_and_shown() {
    let site = TestSite::start().await.unwrap();
    let client = builder(&site)
        .cookie_store(true)
        .redirect(Policy::limited(5))
        .build()
        .unwrap();
    let shown = json(&client, site.http_url("/cookies/set?a=1&b=2&_redirect=1")).await;
    assert_eq!(shown, json!({ "a": "1", "b": "2" }));
    let set = client
        .get(site.http_url("/cookies/set?c=3&_path=/deep&_max_age=60&_secure=1"))
        .send()
        .await
        .unwrap();
    assert_eq!(set.headers()["set-cookie"], "c=3; Path=/deep; Max-Age=60; Secure");
    let all = client.get(site.http_url("/cookies/attributes")).send().await.unwrap();
    let lines: Vec<_> = all
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    assert!(lines.iter().any(|line| line.starts_with("__Host-")) && lines.len() > 10);
}

#[tokio::test]
async fn redirects_lead_where_they_say() {
    let site = TestSite::start().await.unwrap();
    let follower = builder(&site).redirect(Policy::limited(10)).build().unwrap();
    let arrived = follower.get(site.http_url("/redirect/5")).send().await.unwrap();
    assert_eq!(arrived.url().path(), "/redirect/0");
    assert_eq!(site.requests().len(), 6);
    assert_eq!(
        follower
            .get(site.http_url("/redirect/relative"))
            .send()
            .await
            .unwrap()
            .url()
            .path(),
        "/redirect/0"
    );
    assert!(follower.get(site.http_url("/redirect/loop")).send().await.is_err());
    assert_eq!(
        json(&follower, site.http_url("/redirect/cross")).await["scheme"],
        "https"
    );
    assert_eq!(
        json(&follower, site.https_url("/redirect/cross")).await["scheme"],
        "http"
    );

    let client = client(&site);
    for code in [301, 302, 303, 307, 308] {
        let url = site.http_url(&format!(
            "/redirect-to?url=http%3A%2F%2Felsewhere.example%2F&status={code}"
        ));
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status().as_u16(), code);
        assert_eq!(response.headers()["location"], "http://elsewhere.example/");
    }
    let nowhere = client.get(site.http_url("/redirect/no-location")).send().await.unwrap();
    assert!(nowhere.status() == 302 && !nowhere.headers().contains_key("location"));
    assert_eq!(status(&client, site.http_url("/redirect/bad-location")).await, 302);
}

#[tokio::test]
async fn robots_and_sitemap_name_the_host_that_was_asked() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let robots = text(&client, site.http_url("/robots.txt")).await;
    assert!(robots.contains("Disallow: /private\n") && robots.contains("Crawl-delay"));
    assert!(
        robots.contains(&format!("Sitemap: {}", site.http_url("/sitemap.xml"))),
        "{robots}"
    );
    let sitemap = text(&client, site.https_url("/sitemap.xml")).await;
    assert!(
        sitemap.contains(&format!("<loc>{}</loc>", site.https_url("/shop?page=10"))),
        "{sitemap}"
    );
    assert_eq!(status(&client, site.http_url("/private/")).await, 200);

    let own = TestSite::builder()
        .robots_txt("User-agent: *\nDisallow: /\n")
        .start()
        .await
        .unwrap();
    assert_eq!(
        text(&client, own.http_url("/robots.txt")).await,
        "User-agent: *\nDisallow: /\n"
    );
}
