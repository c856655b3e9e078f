//! A session is one visitor, and says which.

use silkroute_core::identity::Browser;
use silkroute_core::{Identity, RequestExt as _};

use super::words::{Must as _, SOON, must_be_unsupported, within};
use super::{Bench, Capability};
use crate::site::Recorded;

/// Once it has started a session MUST be who it was expected to be, where it said so. Asking MUST end by itself, and MUST NOT
/// make it alive or reach a site.
pub async fn it_is_who_it_was_expected_to_be(bench: &Bench) {
    let mut session = bench.built().await;
    // Those that replay were recorded from the site while they were built.
    let connections = bench.site().total_connections();
    let born_alive = session.is_alive();
    let rule = "asking who a session will be MUST end by itself within seconds";
    let expected = within(SOON, rule, session.expected_identity()).await;
    assert!(
        born_alive || !session.is_alive(),
        "asking who a session will be MUST NOT make it alive"
    );
    assert_eq!(
        bench.site().total_connections(),
        connections,
        "asking who a session will be MUST NOT reach a site"
    );
    session.start().await.must("a session that can be built MUST start");
    let own = session.identity();
    match &expected {
        None => eprintln!("the session does not tell who it will be"),
        Some(_) => assert_eq!(
            own, expected,
            "once it has started a session MUST be who it was expected to be"
        ),
    }
    let now = within(SOON, rule, session.expected_identity()).await;
    assert_eq!(own, now, "a session that is alive MUST be expected to be who it is");
    bench.finish(session).await;
}

/// A session MUST be able to be its own identity. A request that names who it shall look like MUST be sent so where the
/// session says that it can be that, and MUST be refused where it does not.
pub async fn a_request_looks_like_its_identity_or_is_refused(bench: &Bench) {
    let session = bench.started().await;
    let own = session.identity();
    let others = ["chrome131", "firefox133"].map(|name| name.parse::<Identity>().must("an identity"));
    for (index, identity) in own.iter().chain(&others).enumerate() {
        let is_own = own.as_ref() == Some(identity);
        let can = session.can_be(identity);
        assert!(can || !is_own, "a session MUST be able to be its own identity");
        let path = format!("/echo/identity/{index}");
        let request = bench.get(&path).identity(identity.clone());
        if !can {
            must_be_unsupported(session.fetch(&request).await, "an identity that it cannot be");
            assert!(
                bench.site().requests_to(&path).is_empty(),
                "a request whose identity is refused MUST NOT be sent as somebody else"
            );
        } else if bench.can(Capability::Live) {
            bench.fetched(&*session, &request).await;
            must_look_like(identity, &bench.seen(&path));
            assert!(
                !is_own || session.user_agent() == identity.user_agent(),
                "a session's identity and its user agent MUST be of one visitor"
            );
        }
    }
    bench.finish(session).await;
}

/// What a visitor says of itself in each request. The site is on this machine, whose origins are as secure to browsers as
/// those with TLS: <https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy>.
fn must_look_like(identity: &Identity, seen: &Recorded) {
    let hints = identity.sec_ch_ua();
    let hinted = |value: String| hints.is_some().then_some(value);
    // OkHttp adds none to what its app says.
    let languages = (identity.browser != Browser::OkHttp).then(|| identity.accept_language());
    for (name, expected) in [
        ("user-agent", identity.user_agent()),
        ("accept-language", languages),
        ("sec-ch-ua", hints.clone()),
        ("sec-ch-ua-mobile", hinted(identity.sec_ch_ua_mobile().to_owned())),
        ("sec-ch-ua-platform", hinted(identity.sec_ch_ua_platform())),
    ] {
        assert_eq!(
            seen.header(name),
            expected.as_deref(),
            "a request MUST look like its identity `{}` in its `{name}`",
            identity.name()
        );
    }
}
