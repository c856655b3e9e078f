//! How a browser is made to look: flags where there is one, commands to every page, frame and worker for the rest, and no
//! script anywhere.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use silkroute_browser::cdp::RawCommand;
use silkroute_browser::session::accepted_languages;
use silkroute_browser::{Headless, LaunchOptions, SessionSetup, TargetInfo, TargetKind};
use silkroute_core::identity::Browser;
use silkroute_core::{Identity, Result};

use crate::StealthConfig;
use crate::facts::{Facts, Hints};
use crate::fingerprint::Fingerprint;
use crate::flags;
use crate::kind::Variant;

/// Where a browser is, and whether it has a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Launched by us without one.
    None,
    /// Launched by us with one.
    Shown,
    /// Running elsewhere, where nobody knows.
    Elsewhere,
}

impl Window {
    pub(crate) fn of(config: &StealthConfig) -> Self {
        match (&config.cdp_url, config.headless) {
            (Some(_), _) => Self::Elsewhere,
            (None, Headless::Off) => Self::Shown,
            (None, _) => Self::None,
        }
    }
}

/// Everything that a browser of one variant says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Appearance {
    user_agent: String,
    hints: Hints,
    accept: Option<String>,
    /// What `navigator.languages` gives. Those of the identity are what `Accept-Language` has.
    languages: Vec<String>,
    /// Whether somebody chose the languages: otherwise scripts keep the browser's own locale.
    chosen_languages: bool,
    timezone: Option<String>,
    screen: (u32, u32),
    taskbar: u32,
    /// Whether the browser's own user agent must be replaced.
    replaces: bool,
    /// Whether the browser runs elsewhere, where no flag of ours reaches.
    elsewhere: bool,
    identity: Identity,
}

impl Appearance {
    /// # Errors
    /// A fingerprint that the browser cannot have.
    pub(crate) fn new(fingerprint: &Fingerprint, variant: &Variant, facts: &Facts, window: Window) -> Result<Self> {
        fingerprint.check_os(facts.os())?;
        let claim = fingerprint.claim(facts)?;
        let elsewhere = window == Window::Elsewhere;
        let mut identity = match claim {
            Some((browser, version)) => Identity::new(browser).version(version),
            None => Identity::new(facts.browser()).version(facts.version()),
        }
        .os(facts.os());
        let chosen = match &variant.locale {
            Some(locale) => Some(Identity::new(Browser::Chrome).locale(locale).languages),
            None => fingerprint.languages_or_none(),
        };
        let chosen_languages = chosen.is_some();
        let languages = chosen.unwrap_or_else(|| facts.languages.clone());
        // By command it asks for what it is told to the letter.
        identity.languages = match chosen_languages && elsewhere {
            true => languages.clone(),
            false => accepted_languages(&languages),
        };
        identity.check()?;
        identity.timezone = variant.timezone.clone().or_else(|| fingerprint.timezone.clone());
        let (user_agent, hints) = match claim {
            Some(_) => claimed(&identity, facts),
            None => (facts.user_agent.clone(), facts.hints.clone()),
        };
        let screen = fingerprint.screen();
        if window == Window::None {
            identity = identity.screen(screen.0, screen.1);
        }
        Ok(Self {
            user_agent,
            hints,
            accept: facts.accept.clone(),
            languages,
            chosen_languages,
            timezone: identity.timezone.clone(),
            screen,
            taskbar: fingerprint.taskbar(),
            replaces: claim.is_some() || window != Window::Shown,
            elsewhere,
            identity,
        })
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it says of itself what its identity says. A browser whose brand is unknown here says more.
    pub(crate) fn is_its_identity(&self) -> bool {
        let (identity, hints) = (&self.identity, &self.hints);
        identity.user_agent().as_ref() == Some(&self.user_agent)
            && identity.sec_ch_ua() == Some(hints.sec_ch_ua())
            && identity.sec_ch_ua_platform() == format!("\"{}\"", hints.platform)
            && identity.is_mobile() == hints.mobile
    }

    pub(crate) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The time zone that somebody chose.
    pub(crate) fn timezone(&self) -> Option<&str> {
        self.timezone.as_deref()
    }

    /// What the browser is launched with.
    pub(crate) fn launch(&self, variant: &Variant, launch: &mut LaunchOptions) {
        launch.disable_non_proxied_udp |= variant.block_webrtc;
        // Without it there are no plugins, as nowhere else.
        launch.pdf_viewer = true;
        let mut add = |flags: &[silkroute_browser::launch::Flag]| {
            launch.extra_flags.extend(flags.iter().map(|flag| flag.flag.to_owned()));
        };
        add(flags::ALWAYS);
        if !variant.allow_webgl {
            add(flags::NO_WEBGL);
        }
        if launch.headless == Headless::Off {
            if self.replaces {
                launch.user_agent = Some(self.user_agent.clone());
            }
        } else {
            add(flags::HEADLESS);
            launch.user_agent = Some(self.user_agent.clone());
            let (width, height) = self.screen;
            // One that somebody chose was compared with what is free when the session was built.
            if launch.window_size == LaunchOptions::default().window_size {
                launch.window_size = (width, height.saturating_sub(self.taskbar));
            }
            launch.extra_flags.push(format!(
                "--screen-info={{{width}x{height} workAreaBottom={}}}",
                self.taskbar
            ));
            launch.extra_flags.push("--window-position=0,0".to_owned());
        }
        if self.chosen_languages {
            launch.accept_language = Some(self.languages.join(","));
        }
        if let Some(zone) = &self.timezone {
            launch.env.push(("TZ".to_owned(), zone.clone()));
        }
    }

    /// What every page, frame and worker is told before it runs. The flag for the user agent blanks the client hints, which
    /// these bring back.
    pub(crate) fn setup(&self) -> Arc<dyn SessionSetup> {
        let mut agent = json!({"userAgent": self.user_agent, "userAgentMetadata": self.hints.metadata()});
        // Set in this way, `Accept-Language` stands in a place where no browser has it. A flag leaves it where it belongs.
        if self.chosen_languages && self.elsewhere {
            agent["acceptLanguage"] = self.languages.join(",").into();
        }
        let agent = self.replaces.then_some(agent);
        let locale = self.chosen_languages.then(|| self.languages[0].clone());
        Arc::new(move |target: &TargetInfo| {
            let mut commands = Vec::new();
            let mut tell = |method: &'static str, params: serde_json::Value| match RawCommand::new(method, params) {
                Ok(command) => commands.push(command),
                Err(error) => tracing::warn!(%error, "a target is not told all that it should be"),
            };
            match target.kind() {
                TargetKind::Page | TargetKind::Frame => {
                    if let Some(agent) = &agent {
                        tell("Emulation.setUserAgentOverride", agent.clone());
                    }
                    if let Some(locale) = &locale {
                        tell("Emulation.setLocaleOverride", json!({"locale": locale}));
                    }
                }
                TargetKind::Worker | TargetKind::SharedWorker | TargetKind::ServiceWorker => {
                    if let Some(agent) = &agent {
                        tell("Network.setUserAgentOverride", agent.clone());
                    }
                }
                _ => {}
            }
            commands
        })
    }

