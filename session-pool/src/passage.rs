//! Whether what an identity fetched came through its proxy.

use silkroute_core::{CacheOutcome, FetchError, FetchErrorKind, Proxy, RequestParts, Response, Result};

use crate::Member;

/// The error of a fetch that did not go through the proxy of the identity, as far as the session tells. An answer that names no
/// proxy came without one; but for what a cache had, which was not fetched.
pub(crate) fn astray(
    member: &Member,
    kind: &str,
    parts: &RequestParts,
    result: &Result<Box<dyn Response>>,
) -> Option<FetchError> {
    let own = member.bound_to()?.label();
    let through = match result {
        Ok(response) if response.cache() == Some(CacheOutcome::Hit) => return None,
        Ok(response) => response.proxy(),
        // An error that names none may have come before any.
        Err(error) => Some(error.as_fetch()?.get("proxy")?),
    };
    // Told with credentials or without, it is the same one; only without them it is shown.
    let told = through.map(|through| through.parse::<Proxy>().map(|proxy| proxy.label()));
    let instead = match told {
        Some(Ok(label)) if label == own => return None,
        Some(Ok(label)) => format!("but through {label}"),
        Some(Err(_)) => "but through something that is no proxy's address".to_owned(),
        None => "but directly, or its session does not say through what".to_owned(),
    };
    let what = format!(
        "the `{kind}` session of `{}` did not go through its proxy {own}, {instead}; the identity sends nothing more",
        member.name()
    );
    let error = FetchError::new(FetchErrorKind::Proxy, what).retryable(false);
    Some(
        error
            .parts(parts)
            .context("identity", member.label())
            .hint(HAND_IT_OVER),
    )
}

/// What to do about it.
pub(crate) const HAND_IT_OVER: &str = "where the pool's sessions are made, hand `member.proxy()` to each; a kind of your own names \
                                       the proxy that it went through in `ResponseParts::proxy`";
