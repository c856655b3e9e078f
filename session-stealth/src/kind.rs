//! What this kind adds to what all browser sessions share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_browser::session::{Arrival, Arrived, BrowserKind, BrowserKindConfig as _, BrowserOptions as _};
use silkroute_browser::{Browser, Deadline, Error, LaunchOptions, Result, SessionSetup, Setup, TabOptions, WaitUntil};
use silkroute_core::{ExpectedIdentity, FetchError, Identity, async_trait};

use crate::appearance::{Appearance, Window};
use crate::challenge::{self, ChallengeSolver, Limits};
use crate::expected::Expected;
use crate::facts::{self, Facts};
use crate::fingerprint;
use crate::{Fingerprint, StealthConfig, StealthOptions};

/// What comes of a challenge that was not passed. Where challenges are not to be solved it is the response, either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnChallenge {
    /// An error of the kind `challenge`, where challenges are to be solved.
    #[default]
    Error,
    /// The challenge itself as the response, with [`ChallengeOutcome::Failed`](crate::ChallengeOutcome::Failed) on it and with
    /// its own status, which is 200 for a widget within a page. Its [`blocked`](silkroute_core::ResponseParts::blocked) names the
    /// kind of challenge: spiders, pools and caches take it for no page.
    Response,
}

/// What tells the browsers of a session apart: what takes effect only at a launch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub(crate) block_webrtc: bool,
    pub(crate) allow_webgl: bool,
    pub(crate) locale: Option<String>,
    pub(crate) timezone: Option<String>,
}

impl Default for Variant {
    fn default() -> Self {
        Self {
            block_webrtc: false,
            allow_webgl: true,
            locale: None,
            timezone: None,
        }
    }
}

/// The kind's own part of a session's settings.
pub(crate) struct Stealth {
    fingerprint: Fingerprint,
    own: Variant,
    /// Whether its browsers are launched to send nothing past a proxy.
    proxied: bool,
    solve: bool,
    on_challenge: OnChallenge,
    limits: Limits,
    wait_until: WaitUntil,
    window: Window,
    /// Whether its pages are in a context of their own, apart from the browser's.
    apart: bool,
    /// Whether its profile may be one that somebody set to other languages.
    keeps_profile: bool,
    solvers: Vec<Arc<dyn ChallengeSolver>>,
    /// What the installed browser says of itself, once one was launched.
    facts: Mutex<Option<Arc<Facts>>>,
    /// How the session's own browser looks, once it has started.
    appearance: Mutex<Option<Appearance>>,
}

impl fmt::Debug for Stealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let solvers: Vec<_> = self.solvers.iter().map(|solver| solver.name()).collect();
        f.debug_struct("Stealth")
            .field("fingerprint", &self.fingerprint)
            .field("solve_challenge", &self.solve)
            .field("solvers", &solvers)
            .finish_non_exhaustive()
    }
}

impl Stealth {
    pub(crate) fn new(config: &StealthConfig, solvers: Vec<Arc<dyn ChallengeSolver>>) -> Self {
        let proxied = config.browser().is_launched_for_proxies();
        Self {
            fingerprint: config.fingerprint.clone(),
            own: Variant {
                block_webrtc: config.block_webrtc || proxied,
                allow_webgl: config.allow_webgl,
                locale: None,
                timezone: None,
            },
            proxied,
            solve: config.solve_challenge,
            on_challenge: config.on_challenge,
            limits: Limits {
                attempts: config.challenge_attempts,
                time: config.challenge_timeout,
            },
            wait_until: config.wait_until,
            window: Window::of(config),
            apart: config.cdp_url.is_some() && !config.cdp_default_context,
            keeps_profile: config.cdp_url.is_none() && config.user_data_dir.is_some(),
            solvers,
            facts: Mutex::default(),
            appearance: Mutex::default(),
        }
    }

    /// How the session's own browser looks, once it has started.
    pub(crate) fn appearance(&self) -> Option<Appearance> {
        self.appearance.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.appearance().map(|appearance| appearance.identity().clone())
    }

    fn installed(&self) -> Result<Arc<Facts>> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        facts.ok_or_else(|| Error::Invalid {
            what: "the browser".to_owned(),
            reason: "it was not launched by this session".to_owned(),
        })
    }

    fn look(&self, variant: &Variant, facts: &Facts) -> Result<Appearance> {
        Appearance::new(&self.fingerprint, variant, facts, self.window).map_err(|error| Error::Invalid {
            what: "the fingerprint".to_owned(),
            reason: error.to_string(),
        })
    }
}

/// What the kind knows of a browser that runs.
pub(crate) struct Running {
    setup: Arc<dyn SessionSetup>,
}

#[async_trait]
impl BrowserKind for Stealth {
    type Options = StealthOptions;
    type Variant = Variant;
    type Running = Running;

    fn variant(&self, options: &StealthOptions) -> Variant {
        let asked = |own: &Option<String>, chosen: Option<&String>, asked: &Option<String>| match asked {
            // What the session has anyhow needs no browser of its own.
            Some(value) if Some(value) == chosen => own.clone(),
            Some(value) => Some(value.clone()),
            None => own.clone(),
        };
        Variant {
            block_webrtc: self.proxied || options.block_webrtc.unwrap_or(self.own.block_webrtc),
            allow_webgl: options.allow_webgl.unwrap_or(self.own.allow_webgl),
            locale: asked(&self.own.locale, self.fingerprint.locale.as_ref(), &options.locale),
            timezone: asked(
                &self.own.timezone,
                self.fingerprint.timezone.as_ref(),
                &options.timezone_id,
            ),
        }
    }

