//! How the model fetches.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::redirect::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::{
    Body, CookieJar, Error, FetchError, FetchErrorKind, Hop, Identity, Proxy, RequestParts, Response, ResponseParts,
    Result, SessionOptions, Timing,
};
use tokio::sync::Semaphore;
use url::Url;

use crate::sabotage::Sabotage;

pub(crate) const KIND: &str = "model";
pub(crate) const PLACES: usize = 64;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ModelOptions {}

impl SessionOptions for ModelOptions {
    const KIND: &'static str = KIND;
}

/// What a session is configured with and keeps, whether it is alive or not.
pub(crate) struct Inner {
    pub(crate) sabotage: Option<Sabotage>,
    /// Refuses all that is more than a `GET` of a URL.
    pub(crate) modest: bool,
    pub(crate) timeout: Duration,
    pub(crate) headers: HeaderMap,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) ca_pem: String,
    pub(crate) jar: CookieJar,
    pub(crate) places: Semaphore,
}

#[derive(Debug)]
pub(crate) struct ModelResponse {
    pub(crate) parts: ResponseParts,
    /// For the one that shows what it should not.
    #[allow(dead_code, reason = "read by Debug, which is the point")]
    shown: Option<Bytes>,
}

impl Response for ModelResponse {
    fn parts(&self) -> &ResponseParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.parts
    }
}