    /// What the browser sends of itself with a navigation to a secure origin.
    pub(crate) fn headers(&self) -> HeaderMap {
        let values = [
            ("sec-ch-ua", self.hints.sec_ch_ua()),
            (
                "sec-ch-ua-mobile",
                if self.hints.mobile { "?1" } else { "?0" }.to_owned(),
            ),
            ("sec-ch-ua-platform", format!("\"{}\"", self.hints.platform)),
            ("user-agent", self.user_agent.clone()),
            ("accept-language", self.identity.accept_language()),
        ];
        let accept = self.accept.clone().map(|accept| ("accept", accept));
        let pairs = values.into_iter().chain(accept).filter_map(|(name, value)| {
            // All of it came out of headers.
            Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
        });
        pairs.collect()
    }
}

/// The user agent and the client hints of a browser that is not the installed one.
fn claimed(identity: &Identity, facts: &Facts) -> (String, Hints) {
    let user_agent = identity.user_agent().unwrap_or_else(|| facts.user_agent.clone());
    (user_agent, facts.hints.claiming(identity))
}

#[cfg(test)]
mod tests {
    use silkroute_core::identity::Os;

    use super::*;
    use crate::GivesWay;
    use crate::facts::Brand;

    fn appearance(fingerprint: &Fingerprint) -> Appearance {
        Appearance::new(fingerprint, &Variant::default(), &Facts::for_tests(156), Window::None).unwrap()
    }

    fn commands(appearance: &Appearance, kind: &str) -> String {
        let target = TargetInfo {
            r#type: kind.to_owned(),
            ..TargetInfo::default()
        };
        let commands = appearance.setup().commands(&target);
        format!("{commands:?}")
    }