    async fn launch(&self, variant: &Variant, launch: &mut LaunchOptions, deadline: Deadline) -> Result<()> {
        if *variant != self.own && launch.user_data_dir.is_some() {
            return Err(Error::Invalid {
                what: "block_webrtc, allow_webgl, locale or timezone_id".to_owned(),
                reason:
                    "for one request they take a second browser, and two cannot share `user_data_dir`; set them for \
                         the session"
                        .to_owned(),
            });
        }
        if let Some(zone) = variant.timezone.as_deref().filter(|zone| !fingerprint::is_zone(zone)) {
            return Err(no_zone(zone));
        }
        let facts = facts::of_installed(launch, deadline).await?;
        self.look(variant, &facts)?.launch(variant, launch);
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
        Ok(())
    }

    async fn running(&self, variant: &Variant, browser: &Browser, deadline: Deadline) -> Result<Running> {
        let facts = if self.window == Window::Elsewhere {
            if *variant != self.own {
                return Err(Error::Invalid {
                    what: "block_webrtc, allow_webgl, locale or timezone_id".to_owned(),
                    reason: "they take effect when a browser is launched, and the one at `cdp_url` runs already"
                        .to_owned(),
                });
            }
            Arc::new(facts::of_running(browser, self.apart, deadline).await?)
        } else {
            self.installed()?
        };
        let chosen = variant.locale.is_some() || self.fingerprint.languages_or_none().is_some();
        let facts = match self.keeps_profile && !chosen {
            true => Arc::new(facts.in_profile(browser, deadline).await?),
            false => facts,
        };
        let appearance = self.look(variant, &facts)?;
        if let Some(zone) = appearance.timezone()
            && !facts::keeps_time_of(zone, browser, deadline).await?
        {
            return Err(no_zone(zone));
        }
        let setup = appearance.setup();
        if *variant == self.own {
            *self.appearance.lock().unwrap_or_else(PoisonError::into_inner) = Some(appearance);
        }
        Ok(Running { setup })
    }

    fn context_setup(&self, running: &Running) -> Setup {
        Some(Arc::clone(&running.setup))
    }

    fn tab(&self, running: &Running, options: &StealthOptions, tab: &mut TabOptions) -> Result<()> {
        let page = options.page();
        let refuse = |what: &str, reason: &str| {
            Err(Error::Invalid {
                what: format!("{what} of a stealth session"),
                reason: reason.to_owned(),
            })
        };
        if page.user_agent.is_some() {
            return refuse("user_agent", USER_AGENT);
        }
        if tab.extra_headers.contains_key(http::header::USER_AGENT) {
            return refuse("the extra header user-agent", USER_AGENT);
        }
        if page.viewport.is_some() {
            return refuse("viewport", VIEWPORT);
        }
        if options.hide_canvas == Some(true) {
            return refuse("hide_canvas", HIDE_CANVAS);
        }
        // The browser has them from its launch, in all its workers too.
        tab.user_agent = None;
        tab.locale = None;
        tab.timezone_id = None;
        tab.setup = Some(Arc::clone(&running.setup));
        Ok(())
    }

    fn user_agent(&self) -> Option<String> {
        self.appearance().map(|appearance| appearance.user_agent().to_owned())
    }

    fn identity(&self) -> Option<Identity> {
        let appearance = self.appearance()?;
        appearance.is_its_identity().then(|| appearance.identity().clone())
    }

    fn expected_identity(&self, launch: LaunchOptions) -> ExpectedIdentity {
        let expected = Expected {
            fingerprint: self.fingerprint.clone(),
            variant: self.own.clone(),
            window: self.window,
            keeps_profile: self.keeps_profile,
        };
        Box::pin(expected.identity(launch))
    }

    async fn arrived(&self, arrival: Arrival<'_, Self>) -> Result<Arrived, FetchError> {
        let solve = arrival.options.solve_challenge.unwrap_or(self.solve);
        let on_challenge = arrival.options.on_challenge.unwrap_or(self.on_challenge);
        let wait_until = arrival.options.wait_until.unwrap_or(self.wait_until);
        let solving = challenge::Solving {
            solvers: &self.solvers,
            limits: self.limits,
            solve,
            wait_until,
            deadline: arrival.deadline,
        };
        let arrived = solving.run(arrival.tab, arrival.document).await?;
        challenge::judged(arrived, solve && on_challenge == OnChallenge::Error)
    }
}

fn no_zone(zone: &str) -> Error {
    Error::Invalid {
        what: format!("the time zone `{}`", zone.escape_debug()),
        reason: "the browser knows none of that name; write it as the time zone database does, such as Europe/Berlin"
            .to_owned(),
    }
}

pub(crate) const USER_AGENT: &str = "workers and client hints would still say the browser's own; `fingerprint` sets all of \
                                     them, or leave it out";
pub(crate) const VIEWPORT: &str = "a page that is not the size of its window is noticed; set the screen in `fingerprint`, \
                                   or `window_size`";
pub(crate) const HIDE_CANVAS: &str = "this browser has no noise of its own to put into a canvas, and noise that a script \
                                      puts there is found out as such. Leave it out: what a canvas shows is what all \
                                      machines with these fonts and this browser show";

/// The least that a challenge may be given.
pub(crate) const SHORTEST: Duration = Duration::from_millis(100);
