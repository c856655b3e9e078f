//! Replays a recorded shop, by a kind that is known to the manager by its name alone. Runs offline.
//!
//! ```text
//! cargo run -p silkroute-session-archive --example replay
//! ```

use silkroute_core::{Fetch, Registry, RequestExt, Result};
use silkroute_manager::{ManagerConfig, SessionManager};
use silkroute_session_archive::{ArchiveOptions, ArchiveResponse};

#[tokio::main]
async fn main() -> Result<()> {
    // The configuration names its archive from the folder of this package.
    let here = env!("CARGO_MANIFEST_DIR");
    std::env::set_current_dir(here).map_err(|error| silkroute_core::Error::invalid("the package's folder", error))?;

    let registry = Registry::discover()?;
    for kind in registry.kinds() {
        println!(
            "{}: {} ({} {})",
            kind.kind(),
            kind.summary(),
            kind.package(),
            kind.version()
        );
    }

    let config = ManagerConfig::read("fixtures/silkroute.toml")?;
    let manager = SessionManager::from_config(&config, &registry)?;
    manager
        .run(async |manager| {
            let page = manager.fetch(Fetch::get("https://shop.test/")?).await?;
            println!("{} {} after {:?}", page.status(), page.url(), page.history());
            println!("{}", page.text());

            let newer = ArchiveOptions::default().recording(1);
            let price = manager
                .fetch(Fetch::get("https://shop.test/price")?.with(newer)?)
                .await?;
            if let Some(recorded) = price.downcast_ref::<ArchiveResponse>() {
                println!("{}, recorded at {}", price.text(), recorded.recorded_at());
            }

            let slow = manager
                .fetch(Fetch::get("https://shop.test/list?page=2")?.session("slow-shop"))
                .await?;
            println!("{} took {:?}", slow.url(), slow.timing().total);

            if let Err(error) = manager.fetch(Fetch::get("https://shop.test/list?page=3")?).await {
                println!("{error}");
            }
            Ok(())
        })
        .await
}
