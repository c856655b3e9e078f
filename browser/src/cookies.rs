//! Cookies between the browser and [`Cookie`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use silkroute_core::{Cookie, SameSite};

use crate::cdp::{CdpSession, RawCommand};
use crate::{Deadline, Result};

pub(crate) fn scope(context: Option<&str>) -> Value {
    context.map_or_else(|| json!({}), |id| json!({"browserContextId": id}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Theirs {
    name: String,
    #[serde(default)]
    value: String,
    domain: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    expires: f64,
    #[serde(default)]
    http_only: bool,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    same_site: Option<String>,
    #[serde(default)]
    partition_key: Option<Value>,
}

impl From<Theirs> for Cookie {
    fn from(theirs: Theirs) -> Self {
        let mut cookie = Self::new(theirs.name, theirs.value, theirs.domain);
        cookie.path = theirs.path;
        // -1 means until the browser ends.
        let lasting = Duration::try_from_secs_f64(theirs.expires).ok();
        cookie.expires = lasting.and_then(|lasting| UNIX_EPOCH.checked_add(lasting));
        cookie.http_only = theirs.http_only;
        cookie.secure = theirs.secure;
        cookie.same_site = match theirs.same_site.as_deref() {
            Some("Strict") => Some(SameSite::Strict),
            Some("Lax") => Some(SameSite::Lax),
            Some("None") => Some(SameSite::None),
            _ => None,
        };
        if let Some(key) = theirs.partition_key {
            cookie.other.insert("partitionKey".to_owned(), key);
        }
        cookie
    }
}

pub(crate) async fn all(root: &CdpSession, context: Option<&str>, deadline: Deadline) -> Result<Vec<Cookie>> {
    #[derive(Deserialize)]
    struct All {
        #[serde(default)]
        cookies: Vec<Theirs>,
    }
    let all: All = root
        .send_as(RawCommand::new("Storage.getCookies", scope(context))?, deadline)
        .await?;
    Ok(all.cookies.into_iter().map(Cookie::from).collect())
}

pub(crate) async fn set(
    root: &CdpSession,
    context: Option<&str>,
    cookies: &[Cookie],
    deadline: Deadline,
) -> Result<()> {
    if cookies.is_empty() {
        return Ok(());
    }
    let mut params = scope(context);
    params["cookies"] = cookies.iter().map(theirs).collect();
    root.send(RawCommand::new("Storage.setCookies", params)?, deadline)
        .await
        .map(drop)
}

fn theirs(cookie: &Cookie) -> Value {
    let mut theirs = Map::new();
    theirs.insert("name".into(), cookie.name.as_str().into());
    theirs.insert("value".into(), cookie.value.as_str().into());
    theirs.insert(
        "path".into(),
        if cookie.path.is_empty() {
            "/"
        } else {
            cookie.path.as_str()
        }
        .into(),
    );
    theirs.insert("secure".into(), cookie.secure.into());
    theirs.insert("httpOnly".into(), cookie.http_only.into());
    let host = cookie.domain.trim_start_matches('.');
    if cookie.domain.starts_with('.') {
        theirs.insert("domain".into(), cookie.domain.as_str().into());
    } else {
        // With a domain it would be sent to hosts below as well; with a URL alone it is the host's own.
        let scheme = if cookie.secure { "https" } else { "http" };
        theirs.insert("url".into(), format!("{scheme}://{host}/").into());
    }
    if let Some(expires) = cookie.expires {
        let lasting = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        theirs.insert("expires".into(), lasting.as_secs_f64().into());
    }
    if let Some(same_site) = cookie.same_site {
        let word = match same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        };
        theirs.insert("sameSite".into(), word.into());
    }
    if let Some(key) = cookie.other.get("partitionKey") {
        theirs.insert("partitionKey".into(), key.clone());
    }
    theirs.into()
}
