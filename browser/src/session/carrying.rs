//! What an attempt carries between the session's jar and its context: before the page and after it, also where that failed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use silkroute_core::{Cookie, CookieJar, FetchError, FetchErrorKind, Hop};
use url::Url;

use super::attempt::Attempt;
use super::kind::BrowserKind;
use super::response::PageResponse;
use super::running::Home;
use super::sites::Sites;
use crate::{Deadline, Error, Tab};

/// How long a fetch that failed may go on for what its pages changed. It takes a few milliseconds.
const AFTERWARDS: Duration = Duration::from_secs(1);

impl<K: BrowserKind> Attempt<'_, K> {
    /// Cookies of the request's own. Those of a request over https go nowhere in clear.
    pub(super) fn own_cookies(&self) -> Vec<Cookie> {
        let host = self.plan.url.host_str().unwrap_or_default();
        let secure = self.plan.url.scheme() == "https";
        let own = self.plan.cookies.iter().map(|(name, value)| {
            let mut cookie = Cookie::new(name, value, host);
            cookie.secure = secure;
            cookie
        });
        own.collect()
    }

    /// What the pages are to have goes into the context.
    pub(super) async fn carry_in(&self, home: &Home, own: &[Cookie]) -> Result<(), FetchError> {
        let (jar, deadline) = (&self.settings.jar, self.deadline);
        let failed = |error| self.failed(error);
        if self.plan.page.cookie_store {
            let carried = home.ledger.carry_in(jar, &home.context, own, deadline);
            carried.await.map_err(failed)?;
            if self.settings.config.keep_local_storage {
                let carried = home.storage.carry_in(jar, &home.context, &self.plan.url, deadline);
                carried.await.map_err(failed)?;
            }
        }
        let error = match home.context.set_cookies(own, deadline).await {
            Err(error @ Error::Protocol { .. }) => error,
            other => return other.map_err(failed),
        };
        // It does not say which one.
        for cookie in own {
            match home.context.set_cookies(std::slice::from_ref(cookie), deadline).await {
                Err(error @ Error::Protocol { .. }) => return Err(self.refused(cookie, error)),
                other => other.map_err(failed)?,
            }
        }
        Err(failed(error))
    }

    fn refused(&self, cookie: &Cookie, error: Error) -> FetchError {
        let message = format!(
            "the browser does not take the request's cookie `{}`",
            cookie.name.escape_debug()
        );
        let refused = self.plan.error(FetchErrorKind::Request, message).source(error);
        refused.hint("`__Secure-` and `__Host-` are for https, and name and value have at most 4096 bytes together")
    }

    /// What pages changed goes into the jar. Gives back what the exchange set: what the browser has that is new, of what its
    /// documents' hosts may see.
    pub(super) async fn carry_out(
        &self,
        home: &Home,
        tab: &Tab,
        own: &[Cookie],
        response: &PageResponse,
    ) -> Result<Vec<Cookie>, Error> {
        let jar = &self.settings.jar;
        let mut cookies = set_cookies(response);
        if !self.plan.page.cookie_store {
            return Ok(cookies);
        }
        if self.settings.config.keep_local_storage {
            home.storage.carry_out(jar, tab, self.deadline).await?;
        }
        let sites = self.sites(home, &response.parts.history);
        let new = home
            .ledger
            .carry_out(jar, &home.context, own, &sites, self.deadline)
            .await?;
        let urls = response.parts.history.iter().map(|hop| &hop.url);
        let seen: Vec<Cookie> = urls
            .chain([&response.parts.url])
            .flat_map(|url| jar.cookies_for(url))
            .collect();
        for cookie in new {
            let same = |other: &Cookie| {
                other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path
            };
            if seen.iter().any(same) && !cookies.iter().any(same) {
                cookies.push(cookie);
            }
        }
        Ok(cookies)
    }

    /// The same of a fetch that failed: what its pages did until then, a login for instance, holds for the next one, too.
    pub(super) async fn salvage(&self, home: &Home, tab: &Tab, own: &[Cookie]) {
        if !self.sent.load(Ordering::Relaxed) || !self.plan.page.cookie_store {
            return;
        }
        let (jar, deadline) = (&self.settings.jar, Deadline::after(AFTERWARDS));
        let sites = self.sites(home, &[]);
        let cookies = home.ledger.carry_out(jar, &home.context, own, &sites, deadline).await;
        let storage = match self.settings.config.keep_local_storage {
            true => home.storage.carry_out(jar, tab, deadline).await,
            false => Ok(()),
        };
        for error in [cookies.map(drop), storage].into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "what the pages of a failed fetch changed stays in the browser");
        }
    }

    /// The sites of the document's way, and those that the tabs of the context are at: what another fetch is about is not for this
    /// one to wait for.
    fn sites(&self, home: &Home, history: &[Hop]) -> Sites {
        let mut sites = Sites::default();
        sites.add(&self.plan.url);
        history.iter().for_each(|hop| sites.add(&hop.url));
        let origins = self.running.pool.origins(&home.context);
        let urls = origins.iter().filter_map(|origin| Url::parse(origin).ok());
        urls.for_each(|url| sites.add(&url));
        sites
    }
}

/// The cookies that the documents on the way set, as a jar of their own takes them.
fn set_cookies(response: &PageResponse) -> Vec<Cookie> {
    let jar = CookieJar::new();
    for hop in &response.parts.history {
        jar.store(&hop.url, &hop.headers);
    }
    jar.store(&response.parts.url, &response.server_headers);
    jar.cookies()
}
