//! The events of a page, with only the fields that are used. Everything has a default: what a browser leaves out is empty.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::document::Response;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name { $(pub(super) $field: $type),* }
    )*};
}

events! {
    FrameNavigated { frame: Frame }
    Frame {
        id: String, parent_id: Option<String>, loader_id: String, url: String, unreachable_url: Option<String>,
        security_origin: String, mime_type: String,
    }
    Lifecycle { frame_id: String, loader_id: String, name: String }
    OfFrame { frame_id: String }
    Scheduled { frame_id: String, delay: f64, reason: String }
    Requested { frame_id: String, disposition: String }
    WillBeSent {
        request_id: String, loader_id: String, frame_id: String, r#type: String, request: Request,
        redirect_response: Option<Response>,
    }
    Request { url: String, method: String, headers: Map<String, Value> }
    ExtraInfo { request_id: String, headers: Map<String, Value>, status_code: u16 }
    Received { request_id: String, loader_id: String, frame_id: String, r#type: String, response: Response }
    Failed { request_id: String, error_text: String, canceled: bool }
    Download { frame_id: String, suggested_filename: String }
    StorageItem { storage_id: Value }
    LogEntry { entry: Entry }
    ConsoleMessage { message: Entry }
    Entry { source: String, level: String, text: String, url: Option<String>, line_number: Option<u32>, line: Option<u32> }
}
