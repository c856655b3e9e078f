//! Building a stealth session in code.

use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use silkroute_browser::session::{BrowserSession, Parts};
use silkroute_browser::{Headless, LaunchOptions};
use silkroute_core::{Error, Identity, Result};

use crate::appearance::Window;
use crate::challenge::{ChallengeSolver, InterstitialSolver};
use crate::flags;
use crate::kind::{self, Stealth};
use crate::{Fingerprint, OnChallenge, StealthConfig, StealthSession};

/// Builds a [`StealthSession`]. Every setting has a default; what cannot be shows at [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use silkroute_session_stealth::StealthSession;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let session = StealthSession::builder()
///     .solve_challenge(true)
///     .timeout(Duration::from_secs(60))
///     .block_webrtc(true)
///     .build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct StealthSessionBuilder {
    config: StealthConfig,
    parts: Parts,
    solvers: Vec<Arc<dyn ChallengeSolver>>,
}

silkroute_browser::browser_builder!(StealthSessionBuilder);

impl StealthSessionBuilder {
    /// Starts from a configuration.
    pub fn from_config(config: StealthConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Who the session says it is. Default: the browser that is installed, on this machine.
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.config.fingerprint = fingerprint;
        self
    }

    /// The identity that an HTTP session may have too. Where it names another version than the installed one's, set
    /// [`Fingerprint::gives_way`] and use [`fingerprint`](Self::fingerprint).
    pub fn identity(self, identity: &Identity) -> Self {
        self.fingerprint(Fingerprint::from(identity))
    }

    /// Whether to wait at a challenge that stands in the way, and to click where it wants to be clicked. Default: false.
    pub fn solve_challenge(mut self, solve_challenge: bool) -> Self {
        self.config.solve_challenge = solve_challenge;
        self
    }

    /// What comes of a challenge that was not passed, where challenges are to be solved; otherwise it is the response. Default: an
    /// error.
    pub fn on_challenge(mut self, on_challenge: OnChallenge) -> Self {
        self.config.on_challenge = on_challenge;
        self
    }

    /// How often a challenge is tried, at most. Default: 3.
    pub fn challenge_attempts(mut self, challenge_attempts: u32) -> Self {
        self.config.challenge_attempts = challenge_attempts;
        self
    }

    /// How long a challenge is tried, at most; the fetch's own deadline comes first. Default: 30 s.
    pub fn challenge_timeout(mut self, challenge_timeout: Duration) -> Self {
        self.config.challenge_timeout = challenge_timeout;
        self
    }

    /// Adds a solver. Solvers are asked in the order in which they were added, the built-in one last.
    pub fn challenge_solver(mut self, solver: impl ChallengeSolver) -> Self {
        self.solvers.push(Arc::new(solver));
        self
    }

    /// Whether WebRTC is kept from telling this machine's addresses. Default: false.
    pub fn block_webrtc(mut self, block_webrtc: bool) -> Self {
        self.config.block_webrtc = block_webrtc;
        self
    }

    /// Whether pages may use WebGL. Default: true.
    pub fn allow_webgl(mut self, allow_webgl: bool) -> Self {
        self.config.allow_webgl = allow_webgl;
        self
    }

    /// Builds it, with no input or output.
    ///
    /// # Errors
    /// [`Error::Config`] naming the setting that cannot be.
    pub fn build(self) -> Result<StealthSession> {
        let Self {
            mut config,
            parts: Parts { jar, hooks },
            mut solvers,
        } = self;
        check(&mut config)?;
        solvers.push(Arc::new(InterstitialSolver));
        let kind = Stealth::new(&config, solvers);
        // The fingerprint has them now; left here, tabs would be told of them once more, and workers not at all.
        config.locale = None;
        config.timezone_id = None;
        BrowserSession::new(kind, &config, jar, hooks).map(StealthSession::with)
    }
}

