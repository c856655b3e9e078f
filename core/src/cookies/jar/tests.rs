use super::super::bucket::{MAX_IN_ALL, MAX_PER_DOMAIN};
use super::*;
use crate::SameSite;
use std::time::{Duration, UNIX_EPOCH};

pub(super) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

pub(super) fn headers(values: &[&str]) -> HeaderMap {
    let values = values
        .iter()
        .map(|value| HeaderValue::from_bytes(value.as_bytes()).unwrap());
    values.map(|value| (header::SET_COOKIE, value)).collect()
}

/// A jar that got these headers from that URL.
fn jar(from: &str, values: &[&str]) -> CookieJar {
    let jar = CookieJar::new();
    jar.store(&url(from), &headers(values));
    jar
}

fn sent(jar: &CookieJar, to: &str) -> String {
    jar.header(&url(to))
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[test]
fn a_cookie_goes_back_to_where_it_came_from() {
    let jar = jar(
        "https://a.shop.test/",
        &["host=1", "all=2; Domain=shop.test", "dot=3; Domain=.SHOP.test"],
    );
    assert_eq!(sent(&jar, "https://a.shop.test/"), "host=1; all=2; dot=3");
    assert_eq!(sent(&jar, "https://b.shop.test/"), "all=2; dot=3");
    assert_eq!(sent(&jar, "https://shop.test/"), "all=2; dot=3");
    assert_eq!(sent(&jar, "https://b.a.shop.test/"), "all=2; dot=3");
    assert_eq!(sent(&jar, "https://evilshop.test/"), "");
}

#[test]
fn the_header_has_longest_paths_first_then_the_oldest_and_is_sensitive() {
    let jar = jar(
        "http://h.test/a/b/c",
        &[
            "one=1; Path=/",
            "two=2; Path=/a/b",
            "three=3; Path=/a",
            "four=4; Path=/",
        ],
    );
    assert_eq!(sent(&jar, "http://h.test/a/b/c"), "two=2; three=3; one=1; four=4");
    jar.store(&url("http://h.test/"), &headers(&["one=5; Path=/"]));
    assert_eq!(
        sent(&jar, "http://h.test/"),
        "one=5; four=4",
        "a new value keeps the place"
    );
    assert!(jar.header(&url("http://h.test/")).unwrap().is_sensitive());
    assert_eq!(sent(&jar, "http://h.test/ab"), "one=5; four=4");
}

#[test]
fn nobody_sets_cookies_for_domains_that_anyone_can_register() {
    for (from, value) in [
        ("https://shop.com/", "a=1; Domain=com"),
        ("https://shop.co.uk/", "a=1; Domain=co.uk"),
        ("https://me.github.io/", "a=1; Domain=github.io"),
        ("https://shop.test/", "a=1; Domain=test"),
        ("https://shop.test/", "a=1; Domain=other.test"),
        ("https://shop.test/", "a=1; Domain=a.shop.test"),
        ("https://shop.test/", "a=1; Domain=..shop.test"),
        ("http://1.2.3.4/", "a=1; Domain=3.4"),
        ("http://1.2.3.4/", "a=1; Domain=.2.3.4"),
    ] {
        assert!(jar(from, &[value]).is_empty(), "{from} {value}");
    }
    for (from, domain) in [
        ("https://github.io/", "github.io"),
        ("http://localhost/", "localhost"),
        ("http://127.0.0.1:81/", "127.0.0.1"),
        ("http://[::1]/", "[::1]"),
    ] {
        let own = jar(from, &[&format!("a=1; Domain={domain}")]);
        assert_eq!(own.cookies()[0].domain, domain, "it is for this host alone");
    }
}

#[test]
fn secure_cookies_stay_off_plain_http() {
    assert!(jar("http://h.test/", &["a=1; Secure"]).is_empty());
    let jar_ = jar("https://h.test/", &["a=1; Secure"]);
    assert_eq!(sent(&jar_, "http://h.test/"), "");
    assert_eq!(sent(&jar_, "https://h.test:8443/"), "a=1");
    for this_computer in [
        "http://localhost/",
        "http://app.localhost/",
        "http://127.0.0.1/",
        "http://[::1]/",
    ] {
        assert_eq!(sent(&jar(this_computer, &["a=1; Secure"]), this_computer), "a=1");
    }
}

#[test]
fn plain_http_leaves_secure_cookies_alone() {
    let jar = jar(
        "https://h.test/in/",
        &["a=1; Secure; Path=/in", "b=1; Secure; Domain=h.test; Path=/in"],
    );
    for header in [
        "a=2; Path=/in",
        "a=2; Path=/in/side",
        "b=2; Path=/in",
        "a=; Max-Age=0; Path=/in",
    ] {
        assert!(
            jar.store(&url("http://h.test/in/"), &headers(&[header])).is_empty(),
            "{header}"
        );
    }
    assert!(
        jar.store(&url("http://www.h.test/in/"), &headers(&["b=2; Path=/in"]))
            .is_empty()
    );
    assert_eq!(sent(&jar, "https://h.test/in/"), "a=1; b=1");
    assert_eq!(
        jar.store(&url("http://h.test/"), &headers(&["a=2; Path=/"])).len(),
        1,
        "a path above is another matter"
    );
    assert_eq!(
        jar.store(&url("https://h.test/in/"), &headers(&["a=2; Path=/in"]))
            .len(),
        1
    );
}

#[test]
fn prefixes_are_promises() {
    let accepted = |header: &str| !jar("https://a.h.test/x/", &[header]).is_empty();
    assert!(accepted("__Host-a=1; Secure; Path=/"));
    assert!(!accepted("__Host-a=1; Path=/"));
    assert!(!accepted("__Host-a=1; Secure"), "the default path is /x");
    assert!(!accepted("__Host-a=1; Secure; Path=/; Domain=a.h.test"));
    assert!(!accepted("__hOST-a=1; Secure; Path=/; Domain=h.test"));
    assert!(accepted("__Secure-a=1; Secure; Domain=h.test"));
    assert!(!accepted("__Secure-a=1"));
    assert!(!accepted("=__Secure-a=1; Secure"));
    assert!(
        !accepted("a=1; SameSite=None"),
        "browsers take it for secure cookies alone"
    );
}

#[test]
fn expiry_is_looked_at_when_a_cookie_is_sent() {
    let jar = CookieJar::new();
    let (here, now) = (url("http://h.test/"), UNIX_EPOCH + Duration::from_secs(1_445_412_000));
    jar.store_at(
        &here,
        &headers(&["age=1; Max-Age=10", "date=1; Expires=Wed, 21 Oct 2015 07:20:20 GMT"]),
        now,
    );
    jar.store_at(
        &here,
        &headers(&["both=1; Max-Age=30; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]),
        now,
    );
    let count = |after| jar.with_matching(&here, now + Duration::from_secs(after), |found| found.len());
    assert_eq!(
        [count(0), count(9), count(10), count(20), count(30)],
        [Some(3), Some(3), Some(2), Some(1), Some(0)]
    );
    jar.store_at(&here, &headers(&["long=1; Max-Age=99999999999999999999999"]), now);
    let year = 365 * 86_400;
    assert_eq!(
        [count(year), count(year + 35 * 86_400)],
        [Some(1), Some(0)],
        "400 days at most"
    );
}

#[test]
fn an_expired_cookie_deletes() {
    let jar = jar("http://h.test/", &["a=1", "b=1", "c=1", "d=1"]);
    let deleting = [
        "a=; Max-Age=0",
        "b=; Expires=Thu, 01-Jan-1970 00:00:01 UTC",
        "c=; Max-Age=-1",
        "d=1; Max-Age=",
    ];
    let accepted = jar.store(&url("http://h.test/"), &headers(&deleting));
    assert_eq!(accepted.len(), 1, "an age of nothing is no age");
    assert_eq!(sent(&jar, "http://h.test/"), "d=1");
    let both = jar.store(&url("http://h.test/"), &headers(&["e=1", "e=; Max-Age=0"]));
    assert!(both.is_empty() && sent(&jar, "http://h.test/") == "d=1");
}

#[test]
fn odd_headers_are_read_as_browsers_read_them() {
    let one = |header: &str| jar("http://h.test/x/y", &[header]).cookies().pop();
    let quoted = one(r#" a = "b c, d" ; pAtH=/q ;httponly; SAMESITE=lax; unknown"#).unwrap();
    assert_eq!(
        (quoted.name.as_str(), quoted.value.as_str(), quoted.path.as_str()),
        ("a", r#""b c, d""#, "/q")
    );
    assert_eq!((quoted.http_only, quoted.same_site), (true, Some(SameSite::Lax)));
    assert_eq!(one("a=1; Path=q").unwrap().path, "/x");
    assert_eq!(one("a=1; Domain=; Path=").unwrap().domain, "h.test");
    assert_eq!(one("a=b=c%20").unwrap().value, "b=c%20");
    assert_eq!(sent(&jar("http://h.test/", &["alone"]), "http://h.test/"), "alone");
    assert_eq!(
        one(&format!("a=1; Path=/{}", "x".repeat(2_000))).unwrap().path,
        "/x",
        "too long to be true"
    );
    for none in ["", ";", "=", "; Path=/"] {
        assert_eq!(one(none), None, "{none}");
    }
    assert_eq!(one(&format!("a={}", "x".repeat(4_096))), None);
    assert!(jar("data:text/plain,x", &["a=1"]).is_empty());
}

#[test]
fn a_requests_own_cookie_replaces_the_jars() {
    let jar = jar("http://h.test/", &["a=1", "b=2"]);
    let own = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        jar.header_with(&url("http://h.test/"), &pairs)
            .map(|value| value.unwrap().to_str().unwrap().to_owned())
    };
    assert_eq!(own(&[]).unwrap(), "a=1; b=2");
    assert_eq!(own(&[("a", "x"), ("c", ""), ("c", "3")]).unwrap(), "b=2; a=x; c=3");
    let alone = CookieJar::new().header_with(&url("http://h.test/"), &[("a".into(), "1".into())]);
    assert_eq!(alone.unwrap().unwrap(), "a=1");
    assert_eq!(CookieJar::new().header_with(&url("http://h.test/"), &[]).unwrap(), None);
    for (name, value) in [
        ("", "hush"),
        ("a=b", "hush"),
        ("a", "hush;x"),
        ("a", "hush\r\nX: y"),
        ("a", " hush"),
    ] {
        let told = own(&[(name, value)]).unwrap_err().to_string();
        assert!(
            told.contains("the request's cookie") && !told.contains("hush"),
            "{told}"
        );
    }
}

#[test]
fn a_domain_keeps_what_was_used_last() {
    let jar = CookieJar::new();
    let here = url("http://h.test/");
    jar.store(&url("http://h.test/kept/"), &headers(&["kept=1; Path=/kept"]));
    for index in 0..400 {
        assert!(jar.header(&url("http://h.test/kept/")).is_some());
        jar.store(&url("http://www.h.test/"), &headers(&[&format!("c{index}=1; Path=/c")]));
        assert!(jar.len() <= MAX_PER_DOMAIN);
    }
    assert_eq!(jar.len(), MAX_PER_DOMAIN);
    assert!(
        sent(&jar, "http://www.h.test/c").ends_with("c399=1") && !sent(&jar, "http://www.h.test/c").contains("c0=1")
    );
    jar.store(&here, &headers(&["other=1"]));
    assert_eq!(jar.len(), MAX_PER_DOMAIN);
}

#[test]
fn a_jar_keeps_what_was_used_last() {
    let jar = CookieJar::new();
    let first = url("http://first.test/");
    jar.store(&first, &headers(&["kept=1"]));
    for index in 0..4_000 {
        jar.store(&url(&format!("http://h{index}.test/")), &headers(&["a=1"]));
        assert!(jar.header(&first).is_some());
        assert!(jar.shared.stored.load(Ordering::Relaxed) <= MAX_IN_ALL);
    }
    assert!(jar.len() > MAX_IN_ALL - 400, "{}", jar.len());
    assert_eq!(
        (sent(&jar, "http://h0.test/"), sent(&jar, "http://h3999.test/")),
        (String::new(), "a=1".into())
    );
}

#[test]
fn what_is_put_in_by_hand_can_be_found_and_taken_out() {
    let jar = CookieJar::new();
    let here = url("https://www.shop.test/a");
    jar.insert(Cookie::new("sid", "1", ".shop.test")).unwrap();
    assert_eq!(jar.get(&here, "sid").unwrap().value, "1");
    assert_eq!(jar.get(&here, "other"), None);
    assert!(
        !jar.remove("shop.test", "/", "sid"),
        "without the dot it is another cookie"
    );
    assert!(jar.remove(".shop.test", "/", "sid"));
    assert!(jar.is_empty() && jar.header(&here).is_none());
    let mut over = Cookie::new("sid", "2", "shop.test");
    jar.insert(over.clone()).unwrap();
    over.expires = Some(UNIX_EPOCH);
    jar.insert(over).unwrap();
    assert!(jar.is_empty(), "an expired one takes it away");
}

#[test]
fn a_storage_state_goes_in_and_comes_out() {
    let text = r#"{"cookies":[
        {"name":"sid","value":"1","domain":".shop.test","path":"/","expires":4102444800.25,"httpOnly":true,"secure":true,"sameSite":"Lax"},
        {"name":"old","value":"1","domain":"shop.test","path":"/","expires":1},
        {"name":"wide","value":"1","domain":".github.io","path":"/","expires":-1}],
        "origins":[{"origin":"https://shop.test","localStorage":[{"name":"k","value":"v"}]}]}"#;
    let jar = CookieJar::new();
    assert_eq!(jar.load(&StorageState::from_json(text).unwrap()).unwrap(), 2);
    let state = jar.storage_state();
    assert_eq!(state.cookies.len(), 2);
    assert_eq!(
        state.cookies[1].domain, "github.io",
        "nobody's cookies reach all of github.io"
    );
    assert_eq!(state.origins[0].local_storage[0].value, "v");
    let again = CookieJar::new();
    again
        .load(&StorageState::from_json(&state.to_json().unwrap()).unwrap())
        .unwrap();
    assert_eq!(again.storage_state(), state);

    let bad = StorageState::from_json(
        r#"{"cookies":[{"name":"x","value":"1","domain":"h.test"},{"name":"b;d","value":"hush","domain":"h.test"}]}"#,
    );
    let told = again.load(&bad.unwrap()).unwrap_err().to_string();
    assert!(told.contains("`b;d`") && !told.contains("hush"), "{told}");
    assert_eq!(again.storage_state(), state, "nothing of it went in");
    again.clear();
    assert_eq!(again.storage_state(), StorageState::default());
}

#[test]
fn what_ran_out_in_a_storage_state_takes_nothing_from_the_jar() {
    let jar = jar("https://shop.test/", &["sid=new", "theme=dark"]);
    let text = r#"{"cookies":[
        {"name":"sid","value":"old","domain":"shop.test","path":"/","expires":1},
        {"name":"theme","value":"light","domain":"shop.test","path":"/","expires":-1}]}"#;
    assert_eq!(jar.load(&StorageState::from_json(text).unwrap()).unwrap(), 1);
    assert_eq!(sent(&jar, "https://shop.test/"), "sid=new; theme=light");
}

#[test]
fn a_clone_is_the_same_jar_and_debug_shows_no_cookie() {
    let jar = jar("http://h.test/", &["sid=hush"]);
    let clone = jar.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| clone.store(&url("http://h.test/"), &headers(&["two=hush"])));
    });
    assert_eq!(jar.len(), 2);
    assert_eq!(format!("{jar:?}"), "CookieJar { cookies: 2, .. }");
}
