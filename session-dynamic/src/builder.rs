//! Building a dynamic session in code.

use silkroute_browser::session::{BrowserSession, Parts};
use silkroute_core::Result;

use crate::kind::Dynamic;
use crate::{DynamicConfig, DynamicSession};

/// Builds a [`DynamicSession`]. Every setting has a default; what cannot be shows at [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use silkroute_session_dynamic::DynamicSession;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let session = DynamicSession::builder()
///     .max_pages(4)
///     .timeout(Duration::from_secs(20))
///     .disable_resources(true)
///     .page_action("more", |page| Box::pin(async move { page.click("#more").await }))
///     .build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct DynamicSessionBuilder {
    config: DynamicConfig,
    parts: Parts,
}

silkroute_browser::browser_builder!(DynamicSessionBuilder);

impl DynamicSessionBuilder {
    /// Starts from a configuration.
    pub fn from_config(config: DynamicConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Builds it, with no input or output.
    ///
    /// # Errors
    /// [`Error::Config`](silkroute_core::Error::Config) naming the setting that cannot be.
    pub fn build(self) -> Result<DynamicSession> {
        let Parts { jar, hooks } = self.parts;
        BrowserSession::new(Dynamic, &self.config, jar, hooks).map(DynamicSession::with)
    }
}