/// Refuses what cannot be, and puts what all browser sessions call `locale` and `timezone_id` into the fingerprint.
fn check(config: &mut StealthConfig) -> Result<()> {
    if config.user_agent.is_some() {
        return Err(Error::config("user_agent", kind::USER_AGENT));
    }
    if config.extra_headers.as_map().contains_key(USER_AGENT) {
        return Err(Error::config("extra_headers.user-agent", kind::USER_AGENT));
    }
    if config.viewport.is_some() {
        return Err(Error::config("viewport", kind::VIEWPORT));
    }
    if config.hide_canvas {
        return Err(Error::config("hide_canvas", kind::HIDE_CANVAS));
    }
    if config.headless == Headless::Shell {
        let reason =
            "the headless shell is a smaller browser, which every page can tell; use `new`, or `off` with a display";
        return Err(Error::config("headless", reason));
    }
    if config.challenge_attempts == 0 {
        return Err(Error::config(
            "challenge_attempts",
            "not once: set `solve_challenge` to false",
        ));
    }
    if config.challenge_timeout < kind::SHORTEST {
        return Err(Error::config(
            "challenge_timeout",
            "no time at all: nothing could ever be passed",
        ));
    }
    let fingerprint = &mut config.fingerprint;
    if let Some(locale) = config.locale.clone() {
        let chosen = fingerprint.languages_or_none();
        if chosen.is_some_and(|languages| languages.first() != Some(&locale)) {
            return Err(Error::config(
                "locale",
                "`fingerprint` has another one: keep one of them",
            ));
        }
        // Languages that begin with it say more.
        if fingerprint.languages.is_none() {
            fingerprint.locale = Some(locale);
        }
    }
    if let Some(zone) = config.timezone_id.clone() {
        if fingerprint.timezone.as_ref().is_some_and(|other| *other != zone) {
            return Err(Error::config(
                "timezone_id",
                "`fingerprint` has another one: keep one of them",
            ));
        }
        fingerprint.timezone = Some(zone);
    }
    let launches = config.cdp_url.is_none();
    if !launches
        && (config.block_webrtc
            || !config.allow_webgl
            || fingerprint.timezone.is_some()
            || fingerprint.screen.is_some()
            || fingerprint.taskbar.is_some())
    {
        let reason = "block_webrtc, allow_webgl, a time zone, a screen and a taskbar take effect when a browser is launched, \
                      and the one at `cdp_url` runs already: start it with them, and leave them out here";
        return Err(Error::config("cdp_url", reason));
    }
    let place = Window::of(config);
    flags::check(&config.extra_flags, place)?;
    config.fingerprint.check(place)?;
    let (asked, (width, height)) = (config.window_size, config.fingerprint.free());
    // The default is as large as the screen lets it be.
    let chosen = asked != LaunchOptions::default().window_size;
    if place == Window::None && chosen && (asked.0 > width || asked.1 > height) {
        let reason = format!(
            "{} x {} is more than the screen has free, {width} x {height}: choose a larger `fingerprint.screen`, or a \
             smaller window",
            asked.0, asked.1
        );
        return Err(Error::config("window_size", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(config: &str) -> Result<StealthConfig> {
        let mut config: StealthConfig = toml::from_str(config).unwrap();
        check(&mut config)?;
        Ok(config)
    }

    #[test]
    fn flags_and_headers_that_a_session_sets_itself_are_refused() {
        let flag = |flag: &str, more: &str| checked(&format!("extra_flags = ['{flag}']\n{more}"));
        for (refused, why) in [
            ("--user-agent=mine", "client hints"),
            ("--accept-lang=fr", "`locale`"),
            ("--window-size=800,600", "`window_size`"),
            ("--window-position=9,9", "upper left"),
            ("--screen-info={800x600}", "`fingerprint`"),
        ] {
            let told = flag(refused, "").unwrap_err().to_string();
            assert!(told.contains("extra_flags") && told.contains(why), "{told}");
        }
        flag("--window-position=9,9", "headless = 'off'").unwrap();
        flag("--blink-settings=imagesEnabled=false", "").unwrap();
        let header = checked("[extra_headers]\nUser-Agent = 'mine'").unwrap_err().to_string();
        assert!(
            header.contains("user-agent") && header.contains("client hints"),
            "{header}"
        );
    }

    #[test]
    fn a_locale_and_languages_stand_together_where_they_say_the_same() {
        let both = |locale: &str, languages: &str| {
            checked(&format!("locale = '{locale}'\n[fingerprint]\nlanguages = {languages}"))
        };
        for languages in ["[]", "['fr']", "['fr', 'de-DE']"] {
            let told = both("de-DE", languages).unwrap_err().to_string();
            assert!(told.contains("locale") && told.contains("keep one"), "{told}");
        }
        let none = checked("[fingerprint]\nlanguages = []").unwrap_err().to_string();
        assert!(none.contains("fingerprint.languages"), "{none}");
        let fingerprint = both("de-DE", "['de-DE', 'fr']").unwrap().fingerprint;
        assert_eq!(fingerprint.languages_or_none().unwrap(), ["de-DE", "fr"]);
        let alone = checked("locale = 'de-DE'").unwrap().fingerprint;
        assert_eq!(alone.languages_or_none().unwrap(), ["de-DE", "de", "en-US", "en"]);
    }
}
