//! What a dynamic session can be configured with.

silkroute_browser::browser_config! {
    /// What a dynamic session can be configured with, as configuration files write it. All of it may be left out.
    ///
    /// ```
    /// use silkroute_session_dynamic::{DynamicConfig, DynamicSession};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config: DynamicConfig = toml::from_str(r#"
    ///     max_pages = 4
    ///     timeout = "20s"
    ///     wait_selector = "main"
    ///     disable_resources = true
    ///     proxy = "http://user:secret@proxy.test:3128"
    /// "#)?;
    /// let session = DynamicSession::from_config(config)?;
    /// assert!(!format!("{session:?}").contains("secret"));
    /// # Ok(())
    /// # }
    /// ```
    pub struct DynamicConfig {}
}
