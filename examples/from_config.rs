//! Sessions from a configuration file, by kind name.

use std::error::Error;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("sessions.toml");
    std::fs::write(
        &file,
        format!(
            r#"
            [sessions.fast]
            kind = "http"
            timeout = "10s"
            ca_certificate = '''{ca}'''

            [sessions.mobile]
            kind = "http"
            lazy = true
            impersonate = "chrome_android"
            ca_certificate = '''{ca}'''
            "#,
            ca = site.ca_pem()
        ),
    )?;

    let manager = silkroute::from_config_file(&file)?;
    println!(
        "sessions: {}, default: {}",
        manager.session_ids().join(", "),
        manager.default_session_id()?
    );
    manager
        .run(async |manager| {
            for id in manager.session_ids() {
                let echo = manager
                    .fetch(Fetch::get(site.https_url("/headers").as_str())?.session(&id))
                    .await?;
                println!(
                    "{id}: {}",
                    echo.request().map_or("?", |request| request.parts().url.path())
                );
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;

    std::fs::write(&file, "[sessions.fast]\nkind = \"http\"\ntimeuot = \"10s\"\n")?;
    if let Err(error) = silkroute::from_config_file(&file) {
        println!("\na misspelt field is told with its place:\n{error}");
    }
    site.close().await;
    Ok(())
}
