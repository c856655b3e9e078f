//! Fingerprints and header order, over both protocols.

use std::time::Duration;

use serde_json::json;
use silkroute_testkit::site::TestSite;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{builder, client, client_with_identity, http1_client, json, names};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn http1_headers_keep_their_case_and_order() {
    let site = TestSite::start().await.unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", site.http_url("/").port().unwrap()))
        .await
        .unwrap();
    stream
        .write_all(
            b"POST /echo/a%20b?q=1&q=2&r= HTTP/1.1\r\nHost: odd.example:81\r\nZ-First: 1\r\nUSER-AGENT: me\r\na-last:  x \r\n\
              Z-First: again\r\nCookie: a=1; b=2\r\nContent-Type: application/x-www-form-urlencoded\r\n\
              Content-Length: 7\r\nConnection: close\r\n\r\nk=v&k=w",
        )
        .await
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let echo: serde_json::Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        names(&echo),
        [
            "Host",
            "Z-First",
            "USER-AGENT",
            "a-last",
            "Z-First",
            "Cookie",
            "Content-Type",
            "Content-Length",
            "Connection"
        ]
    );
    assert_eq!(echo["headers"][3], json!(["a-last", "x"]));
    assert_eq!(echo["path"], "/echo/a%20b");
    assert_eq!(echo["query"], json!({ "q": ["1", "2"], "r": "" }));
    assert_eq!(echo["cookies"], json!({ "a": "1", "b": "2" }));
    assert_eq!(echo["form"], json!({ "k": ["v", "w"] }));
    assert_eq!(
        (&echo["host"], &echo["version"]),
        (&json!("odd.example:81"), &json!("HTTP/1.1"))
    );
    assert_eq!((&echo["tls"], &echo["wire_error"]), (&json!(null), &json!(null)));

    let seen = site.requests();
    assert_eq!(seen[0].target(), "/echo/a%20b?q=1&q=2&r=");
    assert_eq!(
        (seen[0].body.as_ref(), seen[0].header("user-agent")),
        (&b"k=v&k=w"[..], Some("me"))
    );
}

#[tokio::test]
async fn many_http1_requests_of_one_connection_are_told_apart() {
    let site = TestSite::start().await.unwrap();
    let client = http1_client(&site);
    for number in 0..20 {
        let url = site.https_url(&format!("/echo?n={number}"));
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("a"), Ok("b")]));
        let request = client.post(url).header(format!("x-{number}"), "1").body(body);
        let echo: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert!(names(&echo).contains(&format!("x-{number}").as_str()), "{echo}");
        assert_eq!((&echo["body"], &echo["wire_error"]), (&json!("ab"), &json!(null)));
        assert_eq!(
            (&echo["version"], &echo["scheme"]),
            (&json!("HTTP/1.1"), &json!("https"))
        );
    }
    assert_eq!(site.total_connections(), 1);
}

#[tokio::test]
async fn http2_headers_keep_their_order_and_the_opening_is_read() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    let fetches = (0..50).map(|number| {
        let request = client
            .post(site.https_url(&format!("/echo?n={number}")))
            .header("z-first", "1")
            .header("b-second", number.to_string())
            .header("a-third", "x".repeat(number * 100))
            .body("b".repeat(number * 1000));
        async move {
            (
                number,
                request.send().await.unwrap().json::<serde_json::Value>().await.unwrap(),
            )
        }
    });
    for (number, echo) in futures_util::future::join_all(fetches).await {
        let names = names(&echo);
        assert_eq!(&names[..3], ["z-first", "b-second", "a-third"], "{names:?}");
        assert_eq!(echo["headers"][1][1], number.to_string());
        assert_eq!(echo["wire_error"], json!(null));
        assert_eq!(echo["h2"]["pseudo_order"], "m,s,a,p");
        assert_eq!(echo["h2"]["akamai"], "2:0;4:2097152;5:16384;6:16384|5177345|0|m,s,a,p");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_were_taken_back_do_not_mix_up_the_others() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    client.get(site.https_url("/empty")).send().await.unwrap();
    let fetches: Vec<_> = (0..200)
        .map(|number| {
            let url = site.https_url(&format!("/echo?n={number}"));
            tokio::spawn(client.get(url).header("x-number", number.to_string()).send())
        })
        .collect();
    for (number, fetch) in fetches.into_iter().enumerate() {
        if number % 3 == 0 {
            fetch.abort();
        } else {
            fetch.await.unwrap().unwrap();
        }
    }
    let seen = site.requests_to("/echo");
    assert!(seen.len() >= 133, "{}", seen.len());
    for request in seen {
        assert_eq!(request.wire_error, None);
        assert_eq!(request.header("x-number"), request.param("n").as_deref());
    }
}

#[tokio::test]
async fn ja4_of_a_client_is_the_same_on_every_connection() {
    let site = TestSite::builder().tls_resumption(false).start().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let fingerprint = json(&client(&site), site.https_url("/fingerprint")).await;
        assert_eq!(fingerprint["tls"]["sni"], "localhost");
        assert_eq!(fingerprint["tls"]["alpn"], json!(["h2", "http/1.1"]));
        seen.push(fingerprint["tls"]["ja4"].as_str().unwrap().to_owned());
    }
    assert!(seen[0].starts_with("t13d") && seen[0].contains("h2_"), "{seen:?}");
    assert!(seen.iter().all(|ja4| *ja4 == seen[0]), "{seen:?}");
    let over_http1 = json(&http1_client(&site), site.https_url("/fingerprint")).await;
    assert!(over_http1["tls"]["ja4"].as_str().unwrap().contains("h1_"));
    assert_eq!(over_http1["h2"], json!(null));
}

#[tokio::test]
async fn only_a_client_with_a_certificate_gets_into_mtls() {
    let site = TestSite::start().await.unwrap();
    let welcome = client_with_identity(&site, site.client_identity_pem());
    assert_eq!(json(&welcome, site.mtls_url("/echo")).await["scheme"], "https");
    assert!(client(&site).get(site.mtls_url("/echo")).send().await.is_err());
    site.wait_until(|site| !site.handshake_errors().is_empty(), SOON)
        .await
        .unwrap();
    assert!(
        std::fs::read_to_string(site.client_identity_path())
            .unwrap()
            .contains("PRIVATE KEY")
    );
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_site_is_written_down() {
    let (site, other) = (TestSite::start().await.unwrap(), TestSite::start().await.unwrap());
    assert!(client(&other).get(site.https_url("/")).send().await.is_err());
    site.wait_until(|site| !site.handshake_errors().is_empty(), SOON)
        .await
        .unwrap();
    assert!(site.requests().is_empty());
}

#[tokio::test]
async fn without_recording_the_site_serves_and_remembers_nothing() {
    let site = TestSite::builder().record(false).start().await.unwrap();
    let client = builder(&site).build().unwrap();
    let page = client
        .get(site.https_url("/page/10k"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(page.len(), 10_240);
    let echo = json(&client, site.https_url("/echo")).await;
    assert_eq!((&echo["tls"], &echo["wire_error"]), (&json!(null), &json!(null)));
    assert!(site.requests().is_empty());
}
