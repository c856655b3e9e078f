//! From what a request asks for to what its tab is told.

use std::sync::Arc;

use silkroute_core::Proxy;

use super::ads;
use super::config::BrowserConfig;
use super::plan::Plan;
use crate::{Blocking, Deadline, Result, TabOptions, UserAgent, Version};

/// Uncaught errors are told of by the Runtime domain alone, which pages can notice and slow down; so a listener of the page's
/// own writes them to its console.
const REPORT_ERRORS: &str = "(() => { const say = console.error.bind(console); \
    addEventListener('error', e => { if (e instanceof ErrorEvent) say(`Uncaught ${e.error?.stack ?? e.message}`); }); \
    addEventListener('unhandledrejection', e => say(`Uncaught (in promise) ${e.reason?.stack ?? e.reason}`)); })()";

/// What the tab of a request is told. `session` is what the browser was launched with.
pub(super) async fn tab_options(
    plan: &Plan<'_>,
    session: &BrowserConfig,
    version: &Version,
    proxy: Option<&Proxy>,
    deadline: Deadline,
) -> Result<TabOptions> {
    let page = &plan.page;
    let mut init_scripts = page.init_scripts.clone();
    if page.console {
        init_scripts.insert(0, REPORT_ERRORS.to_owned());
    }
    Ok(TabOptions {
        user_agent: user_agent(page, session, version),
        locale: page.locale.clone(),
        timezone_id: page.timezone_id.clone(),
        viewport: page.viewport,
        color_scheme: page.color_scheme,
        geolocation: page.geolocation,
        extra_headers: plan.extra_headers.clone(),
        init_scripts,
        ignore_https_errors: page.ignore_https_errors,
        blocking: blocking(page, deadline).await?,
        capture: plan.capture_filter(),
        proxy_credentials: proxy.filter(|proxy| proxy.username().is_some()).cloned(),
        refuse_auth: false,
        console: page.console,
        bypass_cache: false,
        body_limit: Some(page.body_limit),
        setup: None,
    })
}

/// What the browser was launched with needs no word; a browser that runs elsewhere was launched with nothing of ours.
fn user_agent(page: &BrowserConfig, session: &BrowserConfig, version: &Version) -> Option<UserAgent> {
    let elsewhere = session.cdp_url.is_some();
    let agent = page.user_agent != session.user_agent || (elsewhere && page.user_agent.is_some());
    let languages = page.locale != session.locale || (elsewhere && page.locale.is_some());
    if !agent && !languages {
        return None;
    }
    Some(UserAgent {
        user_agent: page.user_agent.clone().unwrap_or_else(|| version.user_agent.clone()),
        accept_language: page.locale.as_deref().map(self::languages),
        ..UserAgent::default()
    })
}

/// The accepted languages of a locale: itself, and its language alone.
pub(super) fn languages(locale: &str) -> String {
    match locale.split_once('-') {
        Some((language, _)) => format!("{locale},{language}"),
        None => locale.to_owned(),
    }
}

async fn blocking(page: &BrowserConfig, deadline: Deadline) -> Result<Option<Arc<Blocking>>> {
    let mut blocking = Blocking::default().domains(&page.blocked_domains);
    if let Some(resources) = page.disable_resources.get() {
        blocking = blocking.types(resources.types());
    }
    if page.block_ads {
        blocking = blocking.filter(ads::filter(deadline).await?);
    }
    Ok((!blocking.is_empty()).then(|| Arc::new(blocking)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_accepted_with_its_language() {
        assert_eq!(languages("de-DE"), "de-DE,de");
        assert_eq!(languages("ja"), "ja");
    }
}