impl Inner {
    pub(crate) fn does(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    pub(crate) fn client(&self, proxy: Option<&Proxy>) -> Result<reqwest::Client> {
        let authority =
            reqwest::Certificate::from_pem(self.ca_pem.as_bytes()).map_err(|e| Error::invalid("ca_pem", e))?;
        let mut client = reqwest::Client::builder()
            .redirect(Policy::none())
            .tls_certs_only([authority])
            .no_proxy();
        if let Some(proxy) = proxy {
            client = client.proxy(reqwest::Proxy::all(proxy.url()).map_err(|e| Error::invalid("proxy", e))?);
        }
        client.build().map_err(|e| Error::invalid("client", e))
    }

    pub(crate) fn check(&self, parts: &RequestParts) -> Result<()> {
        let unsupported = |what: &str| Error::Unsupported {
            kind: KIND.to_owned(),
            what: what.to_owned(),
            instead: "use another kind".to_owned(),
        };
        let scheme = parts.url.scheme();
        if !["http", "https"].contains(&scheme) {
            return Err(unsupported(&format!("`{scheme}:` URLs")));
        }
        let options = parts.options.get::<ModelOptions>();
        if !self.does(Sabotage::SwallowsUnknownOptions) {
            options?;
        }
        if self.does(Sabotage::RefusesForeignOptions) && parts.options.kinds().any(|kind| kind != KIND) {
            return Err(unsupported("options of other kinds"));
        }
        let takes_identities = self.does(Sabotage::LooksLikeItself) || self.does(Sabotage::ChangesTheAgentAlone);
        if parts.identity.is_some() && !takes_identities {
            return Err(unsupported("looking like another"));
        }
        if self.modest && !self.does(Sabotage::IgnoresWhatItCannot) {
            let refused = [
                (parts.method != Method::GET, "other methods than GET"),
                (!parts.body.is_empty(), "request bodies"),
                (!parts.headers.is_empty(), "request headers"),
                (!parts.cookies.is_empty(), "request cookies"),
                (parts.proxy.is_some(), "proxies"),
            ];
            if let Some((_, what)) = refused.into_iter().find(|(refused, _)| *refused) {
                return Err(unsupported(what));
            }
        }
        Ok(())
    }

    async fn exchange(&self, parts: &RequestParts, client: &reqwest::Client) -> Result<ModelResponse> {
        let begun = Instant::now();
        let client = match &parts.proxy {
            Some(proxy) if !self.does(Sabotage::BypassesTheProxy) && !self.modest => self.client(Some(proxy))?,
            _ => client.clone(),
        };
        let mut url = parts.url.clone();
        let mut history = Vec::new();
        let mut cookies = Vec::new();
        loop {
            let request = self.encode(parts, &url, &client)?;
            let answer = request.send().await.map_err(|error| self.failed(parts, &error))?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            cookies.extend(self.jar.store(&url, &headers));
            let next = headers
                .get(LOCATION)
                .and_then(|to| to.to_str().ok())
                .and_then(|to| url.join(to).ok());
            if let Some(next) = next.filter(|_| status.is_redirection()) {
                history.push(Hop::new(status, url, headers));
                if history.len() > 20 {
                    let error = FetchError::new(FetchErrorKind::Redirect, "more than 20 redirects").parts(parts);
                    return Err(error.into());
                }
                url = next;
                continue;
            }
            let first_byte = begun.elapsed();
            let mut body = match answer.bytes().await {
                Ok(body) => body,
                Err(_) if self.does(Sabotage::TakesHalfABody) => Bytes::from_static(b"only this"),
                Err(error) => return Err(self.failed(parts, &error)),
            };
            if self.does(Sabotage::TruncatesBodies) {
                body.truncate(100_000);
            }
            let mut response = ResponseParts::new(status, url);
            let tells = !self.does(Sabotage::HidesTheProxy);
            response.proxy = parts.proxy.as_ref().filter(|_| tells).map(Proxy::label);
            (response.headers, response.body, response.cookies) = (headers, body, cookies);
            response.history = if self.does(Sabotage::ForgetsTheHistory) {
                Vec::new()
            } else {
                history
            };
            response.timing = Timing::new(first_byte, begun.elapsed());
            response.attempts = u32::from(!self.does(Sabotage::CountsNoAttempt));
            let shown = self.does(Sabotage::ShowsBodies).then(|| response.body.clone());
            return Ok(ModelResponse { parts: response, shown });
        }
    }

    fn encode(&self, parts: &RequestParts, url: &Url, client: &reqwest::Client) -> Result<reqwest::RequestBuilder> {
        let method = if self.does(Sabotage::AlwaysGets) {
            Method::GET
        } else {
            parts.method.clone()
        };
        let (body, content_type) = match &parts.body {
            _ if self.does(Sabotage::LeavesOutBodies) => (Bytes::new(), None),
            body => body.encode("a-boundary-of-the-model"),
        };
        let mut headers = self.headers.clone();
        let agent = parts.identity.as_ref().and_then(Identity::user_agent);
        if let Some(agent) = agent.filter(|_| self.does(Sabotage::ChangesTheAgentAlone)) {
            let agent = HeaderValue::try_from(agent).map_err(|e| Error::invalid("identity", e))?;
            headers.insert(USER_AGENT, agent);
        }
        if let Some(content_type) = content_type {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_str(&content_type).map_err(|e| Error::invalid("body", e))?,
            );
        }
        let at_home = url.origin() == parts.url.origin() || self.does(Sabotage::CarriesCredentialsAlong);
        for (name, value) in &parts.headers {
            if *name == AUTHORIZATION && !at_home {
                continue;
            }
            if self.does(Sabotage::SendsHeadersTwice) {
                headers.append(name, value.clone());
            } else {
                headers.insert(name, value.clone());
            }
        }
        if self.does(Sabotage::KeepsRequestCookies) {
            for (name, value) in &parts.cookies {
                let host = url.host_str().unwrap_or_default();
                self.jar.insert(silkroute_core::Cookie::new(name, value, host))?;
            }
        }
        if let Some(cookies) = self.jar.header_with(url, if at_home { &parts.cookies } else { &[] })? {
            headers.insert(COOKIE, cookies);
        }
        let request = client.request(method, url.clone()).headers(headers);
        Ok(if matches!(parts.body, Body::Empty) {
            request
        } else {
            request.body(body)
        })
    }

    fn failed(&self, parts: &RequestParts, error: &reqwest::Error) -> Error {
        let kind = if error.is_connect() {
            FetchErrorKind::Connect
        } else {
            FetchErrorKind::Protocol
        };
        let mut failed = FetchError::new(kind, "no response came");
        if !self.does(Sabotage::NamesNoRequest) {
            failed = failed.parts(parts);
        }
        if self.does(Sabotage::ShowsPasswordsInErrors) {
            failed = failed.context("url", &parts.url);
        }
        if self.does(Sabotage::CallsNothingRetryable) {
            failed = failed.retryable(false);
        }
        failed.into()
    }

    pub(crate) async fn within(&self, parts: &RequestParts, client: &reqwest::Client) -> Result<ModelResponse> {
        let timeout = parts.timeout.unwrap_or(self.timeout);
        if self.does(Sabotage::IgnoresTimeouts) {
            return self.exchange(parts, client).await;
        }
        match tokio::time::timeout(timeout, self.exchange(parts, client)).await {
            Ok(result) => result,
            Err(_) => Err(FetchError::new(FetchErrorKind::Timeout, "no response in time")
                .parts(parts)
                .into()),
        }
    }
}
