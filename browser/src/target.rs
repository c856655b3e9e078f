//! What the browser says of a target: a page, a frame in a process of its own, a worker.

use serde::Deserialize;

/// What a target is.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// The browser itself.
    Browser,
    /// A tab's page.
    Page,
    /// A frame of another site, in a process of its own.
    Frame,
    /// A dedicated worker.
    Worker,
    /// A shared worker.
    SharedWorker,
    /// A service worker.
    ServiceWorker,
    /// Something else, perhaps of a newer browser.
    Other,
}

/// A target, as far as it matters here. Fields that the browser leaves out are empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetInfo {
    /// Its id; for a page also that of its main frame.
    pub target_id: String,
    /// Its type in the browser's words.
    pub r#type: String,
    /// Its URL.
    pub url: String,
    /// The page that opened it, if one did.
    pub opener_id: Option<String>,
    /// The browser context it lives in.
    pub browser_context_id: Option<String>,
}

impl TargetInfo {
    pub(crate) fn browser() -> Self {
        Self {
            r#type: "browser".to_owned(),
            ..Self::default()
        }
    }

    /// What it is.
    pub fn kind(&self) -> TargetKind {
        match self.r#type.as_str() {
            "browser" => TargetKind::Browser,
            "page" => TargetKind::Page,
            "iframe" => TargetKind::Frame,
            "worker" => TargetKind::Worker,
            "shared_worker" => TargetKind::SharedWorker,
            "service_worker" => TargetKind::ServiceWorker,
            _ => TargetKind::Other,
        }
    }
}
