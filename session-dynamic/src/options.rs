//! What a request may say to a dynamic session alone.

silkroute_browser::page_options! {
    /// What a request may say to a dynamic session. What is left out is as the session has it; `init_scripts`,
    /// `blocked_domains` and `extra_headers` come on top of the session's.
    ///
    /// Headers, cookies, body, timeout and proxy are not here: every session kind takes those from the request itself.
    ///
    /// ```
    /// use silkroute_core::{Fetch, RequestExt};
    /// use silkroute_session_dynamic::{PageOptions, SelectorState};
    ///
    /// # fn main() -> silkroute_core::Result<()> {
    /// let request = Fetch::get("https://shop.test/")?.with(PageOptions {
    ///     wait_selector: Some("#products li".into()),
    ///     wait_selector_state: Some(SelectorState::Visible),
    ///     screenshot: Some(true.into()),
    ///     ..PageOptions::default()
    /// })?;
    /// # let _ = request;
    /// # Ok(())
    /// # }
    /// ```
    pub struct PageOptions for "dynamic" {}
}
