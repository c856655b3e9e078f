//! Messages of the protocol, read leniently: fields that are not used are not looked at.

use std::borrow::Cow;
use std::sync::Arc;

use chromiumoxide::Command;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Error, Result, TargetInfo};

/// A command, ready to be written: its method, and its parameters as JSON.
///
/// Made from the typed commands of [`protocol`](crate::protocol), or [`new`](Self::new) for what those do not know.
#[derive(Debug, Clone)]
pub struct RawCommand {
    pub(crate) method: Cow<'static, str>,
    pub(crate) params: Box<RawValue>,
}

impl RawCommand {
    /// A command by name. `params` must serialize to a JSON object.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the parameters do not serialize.
    pub fn new(method: impl Into<Cow<'static, str>>, params: impl Serialize) -> Result<Self> {
        let method = method.into();
        let params = serde_json::value::to_raw_value(&params).map_err(|error| Error::invalid(method.clone(), error))?;
        Ok(Self { method, params })
    }

    /// A typed command.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of<C: Command>(command: &C) -> Result<Self> {
        let method = command.identifier();
        let params = serde_json::value::to_raw_value(command).map_err(|error| Error::invalid(method.clone(), error))?;
        Ok(Self { method, params })
    }

    /// Its method, such as `Page.navigate`.
    pub fn method(&self) -> &str {
        &self.method
    }
}

/// What the browser tells without being asked.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its name, such as `Page.frameNavigated`.
    pub method: Arc<str>,
    /// Its parameters as they came.
    pub params: Arc<str>,
}

impl Event {
    /// The parameters as a type, which should name only the fields that are used, each with a default where the browser
    /// may leave it out.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.params).map_err(|error| Error::malformed(&self.method, error))
    }
}

/// What is written.
#[derive(Serialize)]
pub(super) struct Outgoing<'a> {
    pub(super) id: u64,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<&'a str>,
    pub(super) method: &'a str,
    pub(super) params: &'a RawValue,
}

/// What is read: a reply has an id, an event a method.
#[derive(Deserialize)]
pub(super) struct Incoming<'a> {
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(default, borrow, rename = "sessionId")]
    pub(super) session: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) params: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) error: Option<ReplyError>,
}

#[derive(Deserialize, Debug, Default)]
pub(super) struct ReplyError {
    #[serde(default)]
    pub(super) code: i64,
    #[serde(default)]
    pub(super) message: String,
}

/// A new session.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    pub(super) session_id: Arc<str>,
    #[serde(default)]
    pub(super) target_info: TargetInfo,
}

/// The end of a session, or of all sessions of a target.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Ended {
    pub(super) session_id: Option<Arc<str>>,
    pub(super) target_id: Option<String>,
}
