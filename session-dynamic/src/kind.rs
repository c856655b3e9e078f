//! What this kind adds to what all browser sessions share: its name, and whom it can look like.

use silkroute_browser::session::BrowserKind;
use silkroute_browser::{Browser, Deadline, Result};
use silkroute_core::{Identity, async_trait};

use crate::PageOptions;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Dynamic;

#[async_trait]
impl BrowserKind for Dynamic {
    type Options = PageOptions;
    type Variant = ();
    type Running = ();

    fn variant(&self, _: &PageOptions) {}

    async fn running(&self, (): &(), _: &Browser, _: Deadline) -> Result<()> {
        Ok(())
    }

    const OTHER_IDENTITY: &'static str = "it can be a desktop browser of Chromium's family in a version, such as chrome149 or \
                                          edge148_windows: name one, leave the request's `identity` out, or use a session of kind http";

    /// Those that differ from the browser in words alone.
    fn can_be(&self, identity: &Identity) -> bool {
        identity.browser.is_chromium() && !identity.is_mobile()
    }
}
