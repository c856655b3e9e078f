use super::tests::{headers, url};
use super::*;
use proptest::prelude::*;

fn host() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec![
        "a",
        "b",
        "shop",
        "com",
        "test",
        "co",
        "uk",
        "github",
        "io",
        "localhost",
        "1",
    ]);
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
}

proptest! {
    #[test]
    fn a_cookie_goes_to_no_host_outside_its_domain(from in host(), domain in prop::option::of(host()), to in host()) {
        let (Ok(from), Ok(to)) = (Url::parse(&format!("https://{from}/")), Url::parse(&format!("https://{to}/"))) else {
            return Ok(());
        };
        let header = domain.map_or("a=1".to_owned(), |domain| format!("a=1; Domain={domain}"));
        let jar = CookieJar::new();
        let accepted = jar.store(&from, &headers(&[&header]));
        let (from, to_host) = (from.host_str().unwrap(), to.host_str().unwrap());
        if let Some(cookie) = accepted.first() {
            let back = jar.get(&url(&format!("https://{from}/")), "a");
            prop_assert_eq!(back.as_ref(), Some(cookie), "it comes back to its sender");
        }
        if jar.header(&to).is_some() {
            let domain = &accepted[0].domain;
            let dotted = format!(".{to_host}");
            prop_assert!(to_host == domain || (domain.starts_with('.') && dotted.ends_with(domain)));
            prop_assert!(to_host == from || psl::domain_str(to_host) == psl::domain_str(from));
        }
    }

    #[test]
    fn no_header_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let jar = CookieJar::new();
            let here = url("https://a.shop.test/x/y");
            let accepted = jar.store(&here, &HeaderMap::from_iter([(header::SET_COOKIE, value)]));
            prop_assert_eq!(accepted.len(), jar.len());
            let _ = jar.header(&here);
        }
    }

    #[test]
    fn no_attributes_make_it_panic(text in "[a-c]=.{0,9}(; ?(Expires|Max-Age|Domain|Path|SameSite|Secure)=?[-a-zA-Z0-9:,./ é]{0,30}){0,5}") {
        let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else { return Ok(()) };
        let jar = CookieJar::new();
        let here = url("https://a.shop.test/x/y");
        let accepted = jar.store(&here, &HeaderMap::from_iter([(header::SET_COOKIE, value)]));
        let state = jar.storage_state();
        prop_assert!(accepted.len() <= 1 && state.cookies.len() == accepted.len());
        prop_assert_eq!(CookieJar::new().load(&state).unwrap(), accepted.len(), "what a jar writes, a jar reads");
    }
}
