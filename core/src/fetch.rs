//! The plain request.

use http::Method;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::request::parse_url;
use crate::{Request, RequestExt, RequestParts, Result};

/// The plain request: a method, a URL, and what [`RequestExt`] puts on it.
///
/// ```
/// use silkroute_core::{Fetch, RequestExt};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::get("https://shop.test/products?page=2")?.session("stealth");
/// assert!(Fetch::get("shop.test/products").is_err(), "a URL without a scheme is refused where it is written");
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fetch {
    parts: RequestParts,
}

impl Fetch {
    /// A request of any method.
    ///
    /// # Errors
    /// The method or the URL cannot be used.
    pub fn new(method: &str, url: &str) -> Result<Self> {
        Self::get(url)?.method(method)
    }

    /// A `GET`.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn get(url: &str) -> Result<Self> {
        parse_url(url).map(Self::from)
    }

    /// A `POST`; give it a body with [`json`](RequestExt::json), [`form`](RequestExt::form) or [`body`](RequestExt::body).
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn post(url: &str) -> Result<Self> {
        Self::new("POST", url)
    }

    /// A `PUT`.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn put(url: &str) -> Result<Self> {
        Self::new("PUT", url)
    }

    /// A `PATCH`.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn patch(url: &str) -> Result<Self> {
        Self::new("PATCH", url)
    }

    /// A `DELETE`.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn delete(url: &str) -> Result<Self> {
        Self::new("DELETE", url)
    }

    /// A `HEAD`.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn head(url: &str) -> Result<Self> {
        Self::new("HEAD", url)
    }
}

/// A `GET` of a URL that is parsed already.
impl From<Url> for Fetch {
    fn from(url: Url) -> Self {
        Self {
            parts: RequestParts::new(Method::GET, url),
        }
    }
}

impl From<RequestParts> for Fetch {
    fn from(parts: RequestParts) -> Self {
        Self { parts }
    }
}

impl From<Fetch> for RequestParts {
    fn from(fetch: Fetch) -> Self {
        fetch.parts
    }
}

impl Request for Fetch {
    fn parts(&self) -> &RequestParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut RequestParts {
        &mut self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use std::time::Duration;

    #[test]
    fn a_request_comes_back_from_disk_whole() {
        let mut request = Fetch::new("purge", "https://u:p@shop.test/a?b=1")
            .unwrap()
            .header("X-One", "1")
            .unwrap()
            .json(&serde_json::json!({"k": [1, 2]}))
            .unwrap()
            .cookie("c", "v")
            .session("api")
            .timeout(Duration::from_millis(1_500))
            .proxy("socks5://user:secret@127.0.0.1:1080")
            .unwrap()
            .identity("chromium156".parse().unwrap())
            .meta("page", 3);
        request.parts_mut().options.set_key("martian", "rays", true);
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Fetch>(&text).unwrap(), request, "{text}");
        assert_eq!(request.parts().method.as_str(), "purge");
    }

    #[test]
    fn several_headers_and_cookies_are_set_like_one_by_one() {
        let all = Fetch::patch("http://h/")
            .unwrap()
            .header("X-One", "0")
            .unwrap()
            .headers([("x-one", "1"), ("X-Two", "2")])
            .unwrap()
            .cookies([("a", "1"), ("b", "2")])
            .bearer_auth("hush")
            .unwrap();
        let single = Fetch::new("PATCH", "http://h/")
            .unwrap()
            .header("X-One", "1")
            .unwrap()
            .header("X-Two", "2")
            .unwrap()
            .cookie("a", "1")
            .cookie("b", "2")
            .header("Authorization", "Bearer hush")
            .unwrap();
        assert_eq!(all, single);
        assert!(all.parts().headers["authorization"].is_sensitive());
        let refused = Fetch::get("http://h/")
            .unwrap()
            .bearer_auth("hush\n")
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("authorization") && !refused.contains("hush"),
            "{refused}"
        );
        assert!(Fetch::get("http://h/").unwrap().headers([("a b", "c")]).is_err());
    }

    #[test]
    fn standard_methods_are_folded_and_others_kept() {
        assert_eq!(Fetch::new("post", "http://h/").unwrap().parts().method, Method::POST);
        assert_eq!(
            Fetch::new("pUrge", "http://h/").unwrap().parts().method.as_str(),
            "pUrge"
        );
        assert!(Fetch::new("GE T", "http://h/").is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let request = Fetch::post("https://user:hush@shop.test/")
            .unwrap()
            .header("Authorization", "Bearer hush")
            .unwrap()
            .cookie("sid", "hush")
            .form([("password", "hush")])
            .proxy("http://p:hush@127.0.0.1:8080")
            .unwrap()
            .meta("token", "hush");
        let shown = format!("{request:?}");
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn bad_input_is_told_where_it_is_written() {
        let no_scheme = Fetch::get("user:hush@shop.test").unwrap_err().to_string();
        assert!(!no_scheme.contains("hush"), "{no_scheme}");
        assert!(Fetch::get("mailto:a@b").is_err());
        assert!(Fetch::get("http://h/").unwrap().header("a b", "x").is_err());
        assert!(Fetch::get("http://h/").unwrap().header("a", "x\r\ny").is_err());
        assert!(Fetch::get("http://h/").unwrap().proxy("ftp://h").is_err());
    }

    #[test]
    fn an_unknown_field_at_rest_is_refused() {
        let error = serde_json::from_str::<Fetch>(r#"{"url":"http://h/","methd":"GET"}"#).unwrap_err();
        assert!(error.to_string().contains("methd"), "{error}");
        let plain: Fetch = serde_json::from_str(r#"{"url":"http://h/"}"#).unwrap();
        assert_eq!(plain.parts().options, Options::default());
    }
}