    #[test]
    fn nothing_is_claimed_that_the_browser_is_not() {
        let plain = appearance(&Fingerprint::default());
        assert_eq!(
            plain.headers()["sec-ch-ua"],
            r#""Not:A-Brand";v="8", "Chromium";v="156""#
        );
        assert!(plain.user_agent.contains("Chrome/156.0.0.0"));
        assert_eq!(plain.identity().name().to_string(), "chromium156");
        assert!(plain.is_its_identity());
        let mut of_a_maker_unknown_here = Facts::for_tests(156);
        of_a_maker_unknown_here.hints.brands.push(Brand {
            brand: "Another".to_owned(),
            version: "156".to_owned(),
        });
        let fingerprint = Fingerprint::default();
        let other = Appearance::new(
            &fingerprint,
            &Variant::default(),
            &of_a_maker_unknown_here,
            Window::None,
        );
        assert!(!other.unwrap().is_its_identity());
        for kind in ["page", "iframe"] {
            assert!(
                commands(&plain, kind).contains("Emulation.setUserAgentOverride"),
                "{kind}"
            );
            assert!(!commands(&plain, kind).contains("Locale"), "{kind}");
        }
        for kind in ["worker", "shared_worker", "service_worker"] {
            assert!(
                commands(&plain, kind).contains("Network.setUserAgentOverride"),
                "{kind}"
            );
        }
    }

    #[test]
    fn an_identity_is_claimed_in_header_and_hints_alike() {
        let identity = Identity::from_name("chrome149").unwrap();
        let fingerprint = Fingerprint {
            gives_way: GivesWay::Browser,
            ..Fingerprint::from(&identity)
        };
        let claimed = appearance(&fingerprint);
        assert_eq!(
            claimed.headers()["sec-ch-ua"].to_str().ok(),
            identity.sec_ch_ua().as_deref()
        );
        assert_eq!(Some(claimed.user_agent.as_str()), identity.user_agent().as_deref());
        assert!(commands(&claimed, "page").contains("Google Chrome"));
    }

    #[test]
    fn what_nobody_chose_is_the_browsers_own_wherever_it_runs() {
        let mut facts = Facts::for_tests(156);
        facts.hints.platform = "Windows".to_owned();
        facts.languages = vec!["de-DE".to_owned(), "de".to_owned()];
        let wanted = Fingerprint {
            os: Some(Os::Windows),
            browser: Some(Browser::Edge),
            gives_way: GivesWay::Identity,
            ..Fingerprint::default()
        };
        let look =
            |fingerprint: &Fingerprint| Appearance::new(fingerprint, &Variant::default(), &facts, Window::Elsewhere);
        let there = look(&wanted).unwrap();
        assert_eq!(
            (there.identity.os, there.identity.browser),
            (Os::Windows, Browser::Chromium)
        );
        assert_eq!(there.headers()["accept-language"], "de-DE,de;q=0.9");
        assert!(!commands(&there, "page").contains("acceptLanguage"), "nobody chose it");
        let linux = Fingerprint {
            os: Some(Os::Linux),
            ..Fingerprint::default()
        };
        let told = look(&linux).unwrap_err().to_string();
        assert!(
            told.contains("fingerprint.os") && told.contains("runs on windows"),
            "{told}"
        );
    }

    #[test]
    fn a_window_that_nobody_chose_is_all_that_its_screen_has_free() {
        let on = |width, height, mut launch: LaunchOptions| {
            let screen = Fingerprint {
                screen: Some(silkroute_core::identity::Screen { width, height }),
                ..Fingerprint::default()
            };
            appearance(&screen).launch(&Variant::default(), &mut launch);
            launch.window_size
        };
        for (width, height) in [(2560, 1440), (1280, 720)] {
            assert_eq!(on(width, height, LaunchOptions::default()), (width, height - 40));
        }
        let chosen = LaunchOptions {
            window_size: (1600, 900),
            ..LaunchOptions::default()
        };
        assert_eq!(on(2560, 1440, chosen), (1600, 900));
    }

    #[test]
    fn windows_fit_their_screen_and_variants_have_their_flags() {
        let mut launch = LaunchOptions::default();
        let variant = Variant {
            block_webrtc: true,
            allow_webgl: false,
            ..Variant::default()
        };
        let zone = Fingerprint {
            timezone: Some("Asia/Tokyo".into()),
            ..Fingerprint::default()
        };
        Appearance::new(&zone, &variant, &Facts::for_tests(156), Window::None)
            .unwrap()
            .launch(&variant, &mut launch);
        assert_eq!(launch.window_size, (1920, 1040));
        assert!(launch.disable_non_proxied_udp);
        assert!(launch.env.contains(&("TZ".to_owned(), "Asia/Tokyo".to_owned())));
        let flags = launch.extra_flags.join(" ");
        for flag in ["workAreaBottom=40", "disable-3d-apis", "AutomationControlled"] {
            assert!(flags.contains(flag), "{flag} is not among {flags}");
        }
    }

    #[test]
    fn a_browser_with_a_window_keeps_its_own_words() {
        let window = Appearance::new(
            &Fingerprint::default(),
            &Variant::default(),
            &Facts::for_tests(156),
            Window::Shown,
        )
        .unwrap();
        assert!(!commands(&window, "page").contains("UserAgent"));
    }
}
