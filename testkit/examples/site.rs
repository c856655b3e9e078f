//! Serves the test site until Ctrl-C: `cargo run -p silkroute-testkit --example site`.

use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let site = TestSite::builder().http_port(8080).https_port(8443).start().await?;
    println!(
        "{}\n{}\n{}",
        site.http_url("/"),
        site.https_url("/"),
        site.mtls_url("/")
    );
    println!("authority {}", site.ca_path().display());
    println!("proxies {} {}", site.proxy().url_http(), site.proxy().url_socks5h());
    site.run_until(tokio::signal::ctrl_c()).await
}
