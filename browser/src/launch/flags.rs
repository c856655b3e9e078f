//! The command line, as data: every flag with its reason.

use std::path::Path;

use super::options::{Headless, LaunchOptions};

/// A flag and why it is there.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// The flag, with its dashes and its value.
    pub flag: &'static str,
    /// Why.
    pub reason: &'static str,
}

const fn flag(flag: &'static str, reason: &'static str) -> Flag {
    Flag { flag, reason }
}

/// What every browser is started with, unless
/// [`ignore_default_flags`](LaunchOptions::ignore_default_flags) says otherwise. What the options ask for comes on top.
pub const DEFAULT_FLAGS: &[Flag] = &[
    flag(
        "--remote-debugging-pipe",
        "no TCP port that other programs could use; the browser ends when the pipe does",
    ),
    flag(
        "--no-startup-window",
        "the first window would load a start page and cost some 180 MiB",
    ),
    flag(
        "--no-first-run",
        "no welcome pages and no import of other browsers' data",
    ),
    flag("--no-default-browser-check", "no question about it"),
    flag(
        "--disable-search-engine-choice-screen",
        "no question about it in Europe",
    ),
    flag("--disable-default-apps", "nothing is installed into a fresh profile"),
    flag("--disable-component-update", "no downloads of its own"),
    flag(
        "--disable-background-networking",
        "no traffic of its own: only what the pages ask for",
    ),
    flag("--disable-sync", "no traffic to account services"),
    flag(
        "--gaia-url=http://127.0.0.1:1",
        "the same for the question who is signed in: no browser connects to this port",
    ),
    flag(
        "--component-updater=url-source=http://127.0.0.1:1/",
        "the same for components that other parts of the browser ask for",
    ),
    flag("--disable-domain-reliability", "no reports about sites to Google"),
    flag(
        "--disable-client-side-phishing-detection",
        "no model downloads, no scoring of pages",
    ),
    flag("--no-pings", "no audit pings for links"),
    flag("--metrics-recording-only", "no usage reports"),
    flag(
        "--disable-breakpad",
        "no crash handler that outlives the browser, no dumps",
    ),
    flag("--disable-crash-reporter", "the same"),
    flag("--disable-field-trial-config", "no experiments: two runs behave alike"),
    flag("--password-store=basic", "no waiting for the desktop's keyring"),
    flag("--use-mock-keychain", "the same on macOS"),
    flag(
        "--disable-background-timer-throttling",
        "tabs in the background work as those in front",
    ),
    flag(
        "--disable-backgrounding-occluded-windows",
        "the same for covered windows",
    ),
    flag(
        "--disable-renderer-backgrounding",
        "the same for the priority of processes",
    ),
    flag(
        "--disable-hang-monitor",
        "no dialog about a page that does not respond: our deadlines see to it",
    ),
    flag("--disable-prompt-on-repost", "no question when a form is sent again"),
    flag(
        "--disable-ipc-flooding-protection",
        "no throttling of pages that change their history often",
    ),
    flag("--mute-audio", "a page that plays sound does it in silence"),
    flag(
        "--disable-features=BackForwardCache,CertificateTransparencyComponentUpdater,DestroyProfileOnBrowserClose,\
         DialMediaRouteProvider,HttpsUpgrades,InterestFeedContentSuggestions,MediaRouter,NetworkTimeServiceQuerying,\
         OptimizationHints,Prerender2,RenderDocument,Translate,WebUIOmniboxAimPopup,WebUIOmniboxPopup",
        "pages that were left are gone, http stays http, no pages loaded on suspicion, no new host for each document of a frame \
         (a third of the pages a second), no traffic and no bars of its own, no two processes for each window's address field",
    ),
];

/// Flags whose values are lists. Chromium takes only the last of a flag, so that lists must be joined.
const LISTS: [&str; 5] = [
    "--blink-settings",
    "--disable-features",
    "--enable-features",
    "--disable-blink-features",
    "--enable-blink-features",
];

/// Below this a full `/dev/shm`, common in containers, crashes renderers.
const SMALL_SHM: u64 = 256 << 20;

/// All arguments of the browser.
pub(super) fn command_line(options: &LaunchOptions, profile: &Path) -> Vec<String> {
    let ignored: Vec<&str> = options
        .ignore_default_flags
        .iter()
        .map(|flag| flag_name(flag))
        .collect();
    let mut line: Vec<String> = DEFAULT_FLAGS
        .iter()
        .filter(|known| !ignored.contains(&flag_name(known.flag)))
        .map(|known| known.flag.to_owned())
        .collect();
    let (width, height) = options.window_size;
    line.push(format!("--window-size={width},{height}"));
    if options.headless == Headless::New {
        line.push("--headless=new".to_owned());
    }
    if !options.sandbox.unwrap_or_else(|| !rustix::process::geteuid().is_root()) {
        line.push("--no-sandbox".to_owned());
    }
    if shared_memory_is_small() {
        line.push("--disable-dev-shm-usage".to_owned());
    }
    if let Some(proxy) = &options.proxy {
        line.push(format!("--proxy-server={}", proxy_server(proxy)));
        // Without it Chromium goes to this machine past the proxy.
        line.push("--proxy-bypass-list=<-loopback>".to_owned());
    }
    if options.keeps_udp_in() {
        // The second is the first one's name in the headless shell.
        for flag in ["--webrtc-ip-handling-policy", "--force-webrtc-ip-handling-policy"] {
            line.push(format!("{flag}=disable_non_proxied_udp"));
        }
    }
    if let Some(user_agent) = &options.user_agent {
        line.push(format!("--user-agent={user_agent}"));
    }
    if let Some(languages) = &options.accept_language {
        line.push(format!("--accept-lang={languages}"));
    }
    if options.ignore_https_errors {
        line.push("--ignore-certificate-errors".to_owned());
    }
    line.extend(options.extra_flags.iter().cloned());
    // Last, so that no extra flag takes the profile elsewhere.
    line.push(format!("--user-data-dir={}", profile.display()));
    joined(line)
}

