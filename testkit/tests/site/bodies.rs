//! Bodies: sizes, encodings, compression, bombs.

use silkroute_testkit::site::{TestSite, known};

use crate::client::{builder, client, json};

#[tokio::test]
async fn bodies_have_the_size_they_say() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for length in [0, 1, 65_536, 1 << 20, (1 << 20) + 1, 5_000_000] {
        let response = client
            .get(site.https_url(&format!("/bytes/{length}")))
            .send()
            .await
            .unwrap();
        assert_eq!(response.content_length(), Some(length));
        assert_eq!(response.bytes().await.unwrap().len() as u64, length);
    }
    let page = client
        .get(site.http_url("/page/10k"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(page.len(), known::PAGE_10K_LENGTH);
    assert!(page.ends_with("</html>\n"));
    assert!(
        client
            .get(site.http_url("/empty"))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
            .is_empty()
    );
    let image = client
        .get(site.http_url("/image.png"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(image.starts_with(b"\x89PNG"));
    assert_eq!(
        json(&client, site.http_url("/json")).await["number"],
        known::JSON_NUMBER
    );
}

#[tokio::test]
async fn encoded_pages_hold_the_known_text() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for (name, encoding, text) in [
        ("utf-8", encoding_rs::UTF_8, known::UTF8_TEXT),
        ("bom", encoding_rs::UTF_8, known::UTF8_TEXT),
        ("none", encoding_rs::UTF_8, known::UTF8_TEXT),
        ("windows-1252", encoding_rs::WINDOWS_1252, known::WESTERN_TEXT),
        ("meta-http-equiv", encoding_rs::WINDOWS_1252, known::WESTERN_TEXT),
        ("shift_jis", encoding_rs::SHIFT_JIS, known::JAPANESE_TEXT),
        ("meta", encoding_rs::SHIFT_JIS, known::JAPANESE_TEXT),
        ("euc-jp", encoding_rs::EUC_JP, known::JAPANESE_TEXT),
        ("utf-16le", encoding_rs::UTF_16LE, known::UTF8_TEXT),
    ] {
        let url = site.http_url(&format!("/encoding/{name}"));
        let body = client.get(url).send().await.unwrap().bytes().await.unwrap();
        let (page, _, malformed) = encoding.decode(&body);
        assert!(page.contains(text) && !malformed, "{name}: {page}");
    }
}

#[tokio::test]
async fn compressed_bodies_open() {
    let site = TestSite::start().await.unwrap();
    let client = client(&site);
    for name in ["gzip", "br", "zstd", "deflate", "identity"] {
        assert_eq!(
            json(&client, site.http_url(&format!("/compressed/{name}"))).await["compressed"],
            name
        );
    }
    let broken = client.get(site.http_url("/gzip-broken")).send().await.unwrap();
    assert!(broken.text().await.is_err());
}

#[tokio::test]
async fn bombs_are_small_and_become_large() {
    let site = TestSite::start().await.unwrap();
    let (closed, open) = (
        builder(&site).no_gzip().no_brotli().no_zstd().build().unwrap(),
        client(&site),
    );
    for name in ["gzip", "br", "zstd"] {
        let url = site.http_url(&format!("/bomb/{name}?mb=3"));
        let wire = closed.get(url.clone()).send().await.unwrap().bytes().await.unwrap();
        assert!(wire.len() < 30_000, "{name}: {} bytes", wire.len());
        let body = open.get(url).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(body.len(), 3 << 20, "{name}");
    }
}
