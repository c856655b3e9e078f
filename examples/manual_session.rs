//! A session without a manager: start it, fetch, close it.

use std::error::Error;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let mut session = HttpSession::builder().ca_certificate(site.ca_pem()).build()?;

    session.start().await?;
    let request = Fetch::get(site.https_url("/redirect/3").as_str())?.meta("why", "to see the way");
    let response = session.fetch(&request).await?;
    for hop in response.history() {
        println!("{} {}", hop.status, hop.url);
    }
    println!(
        "{} {} after {} redirects",
        response.status(),
        response.url(),
        response.history().len()
    );
    if let Some(http) = response.downcast_ref::<HttpResponse>() {
        println!("over {:?}", http.version);
    }
    session.close().await?;

    if let Err(error) = session.fetch(&request).await {
        println!("\nclosed: {error}");
    }
    site.close().await;
    Ok(())
}
