//! One spelling for the URLs that mean the same.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use url::{Position, Url};

/// What stays as it is in a query: RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What stays as it is in a path besides: RFC 3986's reserved characters, without those that end a path.
const PATH: &AsciiSet = &QUERY
    .remove(b':')
    .remove(b'/')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// The URL in the spelling that all URLs of the same meaning share: query pairs sorted, what is percent-encoded without need
/// decoded and the rest in capitals, the fragment gone unless it is asked for.
///
/// It follows `canonicalize_url` of w3lib, which Scrapy's and Scrapling's fingerprints stand on, on top of the URL
/// standard's own normal form. Unlike there, an encoded `%` stays encoded, so that `%2541` is not taken for `A`.
///
/// ```
/// use silkroute_core::canonical_url;
///
/// let url = "http://Shop.test/a%7Eb?z=1&q=a%20b&q=a+a#top".parse().unwrap();
/// assert_eq!(canonical_url(&url, false), "http://shop.test/a~b?q=a+a&q=a+b&z=1");
/// ```
pub fn canonical_url(url: &Url, keep_fragment: bool) -> String {
    let mut out = String::with_capacity(url.as_str().len());
    if url.cannot_be_a_base() {
        out.push_str(&url[..Position::AfterQuery]);
    } else {
        out.push_str(&url[..Position::BeforeHost]);
        // The URL standard leaves the case of hosts as it is for schemes that it does not know.
        out.push_str(&url[Position::BeforeHost..Position::AfterHost].to_ascii_lowercase());
        out.push_str(&url[Position::AfterHost..Position::BeforePath]);
        push_path(url.path(), &mut out);
        push_query(url.query().unwrap_or_default(), &mut out);
    }
    if keep_fragment && let Some(fragment) = url.fragment() {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

fn push_path(path: &str, out: &mut String) {
    if path.is_empty() {
        out.push('/');
    }
    let mut rest = path;
    // An encoded slash is not one that separates.
    while let Some((at, escape)) = next_slash(rest) {
        push_segment(&rest[..at], out);
        out.push_str(escape);
        rest = &rest[at + escape.len()..];
    }
    push_segment(rest, out);
}

fn next_slash(path: &str) -> Option<(usize, &'static str)> {
    let found = path
        .as_bytes()
        .windows(3)
        .position(|escape| escape.eq_ignore_ascii_case(b"%2f"));
    found.map(|at| (at, "%2F"))
}

fn push_segment(text: &str, out: &mut String) {
    let decoded: Vec<u8> = percent_decode(text.as_bytes()).collect();
    out.extend(percent_encode(&decoded, PATH));
}

/// Sorted by name, then value; of pairs without a value the `=` is added, as in a form.
fn push_query(query: &str, out: &mut String) {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (form_decoded(name), form_decoded(value)))
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        push_form(name, out);
        out.push('=');
        push_form(value, out);
    }
}

fn form_decoded(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}

fn push_form(bytes: &[u8], out: &mut String) {
    for (index, word) in bytes.split(|&byte| byte == b' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        out.extend(percent_encode(word, QUERY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(url: &str) -> String {
        canonical_url(&url.parse().unwrap(), false)
    }

    #[test]
    fn urls_that_mean_the_same_become_the_same() {
        assert_eq!(canonical("http://H.test:80?b=1&&a"), "http://h.test/?a=&b=1");
        assert_eq!(canonical("http://h/%7euser/%e9"), "http://h/~user/%E9");
        assert_eq!(canonical("http://h/?q=%C3%A9&p=*"), canonical("http://h/?p=%2a&q=é"));
        assert_eq!(canonical("http://h/?"), "http://h/");
    }

    #[test]
    fn urls_that_mean_something_else_stay_apart() {
        assert_ne!(canonical("http://h/a%2fb"), canonical("http://h/a/b"));
        assert_ne!(canonical("http://h/a%3fb"), canonical("http://h/a?b"));
        assert_ne!(canonical("http://h/%2541"), canonical("http://h/A"));
        assert_ne!(canonical("http://h/?a=1%262"), canonical("http://h/?a=1&2"));
        assert_ne!(canonical("http://h/?a=1%2b2"), canonical("http://h/?a=1+2"));
    }

    #[test]
    fn what_has_no_path_of_its_own_stays_as_it_is() {
        assert_eq!(canonical("data:text/plain,a b?z&a#f"), "data:text/plain,a b?z&a");
        assert_eq!(canonical_url(&"mailto:a@b#f".parse().unwrap(), true), "mailto:a@b#f");
    }

    proptest! {
        #[test]
        fn a_canonical_url_is_canonical(path in ".{0,40}", query in ".{0,40}", fragment in ".{0,10}") {
            let mut url: Url = "https://user:p@h.test:8080/".parse().unwrap();
            url.set_path(&path);
            url.set_query(Some(&query));
            url.set_fragment(Some(&fragment));
            for keep in [false, true] {
                let once = canonical_url(&url, keep);
                prop_assert_eq!(canonical_url(&once.parse().unwrap(), keep), once);
            }
        }

        #[test]
        fn so_is_one_with_escapes(text in "[/?#%&=+;.a-fA-F0-9~ -]{0,60}") {
            let url: Url = format!("http://h/{text}").parse().unwrap();
            let once = canonical_url(&url, true);
            prop_assert_eq!(canonical_url(&once.parse().unwrap(), true), once);
        }
    }
}
