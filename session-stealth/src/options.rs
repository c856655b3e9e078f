//! What a request may say to a stealth session alone.

silkroute_browser::page_options! {
    /// What a request may say to a stealth session. What is left out is as the session has it; `init_scripts`,
    /// `blocked_domains` and `extra_headers` come on top of the session's.
    ///
    /// What takes effect only at a launch (`block_webrtc`, `allow_webgl`, `locale`, `timezone_id`) and is not as the session
    /// has it makes the request go through a browser of its own, which starts with the first such request, serves those
    /// that follow, and ends when nobody used it for a minute. `user_agent` and `viewport` are refused: no page fails to
    /// notice them.
    ///
    /// ```
    /// use silkroute_core::{Fetch, RequestExt};
    /// use silkroute_session_stealth::StealthOptions;
    ///
    /// # fn main() -> silkroute_core::Result<()> {
    /// let request = Fetch::get("https://my-shop.test/")?.with(StealthOptions {
    ///     solve_challenge: Some(true),
    ///     google_search: Some(true),
    ///     ..StealthOptions::default()
    /// })?;
    /// # let _ = request;
    /// # Ok(())
    /// # }
    /// ```
    pub struct StealthOptions for "stealth" {
        /// Whether to wait at a challenge that stands in the way, and to click where it wants to be clicked.
        #[serde(alias = "solve_cloudflare")]
        pub solve_challenge: Option<bool>,
        /// What comes of a challenge that was not passed, where challenges are to be solved: error or response.
        pub on_challenge: Option<crate::OnChallenge>,
        /// Whether WebRTC is kept from telling this machine's addresses.
        pub block_webrtc: Option<bool>,
        /// Whether pages may use WebGL.
        pub allow_webgl: Option<bool>,
        /// Noise in what pages read from a canvas. Only false is taken; see the README.
        pub hide_canvas: Option<bool>,
    }
}
