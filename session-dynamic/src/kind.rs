//! What this kind adds to what all browser sessions share: nothing but its name.

use silkroute_browser::session::BrowserKind;
use silkroute_browser::{Browser, Deadline, Result};
use silkroute_core::async_trait;

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
}
