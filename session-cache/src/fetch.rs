//! The path of one request: the record, the other session, the record again.

use std::time::{Duration, SystemTime};

use silkroute_core::{
    CacheOutcome, Error, Fetch, FetchError, FetchErrorKind, Fingerprint, Request, RequestParts, Response, Result,
    SessionOptions,
};
use tokio::time::{Instant, timeout_at};

use crate::entry::{Entry, note};
use crate::freshness::{self, Verdict};
use crate::store::Found;
use crate::{CacheMode, CacheOptions, CacheSession};

impl CacheSession {
    /// Answers a request, within the time that it has.
    pub(crate) async fn answer(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let parts = request.parts();
        let visit = Visit {
            cache: self,
            request,
            parts,
            begun: Instant::now(),
            mode: self.mode_of(parts)?,
            key: self.settings.keys.key(parts, self.inner.kind()),
        };
        match visit.mode {
            CacheMode::Replay => visit.replay().await,
            CacheMode::Record => visit.record().await,
            CacheMode::Refresh => visit.refresh().await,
            CacheMode::Off => visit.pass().await,
        }
    }

    fn mode_of(&self, parts: &RequestParts) -> Result<CacheMode> {
        let own = self.settings.mode;
        if parts.options.block(CacheOptions::KIND).is_none() {
            return Ok(own);
        }
        let options: CacheOptions = parts.options.get()?;
        let mode = options.mode.unwrap_or(own);
        if own == CacheMode::Replay && mode != CacheMode::Replay {
            return Err(Error::Options {
                kind: CacheOptions::KIND.to_owned(),
                path: format!("{}.mode", CacheOptions::KIND),
                reason: "the session only replays: the one that could fetch was never started".to_owned(),
            });
        }
        Ok(mode)
    }
}

struct Visit<'a> {
    cache: &'a CacheSession,
    request: &'a dyn Request,
    parts: &'a RequestParts,
    begun: Instant,
    mode: CacheMode,
    key: Fingerprint,
}

