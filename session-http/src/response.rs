//! What an HTTP session gives back.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Version};
use silkroute_core::{RedactedHeaders, Response, ResponseParts};

/// The response of an HTTP session: what all responses have, and facts of HTTP.
///
/// ```
/// use silkroute_core::Response;
/// use silkroute_session_http::HttpResponse;
///
/// fn spoke_http2(response: &dyn Response) -> bool {
///     response.downcast_ref::<HttpResponse>().is_some_and(|http| http.version == http::Version::HTTP_2)
/// }
/// ```
#[non_exhaustive]
pub struct HttpResponse {
    /// What all responses have.
    pub parts: ResponseParts,
    /// The version of HTTP that it came over.
    pub version: Version,
    /// The address that was connected to: the proxy's, where there was one. `None` where it is not known.
    pub remote_addr: Option<SocketAddr>,
    /// The headers of the last request, as they went out and in their order. `Host` and `Connection`, which are
    /// written when the version is known, are not among them.
    pub request_headers: Arc<HeaderMap>,
    /// Who was impersonated, such as `chrome149`; `none` for nobody.
    pub identity: Arc<str>,
}

impl Response for HttpResponse {
    fn parts(&self) -> &ResponseParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.parts
    }
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpResponse")
            .field("parts", &self.parts)
            .field("version", &self.version)
            .field("remote_addr", &self.remote_addr)
            .field("request_headers", &RedactedHeaders(&self.request_headers))
            .field("identity", &self.identity)
            .finish()
    }
}
