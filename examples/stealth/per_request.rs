//! Options of one request: what a browser must be launched with runs in a browser of its own, and the rest in the session's.

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::stealth::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let manager = SessionManager::new();
    manager.add("stealth", StealthSession::new())?;
    manager
        .run(async |manager| {
            let echo = site.http_url("/echo");
            let asked = |name: &'static str, options| {
                let request = Fetch::get(echo.as_str()).and_then(|request| request.with(options));
                async move {
                    let response = manager.fetch(request?).await?;
                    let echo: serde_json::Value = response.json()?;
                    let header = |name: &str| {
                        let headers = echo["headers"].as_array().cloned().unwrap_or_default();
                        let found = headers
                            .into_iter()
                            .find(|pair| pair[0].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name)));
                        found.map_or_else(|| "none".to_owned(), |pair| pair[1].to_string())
                    };
                    println!(
                        "{name}: languages {}, referer {}",
                        header("accept-language"),
                        header("referer")
                    );
                    Ok::<_, silkroute::Error>(())
                }
            };
            asked("as the session is", StealthOptions::default()).await?;
            let search = StealthOptions {
                google_search: Some(true),
                ..StealthOptions::default()
            };
            asked("from a search", search).await?;
            let berlin = StealthOptions {
                locale: Some("de-DE".into()),
                timezone_id: Some("Europe/Berlin".into()),
                block_webrtc: Some(true),
                ..StealthOptions::default()
            };
            asked("in a browser of its own", berlin).await
        })
        .await?;
    site.close().await;
    Ok(())
}