impl Visit<'_> {
    async fn replay(&self) -> Result<Box<dyn Response>> {
        let refused = |message: String, hint: &str| -> Error {
            FetchError::new(FetchErrorKind::Request, message)
                .parts(self.parts)
                .context("directory", self.cache.settings.store.directory().display())
                .context("key", self.key)
                .hint(hint)
                .into()
        };
        match self.found().await? {
            Found::Entry(entry) => Ok(Box::new(entry.response("replayed", self.begun.elapsed()))),
            Found::Nothing => Err(refused(
                "it is not on record".to_owned(),
                "record it once, with the mode `record`; a record is found by method, URL, headers, cookies, identity, body and options",
            )),
            Found::Unusable { reason, hint } => Err(refused(format!("its record cannot be used: {reason}"), hint)),
        }
    }

    async fn record(&self) -> Result<Box<dyn Response>> {
        let entry = match self.found().await? {
            Found::Entry(entry) => entry,
            Found::Nothing => return self.refresh().await,
            Found::Unusable { reason, hint } => {
                tracing::warn!(key = %self.key, reason, hint, "a record cannot be used, and the page is fetched");
                return self.refresh().await;
            }
        };
        if !self.cache.settings.freshness {
            return Ok(Box::new(entry.response("replayed", self.begun.elapsed())));
        }
        match freshness::judge(&entry, self.parts, SystemTime::now()) {
            Verdict::Fresh => Ok(Box::new(entry.response("replayed", self.begun.elapsed()))),
            Verdict::Useless => self.refresh().await,
            Verdict::Ask(headers) => self.revalidate(*entry, headers).await,
        }
    }

    /// Asks the site whether a record still holds.
    async fn revalidate(&self, mut entry: Entry, headers: http::HeaderMap) -> Result<Box<dyn Response>> {
        let mut parts = self.parts.clone();
        for (name, value) in &headers {
            parts.headers.insert(name, value.clone());
        }
        parts.timeout = Some(self.left());
        let question = Fetch::from(parts);
        let response = self.cache.inner.fetch(&question).await?;
        let answer = response.parts();
        let updated = answer
            .history
            .is_empty()
            .then(|| freshness::still_holds(&entry, self.parts, answer.status, &answer.headers))
            .flatten();
        match updated {
            Some(headers) => {
                entry.head.headers = headers;
                entry.head.recorded_at = SystemTime::now();
                if let Err(reason) = self.write(entry.clone()).await {
                    tracing::warn!(key = %self.key, reason, "a record that still holds could not be brought up to date");
                }
                Ok(Box::new(entry.response("revalidated", self.begun.elapsed())))
            }
            None if answer.status == http::StatusCode::NOT_MODIFIED => self.refresh().await,
            None => Ok(self.keep(response).await),
        }
    }

    async fn refresh(&self) -> Result<Box<dyn Response>> {
        let response = self.cache.inner.fetch(self.request).await?;
        Ok(self.keep(response).await)
    }

    async fn pass(&self) -> Result<Box<dyn Response>> {
        let mut response = self.cache.inner.fetch(self.request).await?;
        note(&mut response.parts_mut().meta, "off", None);
        Ok(response)
    }

    /// Records a response. That it could not be recorded is told on it, and takes nothing from it.
    async fn keep(&self, mut response: Box<dyn Response>) -> Box<dyn Response> {
        let kept = match self.reason_not_to(&*response) {
            Some(reason) => Err(reason),
            None => {
                let settings = &self.cache.settings;
                let entry = Entry::new(self.cache.inner.kind(), self.parts, response.parts(), settings.secrets);
                let at = entry.head.recorded_at;
                self.write(entry).await.map(|()| at).inspect_err(|reason| {
                    tracing::warn!(key = %self.key, reason, "a response could not be recorded");
                })
            }
        };
        let parts = response.parts_mut();
        parts.cache = Some(CacheOutcome::Miss);
        let meta = &mut parts.meta;
        match kept {
            Ok(at) => note(meta, "recorded", Some(at)),
            Err(reason) => note(meta, &format!("not recorded: {reason}"), None),
        }
        response
    }

    fn reason_not_to(&self, response: &dyn Response) -> Option<String> {
        let settings = &self.cache.settings;
        let parts = response.parts();
        if let Some(kind) = &parts.blocked {
            return Some(format!("it is a challenge of kind '{kind}', and not the page"));
        }
        if settings.skip_statuses.contains(&parts.status) {
            return Some(format!("responses of status {} are not", parts.status.as_u16()));
        }
        let length = parts.body.len();
        let (limit, setting) = settings.store.longest_body();
        if u64::try_from(length).is_ok_and(|length| length > limit) {
            return Some(format!(
                "its body has {length} bytes, and with this `{setting}` the limit is {limit}"
            ));
        }
        let may = !settings.freshness || freshness::may_be_kept(self.parts, parts.status, &parts.headers);
        (!may).then(|| "RFC 9111 does not let it be kept".to_owned())
    }

    /// What is on record, if the disk says so in time.
    async fn found(&self) -> Result<Found> {
        let store = &self.cache.settings.store;
        match timeout_at(self.begun + self.time(), store.read(self.key)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(FetchError::new(
                FetchErrorKind::Other,
                format!("its record cannot be read: {error}"),
            )
            .parts(self.parts)
            .context("directory", store.directory().display())
            .context("key", self.key)
            .into()),
            Err(_) => Err(
                FetchError::new(FetchErrorKind::Timeout, "its record could not be read in time")
                    .parts(self.parts)
                    .into(),
            ),
        }
    }

    /// Writes a record, if the disk is done in time. What it has begun it ends by itself.
    async fn write(&self, entry: Entry) -> Result<(), String> {
        match timeout_at(
            self.begun + self.time(),
            self.cache.settings.store.write(self.key, entry),
        )
        .await
        {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the disk took too long".to_owned()),
        }
    }

    /// The time of the whole request.
    fn time(&self) -> Duration {
        // A timeout too long to add up is none that can pass.
        let longest = Duration::from_secs(u32::MAX.into());
        self.parts
            .timeout
            .unwrap_or_else(|| silkroute_core::Session::timeout(self.cache))
            .min(longest)
    }

    fn left(&self) -> Duration {
        (self.begun + self.time()).saturating_duration_since(Instant::now())
    }
}
