//! Bodies: the page as it was rendered, and what was sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use silkroute_core::Cookie;

use super::capture::{Captured, Seen};
use super::document::{Document, DocumentKind};
use super::embedded::below;
use super::{Tab, WaitUntil};
use crate::cdp::{CdpSession, RawCommand};
use crate::{Deadline, Error, Result};

/// The document with its doctype, which `outerHTML` leaves out.
const CONTENT: &str = "(() => { const d = document.doctype; \
    const head = d ? new XMLSerializer().serializeToString(d) + '\\n' : ''; \
    return head + (document.documentElement ? document.documentElement.outerHTML : ''); })()";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    body: String,
    #[serde(default)]
    base64_encoded: bool,
}

impl Tab {
    /// The page as it is now, as HTML.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate).
    pub async fn content(&self, deadline: Deadline) -> Result<String> {
        match self.state.evaluate(CONTENT, deadline).await? {
            Value::String(html) => Ok(html),
            other => Err(Error::malformed("Runtime.evaluate", format!("{other} is no HTML"))),
        }
    }

    /// What was sent as the document, decompressed; text is UTF-8 whatever it was sent in. What is no HTML is waited for until
    /// all of it has come.
    ///
    /// # Errors
    /// Those of commands: the browser may have let go of a body that is very large, or of a document that is no longer shown.
    pub async fn raw_body(&self, document: &Document, deadline: Deadline) -> Result<Bytes> {
        Ok(self.as_sent(document, deadline).await?.0)
    }

    /// The body of a document by its kind: rendered HTML, what was sent, what was downloaded, or nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and those of [`content`](Self::content) and [`raw_body`](Self::raw_body).
    pub async fn body(&self, document: &Document, limit: usize, deadline: Deadline) -> Result<Bytes> {
        Ok(self.payload(document, limit, deadline).await?.0)
    }

    /// The [`body`](Self::body), and whether it is UTF-8 now, whatever it was sent in.
    pub(crate) async fn payload(&self, document: &Document, limit: usize, deadline: Deadline) -> Result<(Bytes, bool)> {
        let too_large = || Error::TooLarge {
            what: "the body".to_owned(),
            limit,
        };
        let (body, utf8) = match document.kind {
            DocumentKind::Html => (self.content(deadline).await?.into(), true),
            DocumentKind::Raw => match self.as_sent(document, deadline).await {
                // What is too large for its buffer the browser lets go of. See `TabOptions::body_limit`.
                Err(Error::Protocol { message, .. }) if message.contains("evicted") => return Err(too_large()),
                other => other?,
            },
            DocumentKind::Download { .. } => (self.download(deadline).await?, false),
            DocumentKind::Empty => (Bytes::new(), false),
        };
        if body.len() > limit {
            return Err(too_large());
        }
        Ok((body, utf8))
    }

    /// What was sent as the document, and whether it is UTF-8.
    async fn as_sent(&self, document: &Document, deadline: Deadline) -> Result<(Bytes, bool)> {
        // The browser gives no part of a body. One that was taken as soon as it began may still be on its way.
        if document.kind == DocumentKind::Raw && document.timing.load.is_none() {
            self.arrive(WaitUntil::Load, deadline).await?;
        }
        let page = &self.state.session;
        response_body(page, &document.loader_id, deadline).await
    }

    /// The download that the last navigation came to; nothing where
    /// [`Navigation::download_limit`](crate::Navigation::download_limit) did not ask for it.
    async fn download(&self, deadline: Deadline) -> Result<Bytes> {
        let wish = self.state.wish().clone();
        match wish {
            Some(wish) => wish.body(deadline).await,
            None => Ok(Bytes::new()),
        }
    }

    /// The responses to scripts that [`TabOptions::capture`](super::TabOptions::capture) keeps, since the last navigation
    /// began, those of its frames included; at most 1,000. Those of pages and frames that were left meanwhile have lost their bodies.
    ///
    /// # Errors
    /// Those of commands; a body that cannot be had is no error of the whole.
    pub async fn captured(&self, deadline: Deadline) -> Result<Vec<Captured>> {
        let page = &self.state.session;
        let frames = below(page);
        let mut captured = Vec::new();
        for seen in self.state.capture.seen() {
            let Seen {
                session,
                request_id,
                url,
                method,
                status,
                headers,
                request_headers,
                complete,
                failed,
            } = seen;
            // Only the process that asked for it has the body.
            let asked = [page]
                .into_iter()
                .chain(&frames)
                .find(|of| of.id() == session.as_deref());
            let body = match (failed, asked) {
                (Some(failed), _) => Err(failed),
                (None, _) if !complete => Err("it was not complete yet".to_owned()),
                (None, None) => Err("its frame is gone".to_owned()),
                (None, Some(of)) => match response_body(of, &request_id, deadline).await {
                    Err(error @ Error::Timeout { .. }) => return Err(error),
                    Err(error @ Error::Gone { .. }) if page.close_reason().is_some() => return Err(error),
                    other => other.map(|(body, _)| body).map_err(|error| error.to_string()),
                },
            };
            captured.push(Captured {
                url,
                method,
                status,
                headers,
                request_headers,
                body,
            });
        }
        Ok(captured)
    }

    /// All cookies of the tab's context.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn cookies(&self, deadline: Deadline) -> Result<Vec<Cookie>> {
        self.context.cookies(deadline).await
    }
}

/// What was sent, and whether the browser gave it as text, which is then UTF-8.
async fn response_body(of: &CdpSession, request: &str, deadline: Deadline) -> Result<(Bytes, bool)> {
    let command = RawCommand::new("Network.getResponseBody", json!({"requestId": request}))?;
    let body: Body = of.send_as(command, deadline).await?;
    if !body.base64_encoded {
        return Ok((body.body.into(), true));
    }
    let bytes = STANDARD
        .decode(body.body)
        .map_err(|error| Error::malformed("Network.getResponseBody", error))?;
    Ok((bytes.into(), false))
}