/// The proxy in Chromium's words, which have no credentials and one kind of SOCKS 5: names go to the proxy.
pub(crate) fn proxy_server(proxy: &silkroute_core::Proxy) -> String {
    let scheme = match proxy.scheme().as_str() {
        "socks5h" => "socks5",
        other => other,
    };
    format!("{scheme}://{}:{}", proxy.host(), proxy.port())
}

/// The name of a flag, without its dashes and its value.
///
/// ```
/// assert_eq!(silkroute_browser::launch::flag_name("--window-size=800,600"), "window-size");
/// ```
pub fn flag_name(flag: &str) -> &str {
    let flag = flag.split_once('=').map_or(flag, |(name, _)| name);
    flag.trim_start_matches('-')
}

/// Lists joined, and of every other flag the last.
fn joined(line: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(line.len());
    for flag in line {
        let known = joined.iter_mut().find(|known| flag_name(known) == flag_name(&flag));
        match known {
            None => joined.push(flag),
            Some(known) if LISTS.iter().any(|list| flag_name(list) == flag_name(&flag)) => {
                if let Some((_, more)) = flag.split_once('=') {
                    known.push(',');
                    known.push_str(more);
                }
            }
            Some(known) => *known = flag,
        }
    }
    joined
}

#[cfg(target_os = "linux")]
fn shared_memory_is_small() -> bool {
    rustix::fs::statvfs("/dev/shm").map_or(true, |shm| shm.f_blocks.saturating_mul(shm.f_frsize) < SMALL_SHM)
}

#[cfg(not(target_os = "linux"))]
fn shared_memory_is_small() -> bool {
    let _ = SMALL_SHM;
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(options: &LaunchOptions) -> Vec<String> {
        command_line(options, Path::new("profile"))
    }

    #[test]
    fn feature_lists_are_joined_and_other_flags_replaced() {
        let options = LaunchOptions {
            extra_flags: vec!["--disable-features=Mine".into(), "--password-store=gnome".into()],
            ..LaunchOptions::default()
        };
        let line = line(&options);
        let features: Vec<_> = line
            .iter()
            .filter(|flag| flag.starts_with("--disable-features"))
            .collect();
        assert_eq!(features.len(), 1);
        assert!(
            features[0].contains("Translate") && features[0].ends_with(",Mine"),
            "{features:?}"
        );
        assert!(line.contains(&"--password-store=gnome".to_owned()));
        assert!(!line.contains(&"--password-store=basic".to_owned()));
    }

    #[test]
    fn settings_of_the_engine_are_joined_the_later_ones_last() {
        let options = LaunchOptions {
            extra_flags: vec!["--blink-settings=a=1,b=2".into(), "--blink-settings=b=3".into()],
            ..LaunchOptions::default()
        };
        assert!(line(&options).contains(&"--blink-settings=a=1,b=2,b=3".to_owned()));
    }

    #[test]
    fn a_default_flag_can_be_left_out_by_any_spelling() {
        for spelling in ["--mute-audio", "mute-audio", "--mute-audio=1"] {
            let options = LaunchOptions {
                ignore_default_flags: vec![spelling.to_owned()],
                ..LaunchOptions::default()
            };
            assert!(!line(&options).contains(&"--mute-audio".to_owned()), "{spelling}");
        }
    }

    #[test]
    fn credentials_of_a_proxy_never_reach_the_command_line() {
        let proxy = "socks5h://user:secret@proxy.test:1081".parse().unwrap();
        let options = LaunchOptions {
            proxy: Some(proxy),
            ..LaunchOptions::default()
        };
        let line = line(&options).join(" ");
        assert!(line.contains("--proxy-server=socks5://proxy.test:1081"), "{line}");
        assert!(!line.contains("secret"));
    }

    #[test]
    fn every_flag_has_a_reason_and_stands_once() {
        for (index, known) in DEFAULT_FLAGS.iter().enumerate() {
            assert!(known.flag.starts_with("--") && known.reason.len() > 3, "{known:?}");
            assert!(
                !DEFAULT_FLAGS[..index]
                    .iter()
                    .any(|other| flag_name(other.flag) == flag_name(known.flag)),
                "{known:?}"
            );
        }
    }
}
