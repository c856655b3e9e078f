//! The session.

use std::time::{Duration, Instant};

use http::{Method, header};
use silkroute_core::{
    CookieJar, Error, FetchError, FetchErrorKind, Hop, Request, RequestParts, Response, ResponseParts, Result, Session,
    SessionOptions, Timing, async_trait, redact_url,
};
use url::Url;

use crate::nearest::nearest;
use crate::recordings::{Recording, Recordings};
use crate::{ArchiveConfig, ArchiveOptions, ArchiveResponse};

/// More redirects than this lead nowhere.
const MAX_REDIRECTS: usize = 20;
/// What to do about a request that asks for more than a recording can give.
const LENIENT: &str = "leave them out, or configure `strict = false` to have them ignored";

/// A session that answers from a HAR file.
#[derive(Debug)]
pub struct ArchiveSession {
    config: ArchiveConfig,
    /// There while it is alive.
    recordings: Option<Recordings>,
}

impl ArchiveSession {
    /// A session with this configuration. Nothing is read before it starts.
    pub fn new(config: ArchiveConfig) -> Self {
        Self {
            config,
            recordings: None,
        }
    }
}

#[async_trait]
impl Session for ArchiveSession {
    fn kind(&self) -> &'static str {
        ArchiveOptions::KIND
    }

    fn is_alive(&self) -> bool {
        self.recordings.is_some()
    }

    fn timeout(&self) -> Duration {
        self.config.timeout
    }

    async fn start(&mut self) -> Result<()> {
        if self.recordings.is_none() {
            let path = self.config.path.clone();
            let read = tokio::task::spawn_blocking(move || Recordings::read(&path));
            let recordings = read
                .await
                .map_err(|error| Error::invalid("the archive's reader", error))?;
            self.recordings = Some(recordings?);
        }
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let parts = request.parts();
        let Some(recordings) = &self.recordings else {
            let error = FetchError::new(FetchErrorKind::Other, "the archive session is not alive");
            return Err(error.parts(parts).hint("call start() first").into());
        };
        self.refuse_what_cannot_be_honoured(parts)?;
        let options: ArchiveOptions = parts.options.get()?;

        let timeout = parts.timeout.unwrap_or(self.config.timeout);
        match tokio::time::timeout(timeout, self.replay(recordings, parts, &options)).await {
            Ok(response) => Ok(Box::new(response?)),
            Err(_) => {
                let error = FetchError::new(FetchErrorKind::Timeout, format!("no response within {timeout:?}"));
                Err(error.parts(parts).into())
            }
        }
    }

    async fn close(&mut self) -> Result<()> {
        self.recordings = None;
        Ok(())
    }
}

impl ArchiveSession {
    fn refuse_what_cannot_be_honoured(&self, parts: &RequestParts) -> Result<()> {
        let scheme = parts.url.scheme();
        let refusals = [
            (
                !["http", "https"].contains(&scheme),
                format!("`{scheme}:` URLs"),
                "ask for an http or https URL",
            ),
            (
                ![Method::GET, Method::HEAD].contains(&parts.method),
                format!("the method {}", parts.method),
                "use GET or HEAD, or a kind that asks the server",
            ),
            (
                !parts.body.is_empty(),
                "request bodies".to_owned(),
                "use a kind that asks the server",
            ),
        ];
        let strict = [
            (!parts.headers.is_empty(), "request headers".to_owned(), LENIENT),
            (!parts.cookies.is_empty(), "request cookies".to_owned(), LENIENT),
            (parts.proxy.is_some(), "proxies".to_owned(), LENIENT),
            (parts.identity.is_some(), "identities".to_owned(), LENIENT),
        ];
        let strict = strict.into_iter().filter(|_| self.config.strict);
        match refusals.into_iter().chain(strict).find(|(refused, ..)| *refused) {
            None => Ok(()),
            Some((_, what, instead)) => Err(Error::Unsupported {
                kind: self.kind().to_owned(),
                what,
                instead: instead.to_owned(),
            }),
        }
    }

    async fn replay(
        &self,
        recordings: &Recordings,
        parts: &RequestParts,
        options: &ArchiveOptions,
    ) -> Result<ArchiveResponse> {
        let begun = Instant::now();
        let mut url = parts.url.clone();
        let mut history = Vec::new();
        let (jar, mut cookies) = (CookieJar::new(), Vec::new());
        loop {
            // Which recording is a question of the URL that was asked for, not of where it led.
            let index = if history.is_empty() { options.recording } else { None };
            let recording = self.find(recordings, parts, &url, index.unwrap_or(0))?;
            let latency = self.config.latency.of(recording.took);
            if !latency.is_zero() {
                // Dropping the future here drops the timer, and there is nothing else to let go of.
                tokio::time::sleep(latency).await;
            }
            cookies.extend(jar.store(&url, &recording.headers));
            if let Some(next) = recording.redirect(&url) {
                history.push(Hop::new(recording.status, url, recording.headers.clone()));
                if history.len() > MAX_REDIRECTS {
                    let error =
                        FetchError::new(FetchErrorKind::Redirect, format!("more than {MAX_REDIRECTS} redirects"));
                    return Err(error.parts(parts).into());
                }
                url = next;
                continue;
            }
            let recorded = recordings.of(&url).len();
            let mut response = ResponseParts::new(recording.status, url);
            response.headers = recording.headers.clone();
            if parts.method != Method::HEAD {
                response.body = recording.body.clone();
            }
            response.history = history;
            response.cookies = cookies;
            response.timing = Timing::new(begun.elapsed(), begun.elapsed());
            return Ok(ArchiveResponse {
                parts: response,
                recorded_at: recording.recorded_at.clone(),
                recordings: recorded,
            });
        }
    }

    fn find<'a>(
        &self,
        recordings: &'a Recordings,
        parts: &RequestParts,
        url: &Url,
        index: usize,
    ) -> Result<&'a Recording> {
        let found = recordings.of(url);
        if let Some(recording) = found.get(index) {
            return Ok(recording);
        }
        let archive = self.config.path.display();
        let error = if found.is_empty() {
            let shown = nearest(url, recordings.urls()).join(", ");
            let hint = if shown.is_empty() {
                "the archive holds no response to a GET".to_owned()
            } else {
                format!("nearest on record: {shown}")
            };
            FetchError::new(FetchErrorKind::Request, "it is not on record").hint(hint)
        } else {
            let count = found.len();
            FetchError::new(FetchErrorKind::Request, format!("it has no recording {index}"))
                .hint(format!("there are {count}, from 0 to {}", count - 1))
        };
        let error = if *url == parts.url {
            error
        } else {
            error.context("redirected to", redact_url(url))
        };
        Err(error.parts(parts).context("archive", archive).into())
    }
}

impl Recording {
    /// Where it leads on to, if it does.
    fn redirect(&self, from: &Url) -> Option<Url> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        from.join(self.headers.get(header::LOCATION)?.to_str().ok()?).ok()
    }
}
