//! What a stealth session can be configured with.

silkroute_browser::browser_config! {
    /// What a stealth session can be configured with, as configuration files write it. All of it may be left out.
    ///
    /// ```
    /// use silkroute_session_stealth::{StealthConfig, StealthSession};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config: StealthConfig = toml::from_str(r#"
    ///     solve_challenge = true
    ///     timeout = "60s"
    ///
    ///     [fingerprint]
    ///     locale = "de-DE"
    ///     timezone = "Europe/Berlin"
    /// "#)?;
    /// let session = StealthSession::from_config(config)?;
    /// # let _ = session;
    /// # Ok(())
    /// # }
    /// ```
    pub struct StealthConfig {
        /// Who the session says it is. Default: the browser that is installed, on this machine.
        pub fingerprint: crate::Fingerprint = crate::Fingerprint::default(),
        /// Whether to wait at a challenge that stands in the way, and to click where it wants to be clicked.
        #[serde(alias = "solve_cloudflare")]
        pub solve_challenge: bool = false,
        /// What comes of a challenge that was not passed, where challenges are to be solved: error or response.
        pub on_challenge: crate::OnChallenge = crate::OnChallenge::Error,
        /// How often a challenge is tried, at most.
        pub challenge_attempts: u32 = 3,
        /// How long it is tried, at most; the fetch's own deadline comes first.
        #[serde(with = "silkroute_core::duration")]
        #[schemars(with = "String")]
        pub challenge_timeout: ::std::time::Duration = ::std::time::Duration::from_secs(30),
        /// Whether WebRTC is kept from telling this machine's addresses.
        pub block_webrtc: bool = false,
        /// Whether pages may use WebGL.
        pub allow_webgl: bool = true,
        /// Noise in what pages read from a canvas. Only false is taken; see the README.
        pub hide_canvas: bool = false,
    }
}
