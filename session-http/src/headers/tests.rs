use super::*;

fn names(headers: &HeaderMap) -> Vec<&str> {
    headers.iter().map(|(name, _)| name.as_str()).collect()
}

pub(super) fn user(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

fn set(name: &str) -> HeaderSet {
    HeaderSet::new(Some(&Identity::from_name(name).unwrap()), &HeaderMap::new())
}

impl HeaderSet {
    fn assembled(&self, user: &HeaderMap, facts: &Facts) -> HeaderMap {
        self.assemble(true, &"https://h/".parse().unwrap(), user, user, facts)
            .wire
    }
}

#[test]
fn a_users_header_takes_the_place_of_the_browsers() {
    let own = user(&[
        ("accept-language", "fr"),
        ("x-first", "1"),
        ("x-second", "2"),
        ("user-agent", "mine"),
    ]);
    let headers = set("chrome142").assembled(&own, &Facts::default());
    assert_eq!(
        names(&headers),
        [
            "sec-ch-ua",
            "sec-ch-ua-mobile",
            "sec-ch-ua-platform",
            "upgrade-insecure-requests",
            "user-agent",
            "accept",
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-user",
            "sec-fetch-dest",
            "x-first",
            "x-second",
            "accept-encoding",
            "accept-language",
            "priority"
        ]
    );
    assert_eq!(headers["user-agent"], "mine");
    assert_eq!(headers["accept-language"], "fr");
}

#[test]
fn a_form_has_its_headers_where_chrome_puts_them() {
    let facts = Facts {
        content_length: Some(7),
        content_type: Some(HeaderValue::from_static("application/x-www-form-urlencoded")),
        form: true,
        cookie: Some(HeaderValue::from_static("a=b")),
        origin: Some(HeaderValue::from_static("https://shop.test")),
        referer: Some(HeaderValue::from_static("https://shop.test/login")),
        site: Relation::SameOrigin,
    };
    let headers = set("chrome142").assembled(&HeaderMap::new(), &facts);
    assert_eq!(
        names(&headers),
        [
            "content-length",
            "cache-control",
            "sec-ch-ua",
            "sec-ch-ua-mobile",
            "sec-ch-ua-platform",
            "origin",
            "content-type",
            "upgrade-insecure-requests",
            "user-agent",
            "accept",
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-user",
            "sec-fetch-dest",
            "referer",
            "accept-encoding",
            "accept-language",
            "cookie",
            "priority"
        ]
    );
    assert_eq!(headers["sec-fetch-site"], "same-origin");
}

#[test]
fn on_an_insecure_origin_chrome_says_less() {
    let headers = set("chrome142").plain.bare;
    assert_eq!(
        names(&headers),
        [
            "upgrade-insecure-requests",
            "user-agent",
            "accept",
            "accept-encoding",
            "accept-language"
        ]
    );
    assert_eq!(headers["accept-encoding"], "gzip, deflate");
}

#[test]
fn a_range_is_asked_for_uncompressed() {
    let headers = set("chrome142").assembled(&user(&[("range", "bytes=0-9")]), &Facts::default());
    assert_eq!(headers["accept-encoding"], "identity");
}

#[test]
fn the_length_and_the_host_are_not_the_users_to_set() {
    let own = user(&[("content-length", "999"), ("host", "evil.test")]);
    let headers = set("chrome142").assembled(
        &own,
        &Facts {
            content_length: Some(3),
            ..Facts::default()
        },
    );
    assert_eq!(headers["content-length"], "3");
    assert!(!headers.contains_key("host"));
    for name in ["firefox144", "safari26", "okhttp5"] {
        assert!(
            !set(name)
                .assembled(&own, &Facts::default())
                .contains_key("content-length"),
            "{name}"
        );
    }
}

#[test]
fn a_request_replaces_all_values_of_a_name() {
    let merged = merge(
        &user(&[("a", "1"), ("a", "2"), ("b", "1")]),
        &user(&[("a", "3"), ("a", "4")]),
    );
    assert_eq!(merged.get_all("a").iter().collect::<Vec<_>>(), ["3", "4"]);
    assert_eq!(merged["b"], "1");
}

#[test]
fn the_accept_of_a_navigation_goes_with_navigations_alone() {
    let identity = Identity::from_name("chrome149").unwrap();
    let (document, url) = (
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "https://h/".parse().unwrap(),
    );
    let accept = |defaults: &'static str, own: &[(&'static str, &'static str)]| {
        let (defaults, own) = (user(&[("accept", defaults)]), user(own));
        let set = HeaderSet::of_page(&identity, &defaults, Destination::Style).unwrap();
        let wire = set.assemble(true, &url, &merge(&defaults, &own), &own, &Facts::default());
        wire.wire["accept"].to_str().unwrap().to_owned()
    };
    assert_eq!(accept(document, &[]), "text/css,*/*;q=0.1");
    assert_eq!(accept(document, &[("accept", document)]), document, "the request's own");
    assert_eq!(accept("text/x-mine", &[]), "text/x-mine", "nobody's but the user's");
    let navigation = HeaderSet::new(Some(&identity), &user(&[("accept", document)]));
    assert_eq!(navigation.secure.bare["accept"], document);
}
